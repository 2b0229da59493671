/* Every setting stands in docs/configuration.md and in unstale.yaml(5), with its default, its
 * bounds and the same words as in the table of settings: a manual that is held by a test stays
 * true. */
#include "unit.h"

#include "config/settings.h"

#include <stdio.h>

enum { TEXT_MAX = 1024 * 1024 };

static struct buf read_manual(const char *path)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    char bytes[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("%s cannot be read", path);
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        buf_add(&text, bytes, n);
    (void)fclose(file);
    assert_false(text.overflow);
    return text;
}

/* Lines joined, so that a sentence may be wrapped. */
static void unwrap(struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] == '\n')
            text->data[i] = ' ';
}

static void assert_has(const struct buf *text, const struct buf *wanted)
{
    if (!memmem(text->data, text->len, wanted->data, wanted->len))
        fail_msg("not there: %.*s", (int)wanted->len, wanted->data);
}

static const char *takes(const struct setting *setting, char out[160])
{
    return setting->kind >= SETTING_CHOICE ? setting_expects(setting, out)
                                           : setting_kind_name(setting->kind);
}

static void every_setting_is_a_row_of_the_page(void **state)
{
    struct buf page = read_manual(*state), row = BUF_INIT(TEXT_MAX);
    const struct setting *setting;
    char form[160], bounds[80];
    for (size_t i = 0; (setting = settings_at(i)) != NULL; i++) {
        buf_clear(&row);
        buf_printf(&row, "\n| `%s` | %s | ", setting->name, takes(setting, form));
        if (setting->standard)
            buf_printf(&row, "`%s`", setting->standard);
        buf_printf(&row, " | %s | %s |\n", setting->max ? setting_bounds(setting, bounds) : "",
                   setting->help);
        assert_has(&page, &row);
    }
    buf_free(&page);
    buf_free(&row);
}

static void every_setting_is_an_item_of_the_man_page(void **state)
{
    struct buf page = read_manual(*state), item = BUF_INIT(TEXT_MAX);
    const struct setting *setting;
    char form[160], bounds[80];
    unwrap(&page);
    for (size_t i = 0; (setting = settings_at(i)) != NULL; i++) {
        buf_clear(&item);
        buf_printf(&item, " .It Ic %s : Ar ", setting->name);
        for (const char *c = takes(setting, form); *c; c++) {
            if (*c == '[')
                buf_text(&item, "\\&"); /* else it would be a delimiter to mdoc */
            buf_byte(&item, *c);
        }
        buf_printf(&item, " %s ", setting->help);
        if (setting->standard)
            buf_printf(&item, "By default %s%s", setting->standard, setting->max ? ", " : ". ");
        if (setting->max)
            buf_printf(&item, "%s. ", setting_bounds(setting, bounds));
        assert_has(&page, &item);
    }
    buf_free(&page);
    buf_free(&item);
}

/* Its row in the table of limits: "| `name` | `default` | what the peer gets | metric |". */
static void every_limit_says_what_its_peer_gets_and_where_it_shows(void **state)
{
    struct buf page = read_manual(*state), row = BUF_INIT(TEXT_MAX);
    const struct setting *setting;
    size_t rows = 0, written = 0;
    for (size_t i = 0; (setting = settings_at(i)) != NULL; i++) {
        if (strcmp(setting->section, "limits") != 0)
            continue;
        buf_clear(&row);
        buf_printf(&row, "\n| `%s` | `%s` | ", setting->name, setting->standard);
        assert_has(&page, &row);
        rows++;
    }
    /* And no row for a limit that does not exist. */
    const char *end = memmem(page.data, page.len, "## Fixed ones", 13);
    assert_non_null(end);
    for (const char *c = page.data; c < end - 4; c++)
        written += memcmp(c, "\n| `", 4) == 0;
    assert_int_equal(rows, written);
    buf_free(&page);
    buf_free(&row);
}

/* Every metric that the page names is one that the server has. */
static void every_metric_on_the_page_of_limits_exists(void **state)
{
    const char *const *pages = *state;
    struct buf page = read_manual(pages[0]), code = read_manual(pages[1]), name = BUF_INIT(256);
    struct buf guard = read_manual(pages[2]);
    buf_str(&code, buf_slice(&guard));
    buf_free(&guard);
    size_t named = 0;
    for (size_t i = 0; i + 9 < page.len; i++) {
        if (memcmp(page.data + i, "`unstale_", 9) != 0)
            continue;
        buf_clear(&name);
        buf_byte(&name, '"');
        for (i++; page.data[i] != '`' && page.data[i] != '{'; i++)
            buf_byte(&name, page.data[i]);
        buf_byte(&name, '"');
        assert_has(&code, &name);
        named++;
    }
    assert_true(named > 20);
    buf_free(&page);
    buf_free(&code);
    buf_free(&name);
}

/* The arguments are the page, the man page, the page of limits, report.c and guard.c; see
 * meson.build. */
int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_setting_is_a_row_of_the_page, argv[1]),
        cmocka_unit_test_prestate(every_setting_is_an_item_of_the_man_page, argv[2]),
        cmocka_unit_test_prestate(every_limit_says_what_its_peer_gets_and_where_it_shows, argv[3]),
        cmocka_unit_test_prestate(every_metric_on_the_page_of_limits_exists, &argv[3]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
