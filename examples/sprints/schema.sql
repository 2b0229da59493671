-- DevHive: projects, their sprints and tasks, and who is a member (PostgreSQL).
-- The identities are for `capture: logical`: a row that is deleted or moves has to tell its old project.

CREATE TABLE IF NOT EXISTS users (
  id text PRIMARY KEY,
  login text NOT NULL UNIQUE,
  name text NOT NULL);

CREATE TABLE IF NOT EXISTS projects (
  id text PRIMARY KEY DEFAULT 'p' || substr(md5(random()::text), 1, 10),
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  updated_at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint);

CREATE TABLE IF NOT EXISTS project_members (
  project_id text NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
  user_id text NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  role text NOT NULL DEFAULT 'member',
  PRIMARY KEY (project_id, user_id));

CREATE TABLE IF NOT EXISTS sprints (
  id text PRIMARY KEY DEFAULT 's' || substr(md5(random()::text), 1, 10),
  project_id text NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
  name text NOT NULL,
  started boolean NOT NULL DEFAULT false,
  updated_at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint);

CREATE TABLE IF NOT EXISTS tasks (
  id text PRIMARY KEY DEFAULT 't' || substr(md5(random()::text), 1, 10),
  project_id text NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
  sprint_id text REFERENCES sprints(id) ON DELETE SET NULL,
  title text NOT NULL,
  done boolean NOT NULL DEFAULT false,
  updated_at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint);

ALTER TABLE projects REPLICA IDENTITY FULL;
ALTER TABLE sprints REPLICA IDENTITY FULL;
ALTER TABLE tasks REPLICA IDENTITY FULL;

-- The time of the last change, also of one typed into psql.
CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER projects_touch BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION touch();
CREATE OR REPLACE TRIGGER sprints_touch BEFORE UPDATE ON sprints FOR EACH ROW EXECUTE FUNCTION touch();
CREATE OR REPLACE TRIGGER tasks_touch BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION touch();
