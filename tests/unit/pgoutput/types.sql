--= setup
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN address AS text;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE types(
  id int PRIMARY KEY, i2 smallint, i4 int, i8 bigint, o oid, f4 real, f8 double precision, n numeric, b boolean,
  t text, v varchar(20), c char(4), u uuid, e mood, d date, ts timestamp, tz timestamptz, tm time, iv interval,
  j json, jb jsonb, by bytea, ar int[], ip inet, dom positive, adr address, p pair);
ALTER TABLE types REPLICA IDENTITY FULL;
CREATE PUBLICATION recorded FOR TABLE types;
ALTER SYSTEM SET timezone = 'UTC';
SELECT pg_reload_conf();
--= every type
INSERT INTO types VALUES (1, -32768, 2147483647, 42, 4294967295, 0.1, 1e300, 10.50, true,
  'text', 'varchar', 'ab', '6F9619FF-8B86-D011-B42D-00C04FC964FF', 'very happy', '2026-01-31', '2026-01-31 12:34:56.789012',
  '2026-01-31 12:34:56.789999+02', '12:34', '1 day 2 hours', '{"b": 1, "a": [1.0, 2e2]}', '{"b": 1, "a": [1.0, 2e2]}', '\xdeadbeef',
  '{1,2,NULL}', '10.0.0.1', 7, 'street', '(1,"x y")');
--= nothing but the key
INSERT INTO types(id) VALUES (2);
--= the ends of numbers
INSERT INTO types(id, i8, f4, f8, n, b) VALUES
  (3, 9007199254740991, 'NaN', 'Infinity', 'NaN', false),
  (4, 9007199254740992, '-Infinity', -0.0, 123456789012345678901234567890.123, NULL),
  (5, 9223372036854775807, 1e-45, 5e-324, -0.00, NULL),
  (6, -9223372036854775808, 3.4028235e38, 0.30000000000000004, 1e20, NULL);
--= the ends of time
INSERT INTO types(id, d, ts, tz) VALUES
  (7, 'infinity', 'infinity', '-infinity'),
  (8, '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC'),
  (9, '12026-01-01', '12026-01-01 00:00', '12026-01-01 00:00:00+00'),
  (10, '2026-01-01', '2026-01-01 00:00:00.1', '2026-01-01 00:00:00.1+00'),
  (11, '2026-01-01', '2026-01-01 00:00:00', '2026-01-01 00:00:00+00');
--= JSON of all kinds
INSERT INTO types(id, j, jb) VALUES
  (12, 'null', 'null'), (13, 'true', 'false'), (14, '"text"', '"a\"b"'), (15, '1.50', '1.50'), (16, '[]', '{}'),
  (17, '{"z":{"y":1,"x":"\u00e9\u2028"},"a":null}', '{"z":{"y":1,"x":"\u00e9\u2028"},"a":null}'),
  (18, '12345678901234567890', '[12345678901234567890, 9007199254740993]'), (19, '1e400', '1e400'),
  (20, '{"a":1,"a":2}', '{"a":1,"a":2}');
--= texts that are hard to write
INSERT INTO types(id, t) VALUES (21, ''), (22, E'line\nbreak\ttab"quote\\'), (23, E'caf\u00e9 \U0001F600'), (24, repeat('long', 30));
--= the same values once more
UPDATE types SET t = 'text', jb = jb || '{"c": true}' WHERE id = 1;
DELETE FROM types WHERE id IN (1, 7);
