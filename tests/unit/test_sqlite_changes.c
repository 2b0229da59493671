/* What the source says about statements of all kinds: one line of the table is a schema, a watch,
 * what the application does, and what is heard. Each runs in a database of its own. */
#include "sqlite_bench.h"
#include "unit.h"

struct scene {
    const char *name;
    const char *schema;
    const char *table, *ids, *columns;
    const char *sql;
    const char *heard;
};

#define TASKS \
    "CREATE TABLE tasks(id INTEGER PRIMARY KEY, slug TEXT UNIQUE, project INT, title TEXT);"
#define TASK_ROWS "INSERT INTO tasks VALUES (1,'a',10,'A'),(2,'b',20,'B');"

static const struct scene scenes[] = {
    {"an insert is created", TASKS, "tasks", "id", "project title~",
     "INSERT INTO tasks VALUES (1,'a',10,'A')", "tasks created id=1 project=10 title=?\n--\n"},
    {"an update has both sides", TASKS TASK_ROWS, "tasks", "id", "project title~",
     "UPDATE tasks SET project = 11, title = 'x' WHERE id = 1",
     "tasks updated id=1 project=10>11 title!\n--\n"},
    {"an update of a column that no rule names is updated", TASKS TASK_ROWS, "tasks", "id",
     "project title~", "UPDATE tasks SET slug = 'z' WHERE id = 1",
     "tasks updated id=1 project=10 title=\n--\n"},
    {"a delete has the old side", TASKS TASK_ROWS, "tasks", "id", "project",
     "DELETE FROM tasks WHERE id = 2", "tasks deleted id=2 project=20\n--\n"},
    {"a delete of all rows is one of each", TASKS TASK_ROWS, "tasks", "id", "project",
     "DELETE FROM tasks", "tasks deleted id=1 project=10\ntasks deleted id=2 project=20\n--\n"},
    {"without id the primary key is recorded", TASKS TASK_ROWS, "tasks", "", "project",
     "UPDATE tasks SET project = 3 WHERE id = 2", "tasks updated #2 project=20>3 id=2\n--\n"},

    {"replace by primary key is an update", TASKS TASK_ROWS, "tasks", "id", "project",
     "REPLACE INTO tasks VALUES (1,'c',12,'C')", "tasks updated id=1 project=10>12\n--\n"},
    {"replace by a unique column deletes one and creates one", TASKS TASK_ROWS, "tasks", "id",
     "project", "REPLACE INTO tasks VALUES (3,'a',12,'C')",
     "tasks created id=3 project=12\ntasks deleted id=1 project=10\n--\n"},
    {"replace by both displaces two rows", TASKS TASK_ROWS, "tasks", "id", "project",
     "REPLACE INTO tasks VALUES (1,'b',12,'C')",
     "tasks updated id=1 project=10>12\ntasks deleted id=2 project=20\n--\n"},
    {"replace where the id is not the primary key is an update of that id", TASKS TASK_ROWS,
     "tasks", "slug", "project", "REPLACE INTO tasks(slug, project) VALUES ('a',12)",
     "tasks updated slug=\"a\" project=10>12 id=1>3\n--\n"},
    {"replace of many rows", TASKS TASK_ROWS, "tasks", "id", "project",
     "REPLACE INTO tasks SELECT id, slug, project + 1, title FROM tasks",
     "tasks updated id=1 project=10>11\ntasks updated id=2 project=20>21\n--\n"},
    {"replace with recursive triggers deletes and creates, as SQLite says", TASKS TASK_ROWS,
     "tasks", "id", "project",
     "PRAGMA recursive_triggers=ON; REPLACE INTO tasks VALUES (1,'c',12,'C')",
     "tasks deleted id=1 project=10\ntasks created id=1 project=12\n--\n"},
    {"replace fills a default where null is not allowed",
     "CREATE TABLE tasks(id INTEGER PRIMARY KEY, slug TEXT UNIQUE NOT NULL DEFAULT 'x', project);"
     "INSERT INTO tasks VALUES (1,'x',10);",
     "tasks", "id", "project", "REPLACE INTO tasks VALUES (2,NULL,20)",
     "tasks created id=2 project=20\ntasks deleted id=1 project=10\n--\n"},
    {"a table declared with ON CONFLICT REPLACE",
     "CREATE TABLE tasks(id INTEGER PRIMARY KEY ON CONFLICT REPLACE, project);"
     "INSERT INTO tasks VALUES (1,10);",
     "tasks", "id", "project", "INSERT INTO tasks VALUES (1,11)",
     "tasks updated id=1 project=10>11\n--\n"},

    {"insert or ignore that is ignored says nothing", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT OR IGNORE INTO tasks VALUES (1,'z',1,'Z'),(9,'b',1,'Z')", ""},
    {"do nothing says nothing", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT INTO tasks VALUES (9,'b',1,'Z') ON CONFLICT DO NOTHING", ""},
    {"an upsert is an update", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT INTO tasks VALUES (9,'b',1,'Z') ON CONFLICT(slug) DO UPDATE SET project = 21",
     "tasks updated id=2 project=20>21\n--\n"},
    {"ignored, then deleted and inserted", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT OR IGNORE INTO tasks VALUES (1,'z',1,'Z'); DELETE FROM tasks WHERE id = 1;"
     "INSERT INTO tasks VALUES (1,'a',11,'A')",
     "tasks deleted id=1 project=10\ntasks created id=1 project=11\n--\n"},
    {"ignored, then replaced by another row", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT OR IGNORE INTO tasks VALUES (1,'z',1,'Z'); REPLACE INTO tasks VALUES (3,'a',30,'')",
     "tasks created id=3 project=30\ntasks deleted id=1 project=10\n--\n"},
    {"insert or fail keeps the rows before the conflict", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT OR FAIL INTO tasks VALUES (5,'e',50,''),(1,'f',60,'')",
     "tasks created id=5 project=50\n--\n"},
    {"insert or rollback leaves nothing", TASKS TASK_ROWS, "tasks", "id", "project",
     "BEGIN; UPDATE tasks SET project = 0; INSERT OR ROLLBACK INTO tasks VALUES (1,'f',60,'')", ""},
    {"a statement that fails leaves nothing", TASKS TASK_ROWS, "tasks", "id", "project",
     "INSERT INTO tasks VALUES (5,'e',50,''),(1,'f',60,'')", ""},

    {"update or replace displaces by unique", TASKS TASK_ROWS, "tasks", "id", "project",
     "UPDATE OR REPLACE tasks SET slug = 'b' WHERE id = 1",
     "tasks updated id=1 project=10\ntasks deleted id=2 project=20\n--\n"},
    {"update or replace that takes another's primary key", TASKS TASK_ROWS, "tasks", "id",
     "project", "UPDATE OR REPLACE tasks SET id = 2 WHERE id = 1",
     "tasks deleted id=1 project=10\ntasks updated id=2 project=20>10\n--\n"},
    {"update or ignore that is ignored says nothing", TASKS TASK_ROWS, "tasks", "id", "project",
     "UPDATE OR IGNORE tasks SET slug = 'b' WHERE id = 1", ""},
    {"a displaced row whose number is taken again", TASKS TASK_ROWS, "tasks", "id", "project",
     "REPLACE INTO tasks VALUES (3,'a',30,''); UPDATE tasks SET id = 1 WHERE id = 2",
     "tasks created id=3 project=30\ntasks deleted id=2 project=20\n"
     "tasks updated id=1 project=10>20\n--\n"},

    {"an update of the primary key, with id", TASKS TASK_ROWS, "tasks", "id", "project",
     "UPDATE tasks SET id = 7 WHERE id = 1", "tasks updated id=1>7 project=10\n--\n"},
    {"an update of the primary key that is the id is two rows", TASKS TASK_ROWS, "tasks", "",
     "project", "UPDATE tasks SET id = 7 WHERE id = 1",
     "tasks deleted #1 project=10 id=1\ntasks created #7 project=10 id=7\n--\n"},

    {"a savepoint that is rolled back leaves nothing", TASKS TASK_ROWS, "tasks", "id", "project",
     "BEGIN; SAVEPOINT s; DELETE FROM tasks; ROLLBACK TO s;"
     "UPDATE tasks SET project = 11 WHERE id = 1; COMMIT",
     "tasks updated id=1 project=10>11\n--\n"},
    {"a transaction that is rolled back leaves no hole in the numbers", TASKS TASK_ROWS, "tasks",
     "id", "project",
     "BEGIN; DELETE FROM tasks; ROLLBACK; UPDATE tasks SET project = 11 WHERE id = 1",
     "tasks updated id=1 project=10>11\n--\n"},

    {"without rowid, composite key",
     "CREATE TABLE members(project INT, user TEXT, role TEXT,"
     "PRIMARY KEY(user, project)) WITHOUT ROWID; INSERT INTO members VALUES (1,'ann','x');",
     "members", "", "role",
     "INSERT INTO members VALUES (2,'ann','y'); REPLACE INTO members VALUES (1,'ann','z');"
     "UPDATE members SET role = 'w' WHERE project = 2; DELETE FROM members WHERE project = 1",
     "members created #[\"ann\",2] role=\"y\" user=\"ann\" project=2\n"
     "members updated #[\"ann\",1] role=\"x\">\"z\" user=\"ann\" project=1\n"
     "members updated #[\"ann\",2] role=\"y\">\"w\" user=\"ann\" project=2\n"
     "members deleted #[\"ann\",1] role=\"z\" user=\"ann\" project=1\n"
     "--\n"},
    {"without rowid, replaced",
     "CREATE TABLE members(project INT, user TEXT, role TEXT,"
     "PRIMARY KEY(user, project)) WITHOUT ROWID; INSERT INTO members VALUES (1,'ann','x');",
     "members", "user project", "role", "REPLACE INTO members VALUES (1,'ann','z')",
     "members updated user=\"ann\" project=1 role=\"x\">\"z\"\n--\n"},
    {"without rowid, update or replace",
     "CREATE TABLE members(project INT, user TEXT, role TEXT,"
     "PRIMARY KEY(user, project)) WITHOUT ROWID; INSERT INTO members VALUES "
     "(1,'ann','x'),(2,'ann','y');",
     "members", "user project", "role",
     "UPDATE OR REPLACE members SET project = 2 WHERE project = 1",
     "members deleted user=\"ann\" project=1 role=\"x\"\n"
     "members updated user=\"ann\" project=2 role=\"y\">\"x\"\n--\n"},
    {"a rowid table without a primary key has its rowid as id", "CREATE TABLE notes(text TEXT);",
     "notes", "", "text",
     "INSERT INTO notes VALUES ('a'); INSERT INTO notes VALUES ('b');"
     "UPDATE notes SET text = 'c' WHERE rowid = 2; DELETE FROM notes WHERE rowid = 1",
     "notes created #1 text=\"a\" rowid=1\nnotes created #2 text=\"b\" rowid=2\n"
     "notes updated #2 text=\"b\">\"c\" rowid=2\nnotes deleted #1 text=\"a\" rowid=1\n--\n"},
    {"a column called rowid", "CREATE TABLE notes(rowid TEXT, text TEXT);", "notes", "",
     "text rowid", "INSERT INTO notes VALUES ('r','a')",
     "notes created #1 text=\"a\" rowid=\"r\" _rowid_=1\n--\n"},
    {"a text primary key",
     "CREATE TABLE recordings(id TEXT PRIMARY KEY, name TEXT);"
     "INSERT INTO recordings VALUES ('r1','A');",
     "recordings", "id", "name",
     "REPLACE INTO recordings VALUES ('r1','B');"
     "INSERT INTO recordings VALUES ('r2','C')",
     "recordings updated id=\"r1\" name=\"A\">\"B\"\nrecordings created id=\"r2\" "
     "name=\"C\"\n--\n"},
    {"a text primary key that is similar by collation is another row",
     "CREATE TABLE tags(id TEXT PRIMARY KEY COLLATE NOCASE, n);INSERT INTO tags VALUES ('a',1);",
     "tags", "", "n", "REPLACE INTO tags VALUES ('A',2)",
     "tags created #\"A\" n=2 id=\"A\"\ntags deleted #\"a\" n=1 id=\"a\"\n--\n"},
    {"a case change of a column without case counts as a change",
     "CREATE TABLE tags(id INTEGER PRIMARY KEY, t TEXT COLLATE NOCASE);INSERT INTO tags VALUES "
     "(1,'a');",
     "tags", "id", "t~", "UPDATE tags SET t = 'A'", "tags updated id=1 t!\n--\n"},
    {"a blob primary key is followed although it gives no id",
     "CREATE TABLE b(id BLOB PRIMARY KEY, n);INSERT INTO b VALUES (x'01ff',1),(x'02',2);", "b", "",
     "n", "REPLACE INTO b VALUES (x'01ff',3); UPDATE b SET n = 4 WHERE id = x'02'",
     "b updated n=1>3 id=?>?\nb updated n=2>4 id=?>?\n--\n"},
    {"a key too long to record truncates when it may have been displaced",
     "CREATE TABLE b(id TEXT PRIMARY KEY, n);INSERT INTO b VALUES (printf('%2000d',1),1);", "b", "",
     "n", "REPLACE INTO b VALUES (printf('%2000d',1),2)", "b created n=2 id=?\nb truncated\n--\n"},
    {"strict and generated columns",
     "CREATE TABLE s(id INTEGER PRIMARY KEY, a TEXT, l TEXT AS (lower(a)) STORED UNIQUE,"
     "v TEXT AS (upper(a)) VIRTUAL) STRICT; INSERT INTO s(id,a) VALUES (1,'Ab');",
     "s", "id", "l v", "REPLACE INTO s(id,a) VALUES (2,'AB')",
     "s created id=2 l=\"ab\" v=\"AB\"\ns deleted id=1 l=\"ab\" v=\"AB\"\n--\n"},

    {"a partial unique index",
     "CREATE TABLE p(id INTEGER PRIMARY KEY, a, live INT);"
     "CREATE UNIQUE INDEX pa ON p(a) WHERE live = 1;INSERT INTO p VALUES (1,'x',1),(2,'x',0);",
     "p", "id", "a",
     "REPLACE INTO p VALUES (3,'x',1); REPLACE INTO p VALUES (4,'x',0);"
     "UPDATE OR REPLACE p SET live = 1 WHERE id = 2",
     "p created id=3 a=\"x\"\np created id=4 a=\"x\"\np updated id=2 a=\"x\"\n"
     "p deleted id=1 a=\"x\"\np deleted id=3 a=\"x\"\n--\n"},
    {"a unique index on an expression that cannot fail",
     "CREATE TABLE e(id INTEGER PRIMARY KEY, mail TEXT, n);"
     "CREATE UNIQUE INDEX em ON e(lower(mail) COLLATE NOCASE DESC, n);INSERT INTO e VALUES "
     "(1,'A@x',1);",
     "e", "id", "n", "REPLACE INTO e VALUES (2,'a@X',1)",
     "e created id=2 n=1\ne deleted id=1 n=1\n--\n"},
    {"a unique index on an expression that can fail makes inserts wide",
     "CREATE TABLE e(id INTEGER PRIMARY KEY, doc TEXT);"
     "CREATE UNIQUE INDEX em ON e(json_extract(doc, '$.k'));INSERT INTO e VALUES (1,'{\"k\":1}');",
     "e", "id", "", "REPLACE INTO e VALUES (2,'{\"k\":1}')", "e created id=2\ne truncated\n--\n"},

    {"cascades",
     "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(id INTEGER PRIMARY "
     "KEY, p INT REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);"
     "INSERT INTO parent VALUES (1),(2); INSERT INTO child VALUES (5,1),(6,2);",
     "child", "id", "p", "DELETE FROM parent WHERE id = 1; UPDATE parent SET id = 3",
     "child deleted id=5 p=1\nchild updated id=6 p=2>3\n--\n"},
    {"set null",
     "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(id INTEGER PRIMARY "
     "KEY, p INT REFERENCES parent ON DELETE SET NULL);"
     "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (5,1);",
     "child", "id", "p", "DELETE FROM parent", "child updated id=5 p=1>null\n--\n"},
    {"cascades of a replaced row",
     "CREATE TABLE parent(id INTEGER PRIMARY KEY); CREATE TABLE child(id "
     "INTEGER PRIMARY KEY, p INT REFERENCES parent ON DELETE CASCADE);"
     "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (5,1);",
     "child", "id", "p", "REPLACE INTO parent VALUES (1)", "child deleted id=5 p=1\n--\n"},
    {"the application's own triggers in between",
     TASKS TASK_ROWS
     "CREATE TABLE log(t); CREATE TRIGGER mine BEFORE INSERT ON tasks WHEN NEW.id < 100 BEGIN "
     "INSERT INTO tasks VALUES (NEW.id + 100, NEW.slug || '+', NEW.project, ''); END;",
     "tasks", "id", "project", "REPLACE INTO tasks VALUES (1,'a',11,'')",
     "tasks created id=101 project=11\ntasks updated id=1 project=10>11\n--\n"},
    {"an application's trigger that ignores the row",
     TASKS TASK_ROWS "CREATE TRIGGER mine BEFORE INSERT ON tasks BEGIN SELECT RAISE(IGNORE); END;",
     "tasks", "id", "project", "REPLACE INTO tasks VALUES (1,'a',11,'')", ""},
    {"a view that writes through a trigger",
     TASKS TASK_ROWS
     "CREATE VIEW v AS SELECT * FROM tasks; CREATE TRIGGER vt INSTEAD OF UPDATE ON v BEGIN "
     "UPDATE tasks SET project = NEW.project WHERE id = NEW.id; END;",
     "tasks", "id", "project", "UPDATE v SET project = 5 WHERE id = 1",
     "tasks updated id=1 project=10>5\n--\n"},

    {"names with quotes, spaces and letters of all kinds",
     "CREATE TABLE \"my \"\"own\"\" t'able\"(\"the 'id\" INTEGER PRIMARY KEY, \"Größe x\" INT "
     "UNIQUE);",
     "my \"own\" t'able", "", "",
     "INSERT INTO \"my \"\"own\"\" t'able\" VALUES (1,2); REPLACE INTO \"my \"\"own\"\" t'able\" "
     "VALUES (2,2)",
     "my \"own\" t'able created #1 the 'id=1\nmy \"own\" t'able created #2 the 'id=2\n"
     "my \"own\" t'able deleted #1 the 'id=1\n--\n"},
    {"names in another case than the rules write",
     "CREATE TABLE Tasks(ID INTEGER PRIMARY KEY, Project);", "tasks", "id", "project",
     "INSERT INTO TASKS VALUES (1,2)", "tasks created id=1 project=2\n--\n"},
    {"columns called new and old",
     "CREATE TABLE n(new INTEGER PRIMARY KEY, old INT, \"select\" INT);", "n", "new", "old select",
     "INSERT INTO n VALUES (1,2,3)", "n created new=1 old=2 select=3\n--\n"},

    {"with a schema that the application does not trust", TASKS TASK_ROWS, "tasks", "id", "project",
     "PRAGMA trusted_schema=OFF; REPLACE INTO tasks VALUES (1,'c',12,'C')",
     "tasks updated id=1 project=10>12\n--\n"},
    {"all types of values", "CREATE TABLE v(id INTEGER PRIMARY KEY, a, b, c, d, e);", "v", "id",
     "a b c d e", "INSERT INTO v VALUES (1, 9007199254740993, 1.5, 'te\"xt', NULL, x'00')",
     "v created id=1 a=\"9007199254740993\" b=1.5 c=\"te\\\"xt\" d=null e=?\n--\n"},
    {"long text is unknown, not cut", "CREATE TABLE v(id INTEGER PRIMARY KEY, a, b);", "v", "id",
     "a b~",
     "INSERT INTO v VALUES (1, printf('%1024d', 1) || 'x', 'b'); UPDATE v SET a = 'short', b = 'c'",
     "v created id=1 a=? b=?\nv updated id=1 a=?>\"short\" b!\n--\n"},
    {"text with a NUL is measured whole", "CREATE TABLE v(id INTEGER PRIMARY KEY, a);", "v", "id",
     "a", "INSERT INTO v VALUES (1, 'a' || char(0) || printf('%2000d', 1))",
     "v created id=1 a=?\n--\n"},
    {"a wide column: only whether it changed",
     "CREATE TABLE v(id INTEGER PRIMARY KEY, doc BLOB);"
     "INSERT INTO v VALUES (1, zeroblob(1000000));",
     "v", "id", "doc~",
     "UPDATE v SET doc = zeroblob(1000000); UPDATE v SET doc = zeroblob(1000001)",
     "v updated id=1 doc=\nv updated id=1 doc!\n--\n"},
    {"text that is not UTF-8 is passed on", "CREATE TABLE v(id INTEGER PRIMARY KEY, a);", "v", "id",
     "a", "INSERT INTO v VALUES (1, CAST(x'41ff' AS TEXT))",
     "v created id=1 a=\"A\xef\xbf\xbd\"\n--\n"},
};

static void run_scene(void **state)
{
    const struct scene *scene = *state;
    struct sqlite_bench *b = sqlite_bench_new(scene->schema);
    sqlite_bench_watch(b, scene->table, scene->ids, scene->columns);
    sqlite_bench_setup(b);
    sqlite_bench_start(b, "");
    sqlite_bench_wait_current(b, true);
    assert_text(sqlite_bench_heard(b), "gap *\n");
    /* Some of them are meant to fail. */
    sqlite_bench_try(b, scene->sql);
    if (!sqlite3_get_autocommit(b->db))
        sqlite_bench_sql(b, "ROLLBACK");
    assert_text(sqlite_bench_heard(b), scene->heard);
    assert_true(b->current);
    sqlite_bench_free(b);
}

int main(void)
{
    enum { N = sizeof scenes / sizeof scenes[0] };
    static struct CMUnitTest tests[N];
    for (size_t i = 0; i < N; i++)
        tests[i] = (struct CMUnitTest){
            .name = scenes[i].name, .test_func = run_scene, .initial_state = (void *)&scenes[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
