/* What one scope's answer looks like when it does not fit: precision goes, truth stays. */
#include "base/jsontext.h"
#include "base/mem.h"
#include "delivery/encoder.h"
#include "hub/hub.h"
#include "model/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct hub *hub;
    struct encoder *encoder;
    struct buf out;
    uint64_t last_notice;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    const struct hub_options options = {.limits = {.index_memory = 64 << 20,
                                                   .notice_memory = 64 << 20,
                                                   .max_keys = 1000,
                                                   .max_entities = 1000,
                                                   .notices = 1000,
                                                   .held_max = 10,
                                                   .families_max = 10},
                                        .epoch = 1};
    fixture = (struct fixture){
        .hub = hub_new(&options), .encoder = encoder_new(5000), .out = BUF_INIT(1 << 20)};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    hub_free(fixture->hub);
    encoder_free(fixture->encoder);
    buf_free(&fixture->out);
    return 0;
}

static enum round_took encode(struct fixture *fixture, enum format format,
                              const struct round_ask *ask)
{
    return encoder_scope(fixture->encoder, fixture->hub, format, ask, "behind", NULL, &fixture->out,
                         &fixture->last_notice);
}

/* The JSON of the n-th event, which must be called `name`. */
static json_t *event_at(const struct fixture *fixture, unsigned n, const char *name)
{
    char *text = mem_copy(fixture->out.data, fixture->out.len), *at = text;
    for (; n > 0; n--)
        at = strstr(at, "\n\n") + 2;
    char want[64];
    snprintf(want, sizeof want, "event: %s\n", name);
    assert_int_equal(strncmp(at, want, strlen(want)), 0);
    char *data = strstr(at, "data: ") + 6;
    *strchr(data, '\n') = '\0';
    json_t *json = json_loads(data, 0, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static void lay_long_keys(struct fixture *fixture, unsigned n)
{
    hub_begin(fixture->hub, 1);
    for (unsigned i = 0; i < n; i++) {
        char key[400];
        snprintf(key, sizeof key, "[\"tasks\",\"detail\",\"%0300u\"]", i);
        hub_mark(fixture->hub, STR("s:1"), str_of(key), 0);
    }
    hub_commit(fixture->hub);
}

static const struct round_ask all_of_it = {.scope = {.p = "s:1", .n = 3},
                                           .notice_until = UINT64_MAX};

static void keys_that_do_not_fit_widen_to_a_shorter_prefix(void **state)
{
    struct fixture *fixture = *state;
    lay_long_keys(fixture, 200);
    assert_int_equal(encode(fixture, FORMAT_SSE, &all_of_it), ROUND_TOOK_ALL);
    assert_true(fixture->out.len <= ENCODER_BLOB_MAX);
    json_t *stale = event_at(fixture, 0, "stale");
    char *keys = json_dumps(json_object_get(stale, "keys"), JSON_COMPACT);
    assert_string_equal(keys, "[[\"tasks\",\"detail\"]]");
    free(keys);
    json_decref(stale);
}

static void keys_of_one_part_that_do_not_fit_become_a_reset(void **state)
{
    struct fixture *fixture = *state;
    hub_begin(fixture->hub, 1);
    for (unsigned i = 0; i < 200; i++) {
        char key[400];
        snprintf(key, sizeof key, "[\"%0300u\"]", i);
        hub_mark(fixture->hub, STR("s:1"), str_of(key), 0);
    }
    hub_commit(fixture->hub);
    assert_int_equal(encode(fixture, FORMAT_SSE, &all_of_it), ROUND_TOOK_ALL);
    json_t *reset = event_at(fixture, 0, "reset");
    assert_int_equal(json_integer_value(json_object_get(reset, "spread")), 5000);
    json_decref(reset);
}

static void a_blob_that_is_not_empty_is_left_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    lay_long_keys(fixture, 200);
    buf_text(&fixture->out, "before");
    assert_int_equal(encode(fixture, FORMAT_SSE, &all_of_it), ROUND_TOOK_NOTHING);
    assert_int_equal(fixture->out.len, 6);
}

static void lay_entities(struct fixture *fixture, unsigned n)
{
    char data[1000] = "{\"text\":\"";
    memset(data + 9, 'x', 900);
    memcpy(data + 909, "\"}", 3);
    hub_begin(fixture->hub, 1);
    hub_mark(fixture->hub, STR("s:1"), STR("[\"tasks\"]"), 0);
    for (unsigned i = 0; i < n; i++) {
        char id[16];
        snprintf(id, sizeof id, "\"%u\"", i);
        const struct hub_entity entity = {.name = STR("task"),
                                          .id = str_of(id),
                                          .action = STR("updated"),
                                          .data = str_of(data),
                                          .has_data = true};
        hub_entity(fixture->hub, STR("s:1"), &entity);
    }
    hub_commit(fixture->hub);
}

static void data_goes_before_any_key_is_widened(void **state)
{
    struct fixture *fixture = *state;
    lay_entities(fixture, 100);
    assert_int_equal(encode(fixture, FORMAT_SSE, &all_of_it), ROUND_TOOK_ALL);
    json_t *stale = event_at(fixture, 0, "stale");
    json_t *changes = json_object_get(stale, "changes");
    assert_int_equal(json_array_size(changes), 100);
    assert_null(json_object_get(json_array_get(changes, 0), "data"));
    json_decref(stale);
}

static void who_reads_entities_is_reset_when_they_cannot_be_told(void **state)
{
    struct fixture *fixture = *state;
    lay_entities(fixture, 900);
    assert_int_equal(encode(fixture, FORMAT_SSE_CHANGES, &all_of_it), ROUND_TOOK_ALL);
    json_decref(event_at(fixture, 0, "reset"));
    buf_clear(&fixture->out);
    /* Others are told the keys, and that is all they were promised. */
    assert_int_equal(encode(fixture, FORMAT_SSE, &all_of_it), ROUND_TOOK_ALL);
    json_t *stale = event_at(fixture, 0, "stale");
    assert_null(json_object_get(stale, "changes"));
    json_decref(stale);
}

static void notices_that_do_not_fit_go_on_in_the_next_blob(void **state)
{
    struct fixture *fixture = *state;
    char data[1024];
    memset(data, 'n', sizeof data);
    data[0] = data[1000] = '"';
    hub_begin(fixture->hub, 1);
    for (unsigned i = 0; i < 40; i++)
        hub_notice(fixture->hub, STR("s:1"), STR("job"), (struct str){.p = data, .n = 1001}, NULL);
    hub_commit(fixture->hub);

    struct round_ask ask = all_of_it;
    unsigned seen = 0, blobs = 0;
    enum round_took took;
    do {
        buf_clear(&fixture->out);
        took = encode(fixture, FORMAT_SSE, &ask);
        assert_true(fixture->out.len > 0 && fixture->out.len <= ENCODER_BLOB_MAX);
        for (const char *at = fixture->out.data;
             (at = memmem(at, fixture->out.len - (size_t)(at - fixture->out.data), "event: notice",
                          13));
             at++)
            seen++;
        ask.only_notices = true;
        ask.notice_after = fixture->last_notice;
        blobs++;
    } while (took != ROUND_TOOK_ALL);
    assert_int_equal(seen, 40);
    assert_int_equal(blobs, 3);
}

static void a_scope_with_nothing_new_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    lay_long_keys(fixture, 1);
    struct round_ask ask = all_of_it;
    ask.since = hub_sequence(fixture->hub);
    assert_int_equal(encode(fixture, FORMAT_SSE, &ask), ROUND_TOOK_ALL);
    assert_int_equal(fixture->out.len, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(keys_that_do_not_fit_widen_to_a_shorter_prefix),
        CASE(keys_of_one_part_that_do_not_fit_become_a_reset),
        CASE(a_blob_that_is_not_empty_is_left_as_it_was),
        CASE(data_goes_before_any_key_is_widened),
        CASE(who_reads_entities_is_reset_when_they_cannot_be_told),
        CASE(notices_that_do_not_fit_go_on_in_the_next_blob),
        CASE(a_scope_with_nothing_new_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
