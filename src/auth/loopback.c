#include "auth/loopback.h"

#include <strings.h>

static bool is_port(struct str text)
{
    if (text.n == 0)
        return true;
    if (text.p[0] != ':' || text.n < 2 || text.n > 6)
        return false;
    for (size_t i = 1; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return true;
}

static bool ends_with(struct str text, struct str tail)
{
    return text.n >= tail.n && strncasecmp(text.p + text.n - tail.n, tail.p, tail.n) == 0;
}

/* Four decimal numbers up to 255, the first of them 127. */
static bool is_127(struct str name)
{
    unsigned numbers = 0, value = 0, digits = 0;
    for (size_t i = 0; i <= name.n; i++) {
        if (i < name.n && name.p[i] >= '0' && name.p[i] <= '9') {
            value = value * 10 + (unsigned)(name.p[i] - '0');
            if (++digits > 3 || value > 255)
                return false;
        } else if ((i == name.n || name.p[i] == '.') && digits > 0) {
            if (numbers++ == 0 && value != 127)
                return false;
            value = digits = 0;
        } else {
            return false;
        }
    }
    return numbers == 4;
}

bool loopback_host(struct str host)
{
    struct str v6 = STR("[::1]");
    if (str_starts(host, v6))
        return is_port(str_from(host, v6.n));
    size_t colon = str_index(host, ':');
    struct str name = {.p = host.p, .n = colon};
    if (!is_port(str_from(host, colon)))
        return false;
    return (name.n == 9 && ends_with(name, STR("localhost"))) ||
           ends_with(name, STR(".localhost")) || is_127(name);
}

bool loopback_origin(struct str origin)
{
    struct str plain = STR("http://"), secure = STR("https://");
    if (str_starts(origin, plain))
        return loopback_host(str_from(origin, plain.n));
    return str_starts(origin, secure) && loopback_host(str_from(origin, secure.n));
}
