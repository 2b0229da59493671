#include "config/scalar.h"

#include "base/jsontext.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum scalar scalar_read(const struct reader *reader, const struct yaml *node, struct buf *json)
{
    bool truth;
    if (yaml_is_null(node)) {
        buf_text(json, "null");
    } else if (yaml_is_bool(node, &truth)) {
        buf_text(json, truth ? "true" : "false");
    } else if (yaml_is_number(node)) {
        char *end;
        errno = 0;
        long long integer = strtoll(node->text.p, &end, 10);
        const long long exact = 1LL << 53;
        if (*end == '\0') {
            /* What JavaScript would round is text, as it is where a row has it. */
            if (errno == ERANGE || integer > exact || integer < -exact)
                return SCALAR_TEXT;
            jsontext_integer(json, integer);
        } else {
            double real = strtod(node->text.p, NULL);
            if (!isfinite(real)) {
                reader_wrong(reader, node->at, "the number %s is too large",
                             shown(node->text).text);
                return SCALAR_WRONG;
            }
            jsontext_number(json, real);
        }
    } else {
        return SCALAR_TEXT;
    }
    return SCALAR_LITERAL;
}
