--= setup
CREATE TABLE tasks(id int PRIMARY KEY, project_id int, title text, body text);
CREATE TABLE full_tasks(id int PRIMARY KEY, project_id int, title text, body text);
ALTER TABLE full_tasks REPLICA IDENTITY FULL;
ALTER TABLE tasks ALTER body SET STORAGE EXTERNAL;
ALTER TABLE full_tasks ALTER body SET STORAGE EXTERNAL;
CREATE TABLE members(project_id int, user_id text, role text, PRIMARY KEY (project_id, user_id));
CREATE TABLE keyless(project_id int, note text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE indexed(id int PRIMARY KEY, slug text NOT NULL, name text);
CREATE UNIQUE INDEX indexed_slug ON indexed(slug);
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_slug;
CREATE SCHEMA "Back Office";
CREATE TABLE "Back Office"."Line.Items"("Id" bigint PRIMARY KEY, "Project Id" int, "quo""ted" text);
CREATE TABLE parents(id int PRIMARY KEY);
CREATE TABLE children(id int PRIMARY KEY, parent_id int REFERENCES parents ON DELETE CASCADE);
CREATE TABLE events(id int, day date, project_id int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE TABLE unwatched(id int PRIMARY KEY, note text);
CREATE PUBLICATION recorded FOR TABLE tasks, full_tasks, members, keyless, indexed, "Back Office"."Line.Items", parents, children, events, unwatched
  WITH (publish_via_partition_root = true);
--= insert, update, delete of one row
INSERT INTO tasks VALUES (1, 10, 'one', 'short');
UPDATE tasks SET title = 'two' WHERE id = 1;
UPDATE tasks SET project_id = 11 WHERE id = 1;
UPDATE tasks SET id = 2 WHERE id = 1;
DELETE FROM tasks WHERE id = 2;
--= the same with REPLICA IDENTITY FULL
INSERT INTO full_tasks VALUES (1, 10, 'one', 'short');
UPDATE full_tasks SET title = 'two' WHERE id = 1;
UPDATE full_tasks SET project_id = 11 WHERE id = 1;
UPDATE full_tasks SET id = 2 WHERE id = 1;
DELETE FROM full_tasks WHERE id = 2;
--= a value stored out of line that does not change
INSERT INTO tasks VALUES (3, 10, 'large', repeat('x', 3000));
UPDATE tasks SET title = 'larger' WHERE id = 3;
INSERT INTO full_tasks VALUES (3, 10, 'large', repeat('y', 3000));
UPDATE full_tasks SET title = 'larger' WHERE id = 3;
UPDATE full_tasks SET body = repeat('z', 2500) WHERE id = 3;
--= one transaction over several tables
BEGIN;
INSERT INTO members VALUES (10, 'ann', 'owner'), (10, 'bob', 'guest');
UPDATE members SET role = 'owner' WHERE user_id = 'bob';
UPDATE members SET user_id = 'ben' WHERE user_id = 'bob';
DELETE FROM members WHERE user_id = 'ben';
INSERT INTO tasks VALUES (4, 10, 'four', NULL);
COMMIT;
--= savepoints, a rollback, a transaction without changes
BEGIN;
INSERT INTO tasks VALUES (5, 10, 'five', NULL);
SAVEPOINT one;
INSERT INTO tasks VALUES (6, 10, 'never', NULL);
ROLLBACK TO one;
INSERT INTO tasks VALUES (7, 10, 'seven', NULL);
COMMIT;
BEGIN;
INSERT INTO tasks VALUES (8, 10, 'never', NULL);
ROLLBACK;
CREATE TABLE nobody_publishes(id int);
--= a table without a key
INSERT INTO keyless VALUES (10, 'a'), (NULL, 'b');
UPDATE keyless SET project_id = 11 WHERE note = 'b';
DELETE FROM keyless WHERE note = 'a';
--= an identity that is not the primary key
INSERT INTO indexed VALUES (1, 'one', 'One');
UPDATE indexed SET name = 'Two' WHERE id = 1;
UPDATE indexed SET slug = 'two' WHERE id = 1;
DELETE FROM indexed WHERE id = 1;
--= names that need quotes
INSERT INTO "Back Office"."Line.Items" VALUES (9007199254740993, 10, 'x');
UPDATE "Back Office"."Line.Items" SET "Project Id" = 11;
DELETE FROM "Back Office"."Line.Items";
--= a deletion that cascades
INSERT INTO parents VALUES (1), (2);
INSERT INTO children VALUES (11, 1), (12, 1), (21, 2);
DELETE FROM parents WHERE id = 1;
--= TRUNCATE that cascades
TRUNCATE parents RESTART IDENTITY CASCADE;
--= a row that moves between partitions
INSERT INTO events VALUES (1, '2026-01-15', 10);
UPDATE events SET project_id = 11 WHERE id = 1;
UPDATE events SET day = '2026-02-15' WHERE id = 1;
DELETE FROM events WHERE id = 1;
TRUNCATE events_1;
--= COPY
COPY tasks FROM STDIN;
20	10	copied	\N
21	11	copied too	\N
\.
--= as a replica
SET session_replication_role = replica;
INSERT INTO children VALUES (99, 12345);
--= a table that nobody watches
INSERT INTO unwatched VALUES (1, 'x');
UPDATE unwatched SET note = 'y';
--= columns that come, go and change
INSERT INTO tasks VALUES (30, 10, 'before', NULL);
ALTER TABLE tasks ADD COLUMN extra text;
INSERT INTO tasks VALUES (31, 10, 'added', NULL, 'e');
ALTER TABLE tasks RENAME COLUMN title TO heading;
INSERT INTO tasks VALUES (32, 10, 'renamed', NULL, 'e');
ALTER TABLE tasks DROP COLUMN project_id;
INSERT INTO tasks VALUES (33, 'dropped', NULL, 'e');
ALTER TABLE tasks REPLICA IDENTITY FULL;
UPDATE tasks SET heading = 'full' WHERE id = 33;
--= a table that is dropped and made again
DROP TABLE unwatched;
CREATE TABLE unwatched(id int PRIMARY KEY, other int);
ALTER PUBLICATION recorded ADD TABLE unwatched;
INSERT INTO unwatched VALUES (1, 2);
--= what applications say in their transactions
BEGIN;
SELECT pg_logical_emit_message(true, 'unstale', '{"resource":"tasks","action":"updated","id":1}');
INSERT INTO members VALUES (77, 'cid', 'guest');
SELECT pg_logical_emit_message(true, 'other', '\x00ff'::bytea);
COMMIT;
SELECT pg_logical_emit_message(false, 'unstale', 'outside');
--= from another server
SELECT pg_replication_origin_create('elsewhere');
SELECT pg_replication_origin_session_setup('elsewhere');
BEGIN;
SELECT pg_replication_origin_xact_setup('0/AABBCC', '2026-01-01');
INSERT INTO members VALUES (78, 'dan', 'guest');
COMMIT;
