/* unit: what every cmocka test of ours needs, in the order in which cmocka wants it. */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Says both texts when they differ. */
static inline void unit_text_at(const char *file, int line, struct str got, const char *expected)
{
    if (str_is(got, expected))
        return;
    print_error("expected %s\ngot      %.*s\n", expected, STR_ARG(got));
    _fail(file, line);
}

#define assert_text(got, expected) unit_text_at(__FILE__, __LINE__, (got), (expected))
