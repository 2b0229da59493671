/* From what a walsender sends to transactions of a source: opened at the first row that matters,
 * given again when they cannot begin, skipped when they were handed on before. */
#include "unit.h"

#include "source/pg_stream.h"

enum { OID = 16384, STRANGER = 16385, BYTES_MAX = 4096 };

struct rig {
    struct pg_stream *stream;
    struct buf said;
    bool busy, unknown;
    char bytes[BYTES_MAX];
    struct buf message;
};

static struct watch_column columns[] = {{.name = {.p = "id", .n = 2}, .value = true}};
static struct watch_table tables[] = {
    {.table = {.p = "tasks", .n = 5}, .columns = columns, .n_columns = 1}};
static const struct watch WATCH = {.tables = tables, .n_tables = 1};

/* ---- what it calls ---- */

static bool on_begin(void *ctx)
{
    struct rig *rig = ctx;
    if (!rig->busy)
        buf_text(&rig->said, "begin ");
    return !rig->busy;
}

static void on_change(void *ctx, const struct change *change)
{
    struct rig *rig = ctx;
    buf_printf(&rig->said, "%.*s ", STR_ARG(change->action_name));
}

static void on_commit(void *ctx, uint32_t xid, uint64_t end)
{
    struct rig *rig = ctx;
    buf_printf(&rig->said, "commit(%u,%u) ", (unsigned)xid, (unsigned)end);
}

static bool on_described(void *ctx, const struct pgoutput_relation *relation)
{
    struct rig *rig = ctx;
    return !rig->unknown;
}

static void on_learned(void *ctx, const struct pg_relation *relation, enum pg_learned learned)
{
    struct rig *rig = ctx;
    buf_printf(&rig->said, "%.*s:%d ", STR_ARG(relation->resource), (int)learned);
}

static void on_emitted(void *ctx, struct str content)
{
    struct rig *rig = ctx;
    buf_printf(&rig->said, "\"%.*s\" ", STR_ARG(content));
}

static const struct pg_stream_ops ops = {.begin = on_begin,
                                         .change = on_change,
                                         .commit = on_commit,
                                         .described = on_described,
                                         .learned = on_learned,
                                         .emitted = on_emitted};

static void rig_go_on(struct rig *rig, uint64_t from, struct pg_stand before)
{
    *rig = (struct rig){.said = BUF_INIT(BYTES_MAX)};
    rig->stream = pg_stream_new(&WATCH, from, &before, &ops, rig);
}

static void rig_open(struct rig *rig, uint64_t applied)
{
    rig_go_on(rig, applied, (struct pg_stand){.applied = applied});
}

static void rig_close(struct rig *rig)
{
    pg_stream_free(rig->stream);
    buf_free(&rig->said);
}

static void said(struct rig *rig, const char *expected)
{
    assert_text(buf_slice(&rig->said), expected);
    buf_clear(&rig->said);
}

/* ---- what it is sent ---- */

static void number(struct rig *rig, unsigned bytes, uint64_t value)
{
    while (bytes-- > 0)
        buf_byte(&rig->message, (char)(value >> (8 * bytes)));
}

static void word(struct rig *rig, const char *text)
{
    buf_add(&rig->message, text, strlen(text) + 1);
}

/* A frame of WAL data with a message of this kind. */
static void start(struct rig *rig, char kind)
{
    rig->message = BUF_FIXED(rig->bytes);
    buf_byte(&rig->message, 'w');
    number(rig, 8, 1);
    number(rig, 8, 1);
    number(rig, 8, 0);
    buf_byte(&rig->message, kind);
}

static enum pg_stream_taken send(struct rig *rig)
{
    struct err err = ERR_INIT;
    enum pg_stream_taken taken = pg_stream_take(rig->stream, buf_slice(&rig->message), &err);
    assert_int_equal(taken == PG_STREAM_BROKEN, err.text[0] != '\0');
    return taken;
}

static enum pg_stream_taken begin(struct rig *rig, uint64_t commit_lsn, uint32_t xid)
{
    start(rig, 'B');
    number(rig, 8, commit_lsn);
    number(rig, 8, 0);
    number(rig, 4, xid);
    return send(rig);
}

static enum pg_stream_taken commit(struct rig *rig, uint64_t commit_lsn, uint64_t end)
{
    start(rig, 'C');
    number(rig, 1, 0);
    number(rig, 8, commit_lsn);
    number(rig, 8, end);
    number(rig, 8, 0);
    return send(rig);
}

static enum pg_stream_taken describe(struct rig *rig, uint32_t oid, const char *name)
{
    start(rig, 'R');
    number(rig, 4, oid);
    word(rig, "public");
    word(rig, name);
    buf_byte(&rig->message, 'd');
    number(rig, 2, 1);
    number(rig, 1, 1);
    word(rig, "id");
    number(rig, 4, 23);
    number(rig, 4, UINT32_MAX);
    return send(rig);
}

static enum pg_stream_taken insert(struct rig *rig, uint32_t oid)
{
    start(rig, 'I');
    number(rig, 4, oid);
    buf_byte(&rig->message, 'N');
    number(rig, 2, 1);
    buf_byte(&rig->message, 't');
    number(rig, 4, 1);
    buf_byte(&rig->message, '7');
    return send(rig);
}

static enum pg_stream_taken emit(struct rig *rig, bool transactional, uint64_t lsn,
                                 const char *prefix, const char *content)
{
    start(rig, 'M');
    number(rig, 1, transactional);
    number(rig, 8, lsn);
    word(rig, prefix);
    number(rig, 4, strlen(content));
    buf_text(&rig->message, content);
    return send(rig);
}

static enum pg_stream_taken keepalive(struct rig *rig, uint64_t end, bool reply)
{
    rig->message = BUF_FIXED(rig->bytes);
    buf_byte(&rig->message, 'k');
    number(rig, 8, end);
    number(rig, 8, 0);
    number(rig, 1, reply);
    return send(rig);
}

/* ---- the tests ---- */

static void a_transaction_is_opened_by_its_first_row(void **state)
{
    struct rig rig;
    rig_open(&rig, 0);
    begin(&rig, 100, 5);
    describe(&rig, OID, "tasks");
    said(&rig, "tasks:1 ");
    insert(&rig, OID);
    insert(&rig, OID);
    assert_true(pg_stream_is_open(rig.stream));
    commit(&rig, 100, 110);
    said(&rig, "begin created created commit(5,110) ");
    assert_int_equal(pg_stream_applied(rig.stream), 110);
    begin(&rig, 120, 6);
    describe(&rig, STRANGER, "other");
    insert(&rig, STRANGER);
    commit(&rig, 120, 130);
    said(&rig, "other:1 ");
    assert_int_equal(pg_stream_applied(rig.stream), 130);
    rig_close(&rig);
}

static void what_cannot_begin_is_given_again(void **state)
{
    struct rig rig;
    rig_open(&rig, 0);
    begin(&rig, 100, 5);
    rig.unknown = true;
    assert_int_equal(describe(&rig, OID, "tasks"), PG_STREAM_LATER);
    rig.unknown = false;
    assert_int_equal(describe(&rig, OID, "tasks"), PG_STREAM_TAKEN);
    rig.busy = true;
    assert_int_equal(insert(&rig, OID), PG_STREAM_LATER);
    assert_int_equal(insert(&rig, OID), PG_STREAM_LATER);
    rig.busy = false;
    assert_int_equal(insert(&rig, OID), PG_STREAM_TAKEN);
    commit(&rig, 100, 110);
    said(&rig, "tasks:1 begin created commit(5,110) ");
    rig_close(&rig);
}

static void what_was_handed_on_before_is_skipped(void **state)
{
    struct rig rig;
    rig_go_on(&rig, 80, (struct pg_stand){.applied = 110, .last = {.lsn = 100, .xid = 5}});
    begin(&rig, 100, 5);
    describe(&rig, OID, "tasks");
    insert(&rig, OID);
    emit(&rig, true, 90, "unstale", "x");
    commit(&rig, 100, 110);
    said(&rig, "tasks:1 ");
    begin(&rig, 110, 6);
    insert(&rig, OID);
    commit(&rig, 110, 120);
    said(&rig, "begin created commit(6,120) ");
    rig_close(&rig);
}

static void what_was_handed_on_before_has_to_come_again_as_it_was(void **state)
{
    /* From 80 on it was handed on up to 200, the last transaction of which was at 150. */
    static const struct pg_stand before = {.applied = 200, .last = {.lsn = 150, .xid = 7}};
    struct rig rig;
    rig_go_on(&rig, 80, before);
    assert_int_equal(begin(&rig, 100, 6), PG_STREAM_TAKEN);
    commit(&rig, 100, 110);
    keepalive(&rig, 150, false);
    assert_int_equal(begin(&rig, 150, 7), PG_STREAM_TAKEN);
    commit(&rig, 150, 160);
    assert_int_equal(pg_stream_stand(rig.stream).last.lsn, 150);
    keepalive(&rig, 190, false);
    assert_int_equal(begin(&rig, 200, 8), PG_STREAM_TAKEN);
    commit(&rig, 200, 210);
    assert_int_equal(pg_stream_stand(rig.stream).last.lsn, 200);
    assert_int_equal(pg_stream_stand(rig.stream).last.xid, 8);
    rig_close(&rig);

    static const struct {
        uint64_t lsn;
        uint32_t xid;
    } others[] = {{150, 8}, {160, 7}, {200, 9}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        rig_go_on(&rig, 80, before);
        assert_int_equal(begin(&rig, others[i].lsn, others[i].xid), PG_STREAM_OTHER);
        rig_close(&rig);
    }
    rig_go_on(&rig, 80, before);
    assert_int_equal(keepalive(&rig, 151, false), PG_STREAM_OTHER);
    rig_close(&rig);
    rig_go_on(&rig, 151, before); /* what comes again is behind it: nobody saw that */
    assert_int_equal(begin(&rig, 170, 8), PG_STREAM_OTHER);
    rig_close(&rig);
    rig_go_on(&rig, 151, before);
    assert_int_equal(keepalive(&rig, 180, false), PG_STREAM_TAKEN);
    assert_int_equal(begin(&rig, 200, 8), PG_STREAM_TAKEN);
    rig_close(&rig);
}

static void a_keepalive_confirms_only_between_transactions(void **state)
{
    struct rig rig;
    rig_open(&rig, 50);
    keepalive(&rig, 80, false);
    assert_int_equal(pg_stream_applied(rig.stream), 80);
    assert_false(pg_stream_wants_reply(rig.stream));
    begin(&rig, 100, 5);
    keepalive(&rig, 200, true);
    assert_int_equal(pg_stream_applied(rig.stream), 80);
    assert_true(pg_stream_wants_reply(rig.stream));
    assert_false(pg_stream_wants_reply(rig.stream));
    commit(&rig, 100, 110);
    keepalive(&rig, 60, false);
    assert_int_equal(pg_stream_applied(rig.stream), 110);
    rig_close(&rig);
}

static void a_break_lets_others_in_and_goes_on(void **state)
{
    struct rig rig;
    rig_open(&rig, 0);
    begin(&rig, 100, 5);
    describe(&rig, OID, "tasks");
    pg_stream_break(rig.stream);
    insert(&rig, OID);
    pg_stream_break(rig.stream);
    assert_false(pg_stream_is_open(rig.stream));
    assert_int_equal(pg_stream_applied(rig.stream), 0);
    insert(&rig, OID);
    commit(&rig, 100, 110);
    said(&rig, "tasks:1 begin created commit(5,100) begin created commit(5,110) ");
    rig_close(&rig);
}

static void messages_of_ours_are_handed_on(void **state)
{
    struct rig rig;
    rig_open(&rig, 0);
    begin(&rig, 100, 5);
    emit(&rig, true, 90, "somebody", "a");
    emit(&rig, true, 91, "unstale", "b");
    commit(&rig, 100, 110);
    said(&rig, "begin \"b\" commit(5,110) ");
    emit(&rig, false, 120, "unstale", "c");
    said(&rig, "begin \"c\" commit(0,120) ");
    emit(&rig, false, 119, "unstale", "before");
    said(&rig, "");
    rig_close(&rig);
}

static void what_makes_no_sense_breaks_it(void **state)
{
    struct rig rig;
    rig_open(&rig, 0);
    begin(&rig, 100, 5);
    assert_int_equal(insert(&rig, OID), PG_STREAM_BROKEN); /* never described */
    assert_int_equal(begin(&rig, 100, 5), PG_STREAM_BROKEN);
    rig.message = BUF_FIXED(rig.bytes);
    buf_byte(&rig.message, 'x');
    assert_int_equal(send(&rig), PG_STREAM_BROKEN);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_opened_by_its_first_row),
        cmocka_unit_test(what_cannot_begin_is_given_again),
        cmocka_unit_test(what_was_handed_on_before_is_skipped),
        cmocka_unit_test(what_was_handed_on_before_has_to_come_again_as_it_was),
        cmocka_unit_test(a_keepalive_confirms_only_between_transactions),
        cmocka_unit_test(a_break_lets_others_in_and_goes_on),
        cmocka_unit_test(messages_of_ours_are_handed_on),
        cmocka_unit_test(what_makes_no_sense_breaks_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
