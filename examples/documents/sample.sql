-- Run again it changes nothing.
INSERT OR IGNORE INTO users (id, login, name) VALUES ('u-ada', 'ada', 'Ada Lindgren'), ('u-bo', 'bo', 'Bo Achebe');
INSERT OR IGNORE INTO projects (id, name) VALUES ('proj_harbour', 'Harbour records'), ('proj_rail', 'Rail incidents'), ('proj_hidden', 'Board papers');
INSERT OR IGNORE INTO project_members (project_id, user_id) VALUES
  ('proj_harbour', 'u-ada'), ('proj_rail', 'u-ada'), ('proj_harbour', 'u-bo'), ('proj_hidden', 'u-bo');
INSERT OR IGNORE INTO documents (id, project_id, name, status, chunks, embedded_chunks, created_at) VALUES
  ('doc_1901', 'proj_harbour', 'Arrivals 1901.txt', 'ready', 12, 12, 1790000000000),
  ('doc_1902', 'proj_harbour', 'Arrivals 1902.txt', 'uploaded', 10, 0, 1790000100000),
  ('doc_tariff', 'proj_harbour', 'Tariff of 1899.txt', 'uploaded', 24, 0, 1790000200000),
  ('doc_points', 'proj_rail', 'Points failure at Aldgate.txt', 'uploaded', 8, 0, 1790000300000),
  ('doc_board', 'proj_hidden', 'Minutes.txt', 'uploaded', 6, 0, 1790000400000);
INSERT OR IGNORE INTO chunks (id, document_id, project_id, number, text, embedded)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)
  SELECT 'chunk_' || substr(d.id, 5) || '_' || i, d.id, d.project_id, i, 'Part ' || i || ' of ' || d.name, d.embedded_chunks >= i
  FROM n JOIN documents d ON n.i <= d.chunks;
INSERT OR IGNORE INTO graph_objects (id, project_id, document_id, kind, label) VALUES
  ('obj_1', 'proj_harbour', 'doc_1901', 'ship', 'Freya'), ('obj_2', 'proj_harbour', 'doc_1901', 'ship', 'Morning Star');
INSERT OR IGNORE INTO notifications (id, project_id, text, created_at) VALUES
  ('note_1', 'proj_harbour', 'Arrivals 1901.txt is ready', 1790000050000);
