#include "net/close.h"

static const struct {
    const char *label;
    bool error;
    const char *sentence;
} rows[] = {
#define X(name, label, error, sentence) [name] = {label, error, sentence},
    CLOSE_REASONS(X)
#undef X
};

const char *close_reason_label(enum close_reason reason)
{
    return rows[reason].label;
}

bool close_reason_is_error(enum close_reason reason)
{
    return rows[reason].error;
}

const char *close_reason_sentence(enum close_reason reason)
{
    return rows[reason].sentence;
}
