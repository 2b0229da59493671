/* The example "recordings": a desktop application for one user that records,
 * transcribes and searches meetings. This file is all that is its own on the
 * server side: schema, tables as resources, dashboard and search.
 *
 * Nothing here knows unstale. The pages stay right because unstale captures what
 * commits, whoever wrote it. The touch triggers keep updated_at true even for a
 * change typed into the sqlite3 shell, so that the page can say how long a commit
 * took to reach the screen. */
#include "backend.h"

#include <string.h>

#include "sample.h"

#define NOW_MS "(CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"

#define TOUCH(table, columns)                                                            \
    "CREATE TRIGGER IF NOT EXISTS " table "_touch AFTER UPDATE OF " columns " ON " table \
    " WHEN new.updated_at IS old.updated_at"                                             \
    " BEGIN UPDATE " table " SET updated_at = " NOW_MS " WHERE id = new.id; END;"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS projects ("
    "  id TEXT PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  description TEXT NOT NULL DEFAULT '',"
    "  created_at INTEGER NOT NULL DEFAULT " NOW_MS ","
    "  updated_at INTEGER NOT NULL DEFAULT " NOW_MS ");"
    "CREATE TABLE IF NOT EXISTS recordings ("
    "  id TEXT PRIMARY KEY,"
    "  title TEXT NOT NULL,"
    "  project_id TEXT REFERENCES projects(id) ON DELETE SET NULL,"
    "  status TEXT NOT NULL DEFAULT 'uploaded' CHECK (status IN"
    "    ('uploaded', 'queued', 'transcribing', 'ready', 'failed')),"
    "  duration_s INTEGER NOT NULL DEFAULT 0,"
    "  size_bytes INTEGER NOT NULL DEFAULT 0,"
    "  created_at INTEGER NOT NULL DEFAULT " NOW_MS ","
    "  updated_at INTEGER NOT NULL DEFAULT " NOW_MS ");"
    "CREATE INDEX IF NOT EXISTS recordings_project ON recordings(project_id);"
    "CREATE INDEX IF NOT EXISTS recordings_created ON recordings(created_at);"
    "CREATE TABLE IF NOT EXISTS conversations ("
    "  id TEXT PRIMARY KEY,"
    "  title TEXT NOT NULL,"
    "  recording_id TEXT REFERENCES recordings(id) ON DELETE SET NULL,"
    "  message_count INTEGER NOT NULL DEFAULT 0,"
    "  last_message TEXT NOT NULL DEFAULT '',"
    "  created_at INTEGER NOT NULL DEFAULT " NOW_MS ","
    "  updated_at INTEGER NOT NULL DEFAULT " NOW_MS ");"
    "CREATE INDEX IF NOT EXISTS conversations_recording ON conversations(recording_id);"
    "CREATE TABLE IF NOT EXISTS search_history ("
    "  id TEXT PRIMARY KEY,"
    "  query TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL DEFAULT " NOW_MS ");" TOUCH("projects", "name, description")
        TOUCH("recordings", "title, project_id, status, duration_s, size_bytes")
            TOUCH("conversations", "title, recording_id, message_count, last_message");

/* ---- resources ---- */

static const char *const statuses[] = {"uploaded", "queued", "transcribing",
                                       "ready",    "failed", NULL};

static const struct resource recordings = {
    .name = "recordings",
    .one = "recording",
    .table = "recordings",
    .id_prefix = "r",
    .touched = "updated_at",
    .select = "t.id, t.title, t.project_id, p.name AS project_name, t.status, t.duration_s,"
              " t.size_bytes, t.created_at, t.updated_at",
    .from = "recordings t LEFT JOIN projects p ON p.id = t.project_id",
    .order = "t.created_at DESC, t.id",
    .searched = (const char *const[]){"t.title", "p.name", NULL},
    .columns = (const struct resource_column[]){{"title", RESOURCE_TEXT, true, 200, NULL},
                                                {"project_id", RESOURCE_TEXT, false, 64, NULL},
                                                {"status", RESOURCE_TEXT, false, 16, statuses},
                                                {"duration_s", RESOURCE_INTEGER, false, 0, NULL},
                                                {"size_bytes", RESOURCE_INTEGER, false, 0, NULL},
                                                {.name = NULL}},
    .filters = (const struct resource_filter[]){{"status", "t.status"},
                                                {"project", "t.project_id"},
                                                {NULL, NULL}},
};

static const struct resource projects = {
    .name = "projects",
    .one = "project",
    .table = "projects",
    .id_prefix = "p",
    .touched = "updated_at",
    .select = "t.id, t.name, t.description, t.created_at, t.updated_at,"
              " (SELECT count(*) FROM recordings r WHERE r.project_id = t.id) AS recordings,"
              " (SELECT coalesce(sum(r.duration_s), 0) FROM recordings r"
              "  WHERE r.project_id = t.id) AS duration_s",
    .from = "projects t",
    .order = "t.name COLLATE NOCASE, t.id",
    .searched = (const char *const[]){"t.name", "t.description", NULL},
    .columns = (const struct resource_column[]){{"name", RESOURCE_TEXT, true, 120, NULL},
                                                {"description", RESOURCE_TEXT, false, 500, NULL},
                                                {.name = NULL}},
};

static const struct resource conversations = {
    .name = "conversations",
    .one = "conversation",
    .table = "conversations",
    .id_prefix = "c",
    .touched = "updated_at",
    .select = "t.id, t.title, t.recording_id, r.title AS recording_title, t.message_count,"
              " t.last_message, t.created_at, t.updated_at",
    .from = "conversations t LEFT JOIN recordings r ON r.id = t.recording_id",
    .order = "t.created_at DESC, t.id",
    .searched = (const char *const[]){"t.title", "t.last_message", NULL},
    .columns = (const struct resource_column[]){{"title", RESOURCE_TEXT, true, 200, NULL},
                                                {"recording_id", RESOURCE_TEXT, false, 64, NULL},
                                                {"message_count", RESOURCE_INTEGER, false, 0, NULL},
                                                {"last_message", RESOURCE_TEXT, false, 2000, NULL},
                                                {.name = NULL}},
    .filters = (const struct resource_filter[]){{"recording", "t.recording_id"}, {NULL, NULL}},
};

static const struct resource search_history = {
    .name = "search/history",
    .one = "search",
    .table = "search_history",
    .id_prefix = "s",
    .select = "t.id, t.query, t.created_at",
    .from = "search_history t",
    .order = "t.created_at DESC, t.rowid DESC",
    .columns =
        (const struct resource_column[]){{"query", RESOURCE_TEXT, true, 200, NULL}, {.name = NULL}},
};

/* ---- dashboard ---- */

/* Reads several answers from one state of the database and puts them together. */
static bool get_stats(struct db *db, const struct http_request *request, struct http_reply *reply,
                      struct problem *problem)
{
    static const struct {
        const char *name;
        bool many;
        const char *sql;
    } parts[] = {
        {"totals", false,
         "SELECT (SELECT count(*) FROM recordings) AS recordings,"
         " (SELECT count(*) FROM projects) AS projects,"
         " (SELECT count(*) FROM conversations) AS conversations,"
         " coalesce(sum(duration_s), 0) AS duration_s, coalesce(sum(size_bytes), 0) AS size_bytes,"
         " coalesce(max(updated_at), 0) AS updated_at FROM recordings"},
        {"by_status", true,
         "SELECT status, count(*) AS recordings FROM recordings GROUP BY status ORDER BY status"},
        {"by_day", true,
         "WITH RECURSIVE days(back) AS (SELECT 13 UNION ALL SELECT back - 1 FROM days"
         " WHERE back > 0), named AS (SELECT date('now', '-' || back || ' days') AS day FROM days)"
         " SELECT day, count(r.id) AS recordings, coalesce(sum(r.duration_s), 0) AS duration_s"
         " FROM named LEFT JOIN recordings r ON date(r.created_at / 1000, 'unixepoch') = day"
         " GROUP BY day ORDER BY day"},
        {"recent", true,
         "SELECT t.id, t.title, t.project_id, p.name AS project_name, t.status, t.duration_s,"
         " t.size_bytes, t.created_at, t.updated_at FROM recordings t"
         " LEFT JOIN projects p ON p.id = t.project_id ORDER BY t.updated_at DESC, t.id LIMIT 6"},
    };
    json_t *stats = json_object();

    (void)request;
    if (!db_exec(db, "BEGIN", problem))
        goto fail;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        json_t *part = parts[i].many ? db_rows(db, parts[i].sql, NULL, problem)
                                     : db_row(db, parts[i].sql, NULL, problem);

        if (part == NULL)
            goto fail;
        json_object_set_new(stats, parts[i].name, part);
    }
    return http_reply_json(reply, 200, stats);
fail:
    json_decref(stats);
    return false;
}

/* ---- search ---- */

/* Keeps the fifty newest, so that the history is a list and not a log. */
static bool record_search(struct db *db, json_t *params, struct problem *problem)
{
    return db_exec(db, "BEGIN IMMEDIATE", problem) &&
           db_run(db,
                  "INSERT INTO search_history (id, query)"
                  " VALUES ('s' || lower(hex(randomblob(5))), ?1)",
                  params, NULL, problem) &&
           db_exec(db,
                   "DELETE FROM search_history WHERE id NOT IN (SELECT id FROM search_history"
                   " ORDER BY created_at DESC, rowid DESC LIMIT 50)",
                   problem) &&
           db_exec(db, "COMMIT", problem);
}

static bool get_search(struct db *db, const struct http_request *request, struct http_reply *reply,
                       struct problem *problem)
{
    const char *q = http_request_arg(request, "q");
    json_t *params, *items;
    bool ok = false;

    if (q == NULL || q[strspn(q, " \t")] == '\0')
        return problem_set(problem, 400, "q is missing: what shall be searched for?");
    if (strlen(q) > 200)
        return problem_set(problem, 400, "q may have at most 200 bytes");
    params = json_pack("[s]", q);
    if (params == NULL)
        return problem_set(problem, 400, "q is not UTF-8");
    /* instr instead of LIKE: no character of a search means anything special. */
    items = db_rows(db,
                    "SELECT 'recording' AS kind, id, title, updated_at FROM recordings"
                    " WHERE instr(lower(title), lower(?1))"
                    " UNION ALL SELECT 'project', id, name, updated_at FROM projects"
                    " WHERE instr(lower(name || ' ' || description), lower(?1))"
                    " UNION ALL SELECT 'conversation', id, title, updated_at FROM conversations"
                    " WHERE instr(lower(title || ' ' || last_message), lower(?1))"
                    " ORDER BY 4 DESC LIMIT 100",
                    params, problem);
    if (items != NULL && record_search(db, params, problem))
        ok = http_reply_json(reply, 200,
                             json_pack("{s:s, s:I, s:O}", "q", q, "total",
                                       (json_int_t)json_array_size(items), "items", items));
    json_decref(items);
    json_decref(params);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct resource *const resources[] = {&recordings, &projects, &conversations,
                                                       &search_history, NULL};
    static const struct backend_route routes[] = {
        {"GET", "/api/dashboard/stats", get_stats, NULL, NULL},
        {"GET", "/api/search", get_search, NULL, NULL},
        {.method = NULL}};
    static const struct backend_app app = {.name = "recordings",
                                           .schema = schema,
                                           .resources = resources,
                                           .routes = routes,
                                           .fill = sample_fill};

    return backend_main(argc, argv, &app);
}
