#include "base/calendar.h"

/* Howard Hinnant's civil-from-days: years begin in March, so that the leap day is their last. */
struct calendar calendar_utc(uint64_t unix_seconds)
{
    uint64_t days = unix_seconds / 86400, rest = unix_seconds % 86400;
    uint64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct calendar date = {
        .day = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
        .month = (unsigned)(mp < 10 ? mp + 3 : mp - 9),
        .hour = (unsigned)(rest / 3600),
        .minute = (unsigned)(rest / 60 % 60),
        .second = (unsigned)(rest % 60),
        .weekday = (unsigned)((days + 4) % 7), /* 1970 began on a Thursday */
    };
    date.year = (unsigned)(yoe + era * 400 + (date.month <= 2));
    return date;
}
