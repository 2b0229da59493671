-- Run again it changes nothing.
INSERT OR IGNORE INTO users (id, login, name, role) VALUES
  ('u-ada', 'ada', 'Ada Lindgren', 'admin'), ('u-bo', 'bo', 'Bo Achebe', 'user'), ('u-cem', 'cem', 'Cem Kaya', 'admin'),
  ('u-dot', 'dot', 'Dot Whitlock', 'user'), ('u-eli', 'eli', 'Eli Ortega', 'user'), ('u-fay', 'fay', 'Fay Tanabe', 'user');
INSERT OR IGNORE INTO groups (id, name) VALUES ('g-platform', 'Platform'), ('g-web', 'Web'), ('g-release', 'Release managers');
INSERT OR IGNORE INTO group_members (id, group_id, user_id) VALUES
  ('m1', 'g-platform', 'u-ada'), ('m2', 'g-platform', 'u-cem'), ('m3', 'g-web', 'u-bo'), ('m4', 'g-web', 'u-dot'), ('m5', 'g-release', 'u-ada');
INSERT OR IGNORE INTO repositories (id, format, kind, description, artifacts, size_bytes, health, updated_at)
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 23),
  named AS (SELECT i, (ARRAY.f) AS format, ARRAY.t AS team FROM n JOIN (
    SELECT 0 AS at, 'docker' AS f, 'platform' AS t UNION ALL SELECT 1, 'maven', 'billing' UNION ALL SELECT 2, 'npm', 'web'
    UNION ALL SELECT 3, 'pypi', 'research' UNION ALL SELECT 4, 'cargo', 'edge') ARRAY ON ARRAY.at = n.i % 5)
  SELECT team || '-' || format || (CASE WHEN i < 5 THEN '' ELSE '-' || (i / 5 + 1) END), format,
    (CASE i % 4 WHEN 1 THEN 'remote' WHEN 3 THEN 'virtual' ELSE 'local' END),
    'What ' || team || ' builds', (i * 37) % 400 + 3, ((i * 7919) % 900 + 20) * 1048576, 100 - (i * 13) % 55,
    CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - (i + 1) * 5400000 FROM named;
INSERT OR IGNORE INTO permissions (id, group_id, repository_id, may)
  SELECT 'perm-' || g.id || '-' || r.id, g.id, r.id, (CASE g.id WHEN 'g-platform' THEN 'write' ELSE 'read' END)
  FROM groups g, (SELECT id FROM repositories ORDER BY updated_at DESC LIMIT 4) r;
INSERT OR IGNORE INTO service_accounts (id, name) VALUES ('sa-ci', 'ci-pipeline'), ('sa-mirror', 'mirror'), ('sa-scan', 'scanner');
INSERT OR IGNORE INTO replications (id, repository_id, peer, status)
  SELECT 'rep-' || id, id, (CASE WHEN artifacts % 2 THEN 'lisbon' ELSE 'osaka' END), 'idle' FROM repositories WHERE kind = 'local' LIMIT 6;
INSERT OR IGNORE INTO scans (id, repository_id, status, critical, high)
  SELECT 'scan-' || id, id, 'done', artifacts % 3, artifacts % 7 FROM repositories LIMIT 8;
INSERT OR IGNORE INTO quality_gates (id, name, least_health) VALUES ('q-release', 'Release', 80), ('q-nightly', 'Nightly', 60);
INSERT OR IGNORE INTO backups (id, status, size_bytes) VALUES ('b1', 'done', 734003200), ('b2', 'done', 751829913);
