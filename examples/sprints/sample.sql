-- Run again it changes nothing.
INSERT INTO users (id, login, name) VALUES ('u-ada', 'ada', 'Ada Lindgren'), ('u-bo', 'bo', 'Bo Achebe'), ('u-cem', 'cem', 'Cem Kaya') ON CONFLICT DO NOTHING;
INSERT INTO projects (id, name, description) VALUES ('p-hive', 'Hive', 'The product itself'), ('p-site', 'Site', 'What visitors see'), ('p-wax', 'Wax', 'Not yet announced') ON CONFLICT DO NOTHING;
INSERT INTO project_members (project_id, user_id, role) VALUES
  ('p-hive', 'u-ada', 'owner'), ('p-hive', 'u-bo', 'member'), ('p-site', 'u-ada', 'owner'), ('p-wax', 'u-cem', 'owner') ON CONFLICT DO NOTHING;
INSERT INTO sprints (id, project_id, name, started) VALUES
  ('s-hive-1', 'p-hive', 'Foundation', true), ('s-hive-2', 'p-hive', 'Second storey', false), ('s-site-1', 'p-site', 'Launch', true) ON CONFLICT DO NOTHING;
INSERT INTO tasks (id, project_id, sprint_id, title, done)
  SELECT 't-hive-' || i, 'p-hive', CASE WHEN i <= 6 THEN 's-hive-1' WHEN i <= 9 THEN 's-hive-2' END, 'Task ' || i || ' of Hive', i <= 2 FROM generate_series(1, 12) i
  ON CONFLICT DO NOTHING;
INSERT INTO tasks (id, project_id, sprint_id, title)
  SELECT 't-site-' || i, 'p-site', 's-site-1', 'Task ' || i || ' of Site' FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;
