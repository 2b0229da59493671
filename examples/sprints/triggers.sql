-- The triggers that an application like this one may have already: one notification a row on the channel cache_invalidate.
-- unstale understands them as they are (unstale.trigger.yaml); for anything new, `unstale setup postgres` makes better ones.

CREATE OR REPLACE FUNCTION notify_cache_invalidate() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
  named text := CASE TG_TABLE_NAME WHEN 'project_members' THEN 'project_members' ELSE rtrim(TG_TABLE_NAME, 's') END;
BEGIN
  PERFORM pg_notify('cache_invalidate', jsonb_build_object(
    'resource', named,
    'id', changed ->> 'id',
    'action', TG_OP,
    'project_id', CASE TG_TABLE_NAME WHEN 'projects' THEN changed ->> 'id' ELSE changed ->> 'project_id' END,
    'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))::text);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER projects_cache_invalidate AFTER INSERT OR UPDATE OR DELETE ON projects
FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();
CREATE OR REPLACE TRIGGER sprints_cache_invalidate AFTER INSERT OR UPDATE OR DELETE ON sprints
FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();
CREATE OR REPLACE TRIGGER tasks_cache_invalidate AFTER INSERT OR UPDATE OR DELETE ON tasks
FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();
CREATE OR REPLACE TRIGGER project_members_cache_invalidate AFTER INSERT OR UPDATE OR DELETE ON project_members
FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();
