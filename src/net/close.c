#include "net/close.h"

static const struct {
    const char *label;
    const char *sentence;
} rows[] = {
#define X(name, label, sentence) [name] = {label, sentence},
    CLOSE_REASONS(X)
#undef X
};

const char *close_reason_label(enum close_reason reason)
{
    return rows[reason].label;
}

const char *close_reason_sentence(enum close_reason reason)
{
    return rows[reason].sentence;
}
