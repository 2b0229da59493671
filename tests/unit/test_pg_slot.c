/* Whether a permanent slot is gone on with, and whether that proves anything; and what names a
 * database. */
#include "unit.h"

#include "source/pg_slot.h"
#include "source/pg_target.h"

enum { KEEP_MB = 100, MB = 1024 * 1024 };

static const struct pg_place HERE = {
    .known = true, .system = "7001", .timeline = 3, .slot = "unstale", .lsn = 5000};
static const struct pg_place CURSOR = {.known = true,
                                       .system = "7001",
                                       .timeline = 3,
                                       .slot = "unstale",
                                       .lsn = 4000,
                                       .tables = 77,
                                       .last = {.lsn = 3990, .xid = 740, .time_us = 123456}};
static const struct pg_slot SLOT = {.exists = true,
                                    .ours = true,
                                    .confirmed = 4000,
                                    .wal_status = "reserved",
                                    .retained = 10 * MB,
                                    .keep_mb = KEEP_MB};

static void expect(const struct pg_slot *slot, const struct pg_place *here,
                   const struct pg_place *cursor, enum pg_slot_step step, const char *why)
{
    struct err err = ERR_INIT;
    assert_int_equal(pg_slot_judge(slot, here, cursor, &err), step);
    if (!strstr(err.text, why))
        fail_msg("\"%s\" is not in: %s", why, err.text);
}

static void a_slot_proves_that_nothing_was_missed(void **state)
{
    struct pg_slot slot = SLOT;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_CONTINUE, "");
    slot.confirmed = 3000; /* what comes again is skipped */
    expect(&slot, &HERE, &CURSOR, PG_SLOT_CONTINUE, "");
    slot.confirmed = 4001;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_GAP, "moved on");
    struct pg_place cursor = CURSOR;
    memcpy(cursor.slot, "other", 6);
    expect(&SLOT, &HERE, &cursor, PG_SLOT_GAP, "another one");
    cursor = (struct pg_place){0};
    expect(&SLOT, &HERE, &cursor, PG_SLOT_GAP, "no place to go on from");
}

static void another_history_is_a_slot_anew(void **state)
{
    struct pg_place cursor = CURSOR;
    memcpy(cursor.system, "7002", 5);
    expect(&SLOT, &HERE, &cursor, PG_SLOT_RECREATE, "another database cluster");
    cursor = CURSOR;
    cursor.timeline = 2;
    expect(&SLOT, &HERE, &cursor, PG_SLOT_RECREATE,
           "failed over or was restored (timeline 3, was 2)");
    cursor = CURSOR;
    cursor.lsn = 5001;
    expect(&SLOT, &HERE, &cursor, PG_SLOT_RECREATE, "set back");
    struct pg_slot slot = SLOT;
    memcpy(slot.wal_status, "lost", 5);
    expect(&slot, &HERE, &CURSOR, PG_SLOT_RECREATE, "invalidated");
    slot = (struct pg_slot){.keep_mb = KEEP_MB};
    expect(&slot, &HERE, &CURSOR, PG_SLOT_CREATE, "gone");
    cursor.known = false;
    expect(&slot, &HERE, &cursor, PG_SLOT_CREATE, "no place");
}

static void it_is_given_up_at_half_of_what_it_may_keep(void **state)
{
    struct pg_slot slot = SLOT;
    slot.retained = (int64_t)KEEP_MB / 2 * MB - 1;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_CONTINUE, "");
    slot.retained = (int64_t)KEEP_MB / 2 * MB;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_RECREATE, "more than half");
}

static void it_is_refused_where_it_could_fill_the_disk_or_is_anothers(void **state)
{
    struct pg_slot slot = SLOT;
    slot.keep_mb = -1;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_REFUSE, "ALTER SYSTEM SET max_slot_wal_keep_size");
    slot = SLOT;
    slot.ours = false;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_REFUSE, "slot_name");
    slot = SLOT;
    slot.active_pid = 4711;
    expect(&slot, &HERE, &CURSOR, PG_SLOT_REFUSE, "4711");
}

static void a_cursor_is_read_as_it_was_written(void **state)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "1 7001 3 unstale 4d 0/FA0",
                                        "3 7001 3 unstale 4d 0/FA0 0/F96 740 123456",
                                        "2 7001 3 unstale 4d",
                                        "2 7001 3 unstale 4d 0/FA0",
                                        "2 7001 3 unstale 4d 0/FA0 0/F96 740",
                                        "2 7001 x unstale 4d 0/FA0 0/F96 740 123456",
                                        "2 7001 99999999999 unstale 4d 0/FA0 0/F96 740 123456",
                                        "2 7001 3 unstale 4d 0/FA0 0/F96 740 99999999999999999999",
                                        "2 7001 3 unstale 4d 0/FA0 0/F96 740 -1",
                                        "2 7001 3 unstale 4d 0/FA0 0/F96 740 123456 1",
                                        "2 7001 3  4d 0/FA0 0/F96 740 123456"};
    struct buf text = BUF_INIT(1000);
    assert_true(pg_place_write(&text, &CURSOR));
    assert_text(buf_slice(&text), "2 7001 3 unstale 4d 0/FA0 0/F96 740 123456");
    struct pg_place back = pg_place_parse(buf_slice(&text));
    assert_true(back.known);
    assert_string_equal(back.system, CURSOR.system);
    assert_string_equal(back.slot, CURSOR.slot);
    assert_int_equal(back.timeline, CURSOR.timeline);
    assert_int_equal(back.lsn, CURSOR.lsn);
    assert_int_equal(back.tables, CURSOR.tables);
    assert_int_equal(back.last.lsn, CURSOR.last.lsn);
    assert_int_equal(back.last.xid, CURSOR.last.xid);
    assert_int_equal(back.last.time_us, CURSOR.last.time_us);
    buf_free(&text);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (pg_place_parse(str_of(wrong[i])).known)
            fail_msg("taken: %s", wrong[i]);
}

static void a_database_is_named_without_its_password(void **state)
{
    static const char *const rows[][2] = {
        {"postgres://app:sesame@db.example:6432/shop?sslmode=require", "db.example:6432/shop"},
        {"postgresql://app:sesame@[::1]/shop", "::1:5432/shop"},
        {"host=/run/postgresql dbname=shop password=sesame user=app port=5432",
         "/run/postgresql:5432/shop"},
        {"postgres://app:sesame@a,b/shop", "a,b:5432/shop"},
        {"postgres://app:s%40es%2Fame%3A@db/shop?options=-c%20x%3Da@b", "db:5432/shop"},
        {"postgres:///shop?host=/run/postgresql&user=a@b", "/run/postgresql:5432/shop"},
    };
    struct err err = ERR_INIT;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pg_target *target = pg_target_new(rows[i][0], NULL, &err);
        assert_non_null(target);
        assert_string_equal(pg_target_name(target), rows[i][1]);
        pg_target_free(target);
    }
    static const char *const wrong[] = {
        "postgres://app:ses%zzame@db/x", "sesame", "postgres://a:sesame@db/x?y", "host=db sesame",
        /* of which libpq takes a part for a host, a port, … */
        "postgres://app:p@sesame@db/x", "postgres://app:p/sesame@db/x", "postgres://app:sesame/x",
        "postgres://app:@sesame@db:5432/x", "postgres://app:p?sesame/@db/x",
        "postgresql://app:ses/ame@db/x?sslmode=require"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_null(pg_target_new(wrong[i], NULL, &err));
        assert_null(strstr(err.text, "ses"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_proves_that_nothing_was_missed),
        cmocka_unit_test(another_history_is_a_slot_anew),
        cmocka_unit_test(it_is_given_up_at_half_of_what_it_may_keep),
        cmocka_unit_test(it_is_refused_where_it_could_fill_the_disk_or_is_anothers),
        cmocka_unit_test(a_cursor_is_read_as_it_was_written),
        cmocka_unit_test(a_database_is_named_without_its_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
