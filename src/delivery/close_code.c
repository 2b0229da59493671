#include "delivery/close_code.h"

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
