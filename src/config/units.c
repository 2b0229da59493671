#include "config/units.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* The largest first, for writing. */
static const struct unit DURATIONS[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit SIZES[] = {{"TiB", UINT64_C(1) << 40},
                                    {"GiB", 1 << 30},
                                    {"MiB", 1 << 20},
                                    {"KiB", 1 << 10},
                                    {"GB", 1000000000},
                                    {"MB", 1000000},
                                    {"kB", 1000},
                                    {"KB", 1000},
                                    {"B", 1},
                                    {NULL, 0}};

static bool number(struct str text, size_t *end, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text.p[i] - '0');
        if (*value > (UINT64_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    *end = i;
    return i > 0;
}

static bool with_unit(struct str text, const struct unit *units, uint64_t *value)
{
    size_t end;
    if (!number(text, &end, value))
        return false;
    struct str rest = str_from(text, end);
    for (const struct unit *unit = units; unit->name; unit++) {
        if (str_is(rest, unit->name)) {
            if (*value > UINT64_MAX / unit->factor)
                return false;
            *value *= unit->factor;
            return true;
        }
    }
    return false;
}

bool units_duration(struct str text, uint64_t *ms)
{
    return (units_count(text, ms) && *ms == 0) || with_unit(text, DURATIONS, ms);
}

bool units_size(struct str text, uint64_t *bytes)
{
    return units_count(text, bytes) || with_unit(text, SIZES, bytes);
}

bool units_count(struct str text, uint64_t *count)
{
    size_t end;
    return number(text, &end, count) && end == text.n;
}

static void write_with(uint64_t value, const struct unit *units, char out[UNITS_TEXT_MAX])
{
    const struct unit *unit = units;
    while (unit->factor > 1 && (value == 0 || value % unit->factor))
        unit++;
    snprintf(out, UNITS_TEXT_MAX, "%" PRIu64 "%s", value / unit->factor, value ? unit->name : "");
}

void units_write_duration(uint64_t ms, char out[UNITS_TEXT_MAX])
{
    write_with(ms, DURATIONS, out);
}

void units_write_size(uint64_t bytes, char out[UNITS_TEXT_MAX])
{
    write_with(bytes, SIZES, out);
}
