-- The registry: who may do what with which repositories, and how these are doing. Times are ms since 1970.
-- The touch triggers keep updated_at true even for a change typed into the sqlite3 shell.

CREATE TABLE IF NOT EXISTS users (
  id TEXT PRIMARY KEY,
  login TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('admin', 'user')),
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS groups (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS group_members (
  id TEXT PRIMARY KEY,
  group_id TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  UNIQUE (group_id, user_id));

CREATE TABLE IF NOT EXISTS repositories (
  id TEXT PRIMARY KEY,
  format TEXT NOT NULL DEFAULT 'docker' CHECK (format IN ('docker', 'maven', 'npm', 'pypi', 'cargo')),
  kind TEXT NOT NULL DEFAULT 'local' CHECK (kind IN ('local', 'remote', 'virtual')),
  description TEXT NOT NULL DEFAULT '',
  artifacts INTEGER NOT NULL DEFAULT 0,
  size_bytes INTEGER NOT NULL DEFAULT 0,
  health INTEGER NOT NULL DEFAULT 100,
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS permissions (
  id TEXT PRIMARY KEY,
  group_id TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE,
  repository_id TEXT NOT NULL REFERENCES repositories(id) ON DELETE CASCADE,
  may TEXT NOT NULL DEFAULT 'read' CHECK (may IN ('read', 'write', 'delete')));

CREATE TABLE IF NOT EXISTS service_accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  enabled INTEGER NOT NULL DEFAULT 1,
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS replications (
  id TEXT PRIMARY KEY,
  repository_id TEXT NOT NULL REFERENCES repositories(id) ON DELETE CASCADE,
  peer TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'idle' CHECK (status IN ('idle', 'running', 'failed')),
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS scans (
  id TEXT PRIMARY KEY,
  repository_id TEXT NOT NULL REFERENCES repositories(id) ON DELETE CASCADE,
  status TEXT NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
  critical INTEGER NOT NULL DEFAULT 0,
  high INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS quality_gates (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  least_health INTEGER NOT NULL DEFAULT 60,
  updated_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TABLE IF NOT EXISTS backups (
  id TEXT PRIMARY KEY,
  status TEXT NOT NULL DEFAULT 'done' CHECK (status IN ('running', 'done', 'failed')),
  size_bytes INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)));

CREATE TRIGGER IF NOT EXISTS users_touch AFTER UPDATE OF login, name, role ON users WHEN new.updated_at IS old.updated_at
BEGIN UPDATE users SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
CREATE TRIGGER IF NOT EXISTS groups_touch AFTER UPDATE OF name ON groups WHEN new.updated_at IS old.updated_at
BEGIN UPDATE groups SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
CREATE TRIGGER IF NOT EXISTS repositories_touch AFTER UPDATE OF format, kind, description, artifacts, size_bytes, health ON repositories
WHEN new.updated_at IS old.updated_at
BEGIN UPDATE repositories SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
CREATE TRIGGER IF NOT EXISTS service_accounts_touch AFTER UPDATE OF name, enabled ON service_accounts WHEN new.updated_at IS old.updated_at
BEGIN UPDATE service_accounts SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
CREATE TRIGGER IF NOT EXISTS replications_touch AFTER UPDATE OF peer, status ON replications WHEN new.updated_at IS old.updated_at
BEGIN UPDATE replications SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
CREATE TRIGGER IF NOT EXISTS scans_touch AFTER UPDATE OF status, critical, high ON scans WHEN new.updated_at IS old.updated_at
BEGIN UPDATE scans SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
CREATE TRIGGER IF NOT EXISTS quality_gates_touch AFTER UPDATE OF name, least_health ON quality_gates WHEN new.updated_at IS old.updated_at
BEGIN UPDATE quality_gates SET updated_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) WHERE id = new.id; END;
