/* calendar: what a moment is called in UTC.
 *
 * Pure arithmetic: no clock is asked, and no file of a time zone read, as gmtime_r may do once. */
#pragma once

#include <stdint.h>

struct calendar {
    unsigned year, month, day; /* month and day from 1 */
    unsigned hour, minute, second;
    unsigned weekday; /* 0: Sunday */
};

/* Of seconds since 1970, without leap seconds as everywhere; years up to 9999 and beyond. */
struct calendar calendar_utc(uint64_t unix_seconds);
