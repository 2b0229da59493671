-- Run again it changes nothing.
INSERT OR IGNORE INTO users (id, login, name) VALUES ('u-ada', 'ada', 'Ada Lindgren'), ('u-bo', 'bo', 'Bo Achebe');
INSERT OR IGNORE INTO documents (id, user_id, title, body, created_at) VALUES
  ('doc-tides', 'u-ada', 'Why there are two tides a day', 'The moon pulls on the near side more than on the middle, and on the middle more than on the far side.', 1790000000000),
  ('doc-yeast', 'u-ada', 'A short history of yeast', 'Bread and beer are the same accident, noticed twice.', 1790100000000),
  ('doc-maps', 'u-ada', 'What a flat map has to give up', 'Area, angle, distance: choose what you can do without.', 1790200000000),
  ('doc-bells', 'u-bo', 'How a bell is tuned', 'Five partials, and a lathe that only takes away.', 1790300000000);
INSERT OR IGNORE INTO podcasts (id, user_id, document_id, title, status, segments, audio_url, created_at) VALUES
  ('pod-tides', 'u-ada', 'doc-tides', 'Two tides', 'ready', '[{"speaker":"Host","text":"Why two, when there is one moon?"},{"speaker":"Guest","text":"Because the far side is pulled less than the middle."}]', '/audio/pod-tides.mp3', 1790000500000),
  ('pod-yeast', 'u-ada', 'doc-yeast', 'The same accident twice', 'new', '[]', NULL, 1790100500000),
  ('pod-maps', 'u-ada', 'doc-maps', 'Flat earth, carefully', 'new', '[]', NULL, 1790200500000),
  ('pod-bells', 'u-bo', 'doc-bells', 'Only ever take away', 'new', '[]', NULL, 1790300500000);
