/* Each dialect byte for byte against what its clients were written for, and one that exists only
 * in a configuration. */
#include "unit.h"

#include "config/config.h"
#include "config_outside.h"
#include "delivery/dialect.h"
#include "delivery/dialects.h"
#include "delivery/endpoints.h"

#define NOW  UINT64_C(1764849600000) /* 2025-12-04T12:00:00.000Z */
#define TIME "2025-12-04T12:00:00.000Z"

static const char RULES[] =
    "auth: none\n"
    "sources: [{ publish: { open: true } }]\n"
    "rules:\n"
    "  tasks: { name: task, scope: [\"project:{project_id}\"], stale: [[tasks]] }\n"
    "  project_members: { scope: [\"project:{project_id}\"], stale: [[members]] }\n"
    "  service_accounts: { scope: [admin], stale: [[sa]] }\n"
    "  users: { name: user, scope: [admin], stale: [[users]] }\n";

struct fixture {
    struct config *config;
    const struct endpoint *endpoint;
    const struct endpoint_wanted *wanted;
    struct buf out;
};

static struct fixture open_entry(const char *entry)
{
    struct fixture fixture = {.out = BUF_INIT(1 << 20)};
    struct buf text = BUF_INIT(1 << 16);
    struct err err = ERR_INIT;
    buf_printf(&text, "%sendpoints:\n  - %s\n", RULES, entry);
    fixture.config = config_parse("u.yaml", buf_slice(&text), &config_outside, &err);
    if (!fixture.config)
        fail_msg("%s", err.text);
    fixture.wanted = &fixture.config->endpoints[0];
    fixture.endpoint = fixture.wanted->endpoint;
    buf_free(&text);
    return fixture;
}

static struct fixture open_dialect(const char *name)
{
    char entry[200];
    snprintf(entry, sizeof entry,
             "{ path: /api, dialect: %s, scope: [\"project:{query.p}\", admin] }", name);
    return open_entry(entry);
}

static void close_fixture(struct fixture *fixture)
{
    config_free(fixture->config);
    buf_free(&fixture->out);
}

/* What was said, without the head of a frame. */
static struct str said(struct fixture *fixture)
{
    return buf_slice(&fixture->out);
}

static const struct dialect_place PROJECT = {.scope = {.p = "project:p%3A1", .n = 13}, .now = NOW};
static const struct dialect_place ADMIN = {.scope = {.p = "admin", .n = 5}, .now = NOW};

static struct hub_entity entity(const char *name, const char *action, const char *id,
                                const char *data)
{
    return (struct hub_entity){
        .name = str_of(name), .action = str_of(action), .id = str_of(id), .data = str_of(data)};
}

/* A message of a WebSocket: FIN and text, the length, the payload. */
static void assert_message(struct buf *out, const char *expected)
{
    size_t n = strlen(expected), head = n < 126 ? 2 : 4;
    assert_true(out->len >= head);
    assert_int_equal((unsigned char)out->data[0], 0x81);
    if (n < 126) {
        assert_int_equal((unsigned char)out->data[1], n);
    } else {
        assert_int_equal((unsigned char)out->data[1], 126);
        assert_int_equal((unsigned char)out->data[2] << 8 | (unsigned char)out->data[3], n);
    }
    assert_true(out->len >= head + n);
    assert_text(((struct str){.p = out->data + head, .n = n}), expected);
    buf_shift(out, head + n);
}

static void say(struct fixture *fixture, const struct dialect_place *place, const char *name,
                const char *action, const char *id, const char *data)
{
    const struct hub_entity one = entity(name, action, id, data);
    assert_true(
        dialect_say_changes(&fixture->endpoint->dialect, &fixture->out, place, &one, 1, false));
}

static bool reset(struct fixture *fixture, struct str scope)
{
    const struct dialect_place place = {.scope = scope, .now = NOW};
    return dialect_say_reset(&fixture->endpoint->dialect, &fixture->out, &place,
                             fixture->wanted->resources, fixture->wanted->n, "source-gap", 5000);
}

static void ready(struct fixture *fixture)
{
    const struct dialect_ready hello = {.worker = 1, .connection = 0xabc, .heartbeat_ms = 25000};
    dialect_say_ready(&fixture->endpoint->dialect, &fixture->out, &PROJECT, &hello);
}

static void notice(struct fixture *fixture)
{
    const struct hub_notice job = {
        .number = 1,
        .id = STR("n-1"),
        .type = STR("job_completion"),
        .data = STR("{\"jobId\":\"j1\",\"jobType\":\"generate-podcast\",\"podcastId\":\"p1\","
                    "\"status\":\"ready\",\"type\":\"other\"}")};
    dialect_say_notice(&fixture->endpoint->dialect, &fixture->out, &PROJECT, &job);
}

static void heartbeat(struct fixture *fixture)
{
    dialect_say_heartbeat(&fixture->endpoint->dialect, &fixture->out, NOW);
}

static void position(struct fixture *fixture)
{
    dialect_say_position(&fixture->endpoint->dialect, &fixture->out,
                         (struct position){.epoch = 1, .sequence = 7});
}

#define EMPTY(fixture) assert_int_equal((fixture)->out.len, 0)
#define SAYS(fixture, text)               \
    do {                                  \
        assert_text(said(fixture), text); \
        buf_clear(&(fixture)->out);       \
    } while (0)

static void registry(void **state)
{
    struct fixture f = open_dialect("registry");
    assert_true(f.endpoint->dialect.reset_on_connect);
    say(&f, &ADMIN, "user", "created", "\"uuid\"", "{\"a\":1}");
    SAYS(&f,
         "event: entity.changed\n"
         "data: {\"type\":\"user.created\",\"entity_id\":\"uuid\",\"timestamp\":\"" TIME "\"}\n\n");
    say(&f, &ADMIN, "service_accounts", "deleted", "\"repo-key\"", "");
    SAYS(&f,
         "event: entity.changed\n"
         "data: "
         "{\"type\":\"service-account.deleted\",\"entity_id\":\"repo-key\",\"timestamp\":\"" TIME
         "\"}\n\n");
    /* An action of one's own is an update, an id that is not known is left out. */
    say(&f, &ADMIN, "user", "banned", "", "");
    SAYS(&f,
         "event: entity.changed\ndata: {\"type\":\"user.updated\",\"timestamp\":\"" TIME "\"}\n\n");
    ready(&f);
    notice(&f);
    EMPTY(&f);
    heartbeat(&f);
    SAYS(&f, ":\n\n");
    position(&f);
    SAYS(&f, "id: 1-7\n\n");
    assert_false(reset(&f, STR("admin")));
#define TYPE(type) \
    "event: entity.changed\ndata: {\"type\":\"" type "\",\"timestamp\":\"" TIME "\"}\n\n"
    SAYS(&f, TYPE("service-account.created") TYPE("service-account.updated")
                 TYPE("service-account.deleted") TYPE("user.created") TYPE("user.updated")
                     TYPE("user.deleted"));
    close_fixture(&f);
}

static void recordings(void **state)
{
    struct fixture f = open_dialect("recordings");
    assert_false(f.endpoint->dialect.reset_on_connect);
    say(&f, &PROJECT, "recordings", "deleted", "\"r1\"", "");
    assert_message(&f.out,
                   "{\"type\":\"invalidate\",\"resource\":\"recordings\",\"action\":\"deleted\","
                   "\"id\":\"r1\"}");
    say(&f, &PROJECT, "search_history", "status_changed", "", "");
    assert_message(&f.out, "{\"type\":\"invalidate\",\"resource\":\"search_history\","
                           "\"action\":\"status_changed\"}");
    notice(&f);
    assert_message(
        &f.out,
        "{\"type\":\"job_completion\",\"data\":{\"jobId\":\"j1\",\"jobType\":"
        "\"generate-podcast\",\"podcastId\":\"p1\",\"status\":\"ready\",\"type\":\"other\"}}");
    ready(&f);
    position(&f);
    EMPTY(&f);
    heartbeat(&f);
    assert_memory_equal(f.out.data, "\x89\0", 2);
    assert_int_equal(f.out.len, 2);
    buf_clear(&f.out);
    assert_false(reset(&f, STR("project:*")));
    assert_message(&f.out,
                   "{\"type\":\"invalidate\",\"resource\":\"task\",\"action\":\"updated\"}");
    assert_message(
        &f.out,
        "{\"type\":\"invalidate\",\"resource\":\"project_members\",\"action\":\"updated\"}");
    EMPTY(&f);
    close_fixture(&f);
}

static void devhive(void **state)
{
    struct fixture f = open_dialect("devhive");
    assert_true(f.endpoint->dialect.reset_on_connect);
    say(&f, &PROJECT, "tasks", "updated", "\"t1\"", "{\"a\":1}");
    assert_message(&f.out,
                   "{\"type\":\"cache_invalidate\",\"resource\":\"task\",\"action\":\"UPDATE\","
                   "\"data\":{\"resource\":\"task\",\"id\":\"t1\",\"action\":\"UPDATE\","
                   "\"project_id\":\"p:1\",\"timestamp\":\"" TIME "\"},\"project_id\":\"p:1\"}");
    say(&f, &PROJECT, "project_members", "created", "[\"p\",\"u\"]", "");
    assert_message(&f.out, "{\"type\":\"cache_invalidate\",\"resource\":\"project_members\","
                           "\"action\":\"INSERT\",\"data\":{\"resource\":\"project_members\","
                           "\"id\":\"p:u\",\"action\":\"INSERT\",\"project_id\":\"p:1\","
                           "\"timestamp\":\"" TIME "\"},\"project_id\":\"p:1\"}");
    say(&f, &PROJECT, "sprints", "deleted", "", "");
    assert_message(&f.out,
                   "{\"type\":\"cache_invalidate\",\"resource\":\"sprint\",\"action\":\"DELETE\","
                   "\"data\":{\"resource\":\"sprint\",\"action\":\"DELETE\","
                   "\"project_id\":\"p:1\",\"timestamp\":\"" TIME "\"},\"project_id\":\"p:1\"}");
    ready(&f);
    notice(&f);
    position(&f);
    EMPTY(&f);
    assert_false(reset(&f, STR("project:*")));
    assert_message(&f.out, "{\"type\":\"reconnect\",\"data\":{\"reason\":\"source-gap\"}}");
    EMPTY(&f);
    close_fixture(&f);
}

static void content_studio(void **state)
{
    struct fixture f = open_dialect("content-studio");
    ready(&f);
    SAYS(&f, "data: {\"type\":\"connected\",\"userId\":\"p:1\"}\n\n");
    notice(&f);
    SAYS(&f, "data: {\"type\":\"job_completion\",\"jobId\":\"j1\",\"jobType\":\"generate-podcast\","
             "\"podcastId\":\"p1\",\"status\":\"ready\"}\n\n");
    say(&f, &PROJECT, "podcasts", "created", "\"p1\"", "");
    say(&f, &PROJECT, "documents", "status_changed", "\"d1\"", "");
    say(&f, &PROJECT, "documents", "deleted", "\"d1\"", "");
    SAYS(&f,
         "data: {\"type\":\"entity_change\",\"entityType\":\"podcast\",\"changeType\":\"insert\","
         "\"entityId\":\"p1\"}\n\n"
         "data: {\"type\":\"entity_change\",\"entityType\":\"document\",\"changeType\":\"update\","
         "\"entityId\":\"d1\"}\n\n"
         "data: {\"type\":\"entity_change\",\"entityType\":\"document\",\"changeType\":\"delete\","
         "\"entityId\":\"d1\"}\n\n");
    heartbeat(&f);
    SAYS(&f, "data: :heartbeat\n\n");
    position(&f);
    assert_true(reset(&f, STR("project:p%3A1")));
    EMPTY(&f);
    close_fixture(&f);
}

static void documents(void **state)
{
    struct fixture f = open_dialect("documents");
    assert_int_equal(f.endpoint->dialect.heartbeat_ms, 30000);
    ready(&f);
    SAYS(&f, "event: connected\ndata: {\"connectionId\":\"c_1_abc\",\"projectId\":\"p:1\"}\n\n");
    say(&f, &PROJECT, "document", "updated", "\"doc_456\"", "{\"chunks\":10,\"embeddedChunks\":5}");
    SAYS(&f,
         "event: entity.updated\ndata: {\"type\":\"entity.updated\",\"entity\":\"document\","
         "\"id\":\"doc_456\",\"projectId\":\"p:1\",\"data\":{\"chunks\":10,\"embeddedChunks\":5},"
         "\"timestamp\":\"" TIME "\"}\n\n");
    heartbeat(&f);
    SAYS(&f, "event: heartbeat\ndata: {\"timestamp\":\"" TIME "\"}\n\n");
    assert_true(reset(&f, STR("project:p%3A1")));
    EMPTY(&f);
    close_fixture(&f);
}

#define DOCUMENT(event, id)                                                                 \
    "event: entity." event "\ndata: {\"type\":\"entity." event                              \
    "\",\"entity\":\"chunk\",\"id\":\"" id "\",\"projectId\":\"p:1\",\"timestamp\":\"" TIME \
    "\"}\n\n"
#define BATCH(name, ids)                                                       \
    "event: entity.batch\ndata: {\"type\":\"entity.batch\",\"entity\":\"" name \
    "\",\"id\":null,\"ids\":[" ids "],\"projectId\":\"p:1\",\"timestamp\":\"" TIME "\"}\n\n"

static void several_updates_without_data_are_one_batch(void **state)
{
    struct fixture f = open_dialect("documents");
    const struct hub_entity tick[] = {
        entity("chunks", "updated", "\"1\"", ""),
        entity("documents", "updated", "\"9\"", ""),
        entity("chunks", "created", "\"2\"", ""),
        entity("chunks", "updated", "\"3\"", "{\"a\":1}"),
        /* Derived from an update, which stands there, too. */
        entity("chunks", "embedded", "\"1\"", ""),
        entity("chunks", "deleted", "\"4\"", ""),
        entity("chunks", "updated", "\"5\"", ""),
    };
    assert_true(dialect_say_changes(&f.endpoint->dialect, &f.out, &PROJECT, tick, 7, false));
    SAYS(&f,
         BATCH("chunk", "\"1\",\"5\"") "event: entity.updated\ndata: "
                                       "{\"type\":\"entity.updated\",\"entity\":\"document\","
                                       "\"id\":\"9\",\"projectId\":\"p:1\",\"timestamp\":\"" TIME
                                       "\"}\n\n" DOCUMENT(
                                           "created",
                                           "2") "event: entity.updated\ndata: "
                                                "{\"type\":\"entity.updated\",\"entity\":\"chunk\","
                                                "\"id\":\"3\",\"projectId\":\"p:1\",\"data\":{"
                                                "\"a\":1},\"timestamp\":\"" TIME
                                                "\"}\n\n" DOCUMENT("deleted", "4"));
    /* The derived one first. */
    const struct hub_entity derived[] = {entity("chunks", "embedded", "\"1\"", ""),
                                         entity("chunks", "updated", "\"1\"", "")};
    assert_true(dialect_say_changes(&f.endpoint->dialect, &f.out, &PROJECT, derived, 2, false));
    SAYS(&f, DOCUMENT("updated", "1"));
    close_fixture(&f);
}

static void what_cannot_be_said_is_not_said_in_part(void **state)
{
    static const struct {
        const char *dialect, *name, *action, *id;
        struct dialect_place place;
    } rows[] = {
        /* An id that the client needs; all rows; no row at all; a project that is none. */
        {"documents", "chunks", "updated", "", {.scope = {.p = "project:1", .n = 9}, .now = NOW}},
        {"recordings", "tasks", "truncated", "", {.scope = {.p = "project:1", .n = 9}, .now = NOW}},
        {"recordings", "", "marked", "", {.scope = {.p = "project:1", .n = 9}, .now = NOW}},
        {"devhive", "tasks", "updated", "\"1\"", {.scope = {.p = "admin", .n = 5}, .now = NOW}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f = open_dialect(rows[i].dialect);
        const struct hub_entity both[] = {entity("tasks", "created", "\"1\"", ""),
                                          entity(rows[i].name, rows[i].action, rows[i].id, "")};
        assert_false(
            dialect_say_changes(&f.endpoint->dialect, &f.out, &rows[i].place, both, 2, false));
        EMPTY(&f);
        close_fixture(&f);
    }
}

/* The sixth: in no file but this one. */
static void a_dialect_that_exists_only_in_a_configuration(void **state)
{
    struct fixture f = open_entry(
        "{ path: /feed, scope: [\"project:{query.p}\"], resume: true,\n"
        "      resources: { number: plural, letters: pascal, names: { user: PERSON } },\n"
        "      actions: { letters: upper, others: deleted },\n"
        "      ready: { event: hello, data: [\"{scope}\", \"{scope.0}\", \"{heartbeat}\", "
        "\"{time}\"] },\n"
        "      change: { event: \"{resource}\", data: { op: \"{action}\", key: \"{id?}\", "
        "t: \"{data.title?}\", all: \"{data?}\" } },\n"
        "      notice: { event: note, data: \"{type}/{notice}\" },\n"
        "      reset: { event: all, data: { why: \"{reason}\", within: \"{spread}\", in: "
        "\"{scope?}\" } },\n"
        "      heartbeat: { every: 2s, event: tick, data: 1 } }");
    ready(&f);
    SAYS(&f, "event: hello\ndata: [\"project:p%3A1\",\"project\",25,\"" TIME "\"]\n\n");
    say(&f, &PROJECT, "service_account", "created", "\"a\"", "{\"title\":\"T\"}");
    say(&f, &PROJECT, "user", "archived", "", "");
    SAYS(&f, "event: ServiceAccounts\ndata: {\"op\":\"CREATED\",\"key\":\"a\",\"t\":\"T\","
             "\"all\":{\"title\":\"T\"}}\n\n"
             "event: PERSON\ndata: {\"op\":\"DELETED\"}\n\n");
    notice(&f);
    SAYS(&f, "event: note\ndata: job_completion/n-1\n\n");
    assert_false(reset(&f, STR("project:*")));
    assert_false(reset(&f, STR("project:7")));
    SAYS(&f, "event: all\ndata: {\"why\":\"source-gap\",\"within\":5000}\n\n"
             "event: all\ndata: {\"why\":\"source-gap\",\"within\":5000,\"in\":\"project:7\"}\n\n");
    heartbeat(&f);
    SAYS(&f, "event: tick\ndata: 1\n\n");
    assert_int_equal(f.endpoint->dialect.heartbeat_ms, 2000);
    close_fixture(&f);
}

static void no_value_forges_an_event(void **state)
{
    struct fixture f = open_entry("{ path: /feed, scope: [\"project:{query.p}\"], reset: end,\n"
                                  "      change: { event: \"{resource}\", data: \"{id}\" } }");
    say(&f, &PROJECT, "a\ndata: x\n\nevent: y", "created", "\"1\\n\\ndata: z\\rq\"", "");
    SAYS(&f, "event: adata: xevent: y\ndata: 1\ndata: \ndata: data: z\ndata: q\n\n");
    close_fixture(&f);
}

static void which_rules_an_endpoint_serves(void **state)
{
    struct fixture f = open_entry("{ path: /feed, dialect: devhive, scope: admin }");
    assert_int_equal(f.wanted->n, 2);
    assert_text(f.wanted->resources[0].name, "service_accounts");
    assert_text(f.wanted->resources[1].name, "user");
    assert_false(f.config->rules.rules[0].changes);
    assert_true(f.config->rules.rules[2].changes);
    assert_true(f.config->rules.rules[3].changes);
    close_fixture(&f);
}

static void every_file_is_one_that_can_be_used(void **state)
{
    assert_int_equal(dialects_count(), 5);
    for (size_t i = 0; i < dialects_count(); i++) {
        struct fixture f = open_dialect(dialects_at(i)->name);
        assert_ptr_equal(dialects_find(str_of(dialects_at(i)->name)), dialects_at(i));
        close_fixture(&f);
    }
    assert_null(dialects_at(5));
    assert_null(dialects_find(STR("devhiv")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry),
        cmocka_unit_test(recordings),
        cmocka_unit_test(devhive),
        cmocka_unit_test(content_studio),
        cmocka_unit_test(documents),
        cmocka_unit_test(several_updates_without_data_are_one_batch),
        cmocka_unit_test(what_cannot_be_said_is_not_said_in_part),
        cmocka_unit_test(a_dialect_that_exists_only_in_a_configuration),
        cmocka_unit_test(no_value_forges_an_event),
        cmocka_unit_test(which_rules_an_endpoint_serves),
        cmocka_unit_test(every_file_is_one_that_can_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
