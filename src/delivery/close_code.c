#include "delivery/close_code.h"

#include <stdint.h>

static const unsigned codes[] = {
#define X(number, sentence) number,
    CLOSE_CODES(X)
#undef X
};

size_t close_code_index(unsigned code)
{
    for (size_t i = 0; i < CLOSE_CODE_COUNT; i++)
        if (codes[i] == code)
            return i;
    return SIZE_MAX;
}

unsigned close_code_at(size_t index)
{
    return codes[index];
}

const char *close_code_sentence(unsigned code)
{
    switch (code) {
#define X(number, sentence) \
    case number:            \
        return sentence;
        CLOSE_CODES(X)
#undef X
    default:
        return "";
    }
}
