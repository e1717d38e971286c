==== 1_users.sql
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL);
==== 2_users_data.sql
INSERT INTO users (email) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) SELECT 'user' || i FROM n;
==== 3_email_unique.sql
CREATE UNIQUE INDEX users_email ON users (email);
==== 4_posts.sql
CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL DEFAULT '; -- not a comment'
);
CREATE INDEX posts_author ON posts (author_id);
INSERT INTO posts (author_id, title) SELECT id, 'Post of ' || email FROM users;
==== 5_touched.sql
ALTER TABLE posts ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;
CREATE TABLE audit (n INTEGER PRIMARY KEY, what TEXT);
CREATE TRIGGER posts_touch AFTER UPDATE OF title ON posts BEGIN
    UPDATE posts SET touched = touched + 1 WHERE id = NEW.id;
    INSERT INTO audit (what) VALUES ('touched; ' || CASE WHEN NEW.id > 1 THEN 'some' ELSE 'one' END);
END;
==== 6_touch.sql
UPDATE posts SET title = title || '!' WHERE id <= 5;
==== 7_view.sql
CREATE VIEW authors AS SELECT u.email, count(*) AS posts FROM users u JOIN posts p ON p.author_id = u.id GROUP BY u.email;
==== 8_rename_column.sql
ALTER TABLE users RENAME COLUMN email TO mail;
==== 9_rebuild.sql
-- oarlock: no-transaction
PRAGMA foreign_keys = off;
BEGIN;
CREATE TABLE users_new (id INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT NOT NULL UNIQUE, since TEXT NOT NULL DEFAULT '2026');
INSERT INTO users_new (id, mail) SELECT id, mail FROM users;
DROP VIEW authors;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
COMMIT;
PRAGMA foreign_keys = on;
==== 10_vacuum.sql
-- oarlock: no-transaction
VACUUM;
==== 11_one_by_one.sql
-- oarlock: no-transaction
INSERT INTO audit (what) VALUES ('first');
CREATE TABLE counted (n INTEGER);
INSERT INTO counted VALUES (1);
VACUUM;
INSERT INTO counted SELECT n + 1 FROM counted;
==== 12_user_version.sql
PRAGMA user_version = 7;
==== 13_partial_index.sql
CREATE INDEX touched_posts ON posts (id) WHERE touched > 0;
==== 14_expression_index.sql
CREATE INDEX posts_lower ON posts (lower(title));
==== 15_drop_index.sql
DROP INDEX posts_lower;
==== 16_without_rowid.sql
CREATE TABLE pairs (a INTEGER, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO pairs VALUES (1, 2), (3, 4);
==== 17_strict.sql
CREATE TABLE typed (a INTEGER, b TEXT) STRICT;
INSERT INTO typed VALUES (1, 'x');
==== 18_generated.sql
CREATE TABLE generated (a INTEGER, twice INTEGER AS (a * 2) VIRTUAL, thrice INTEGER AS (a * 3) STORED);
INSERT INTO generated (a) VALUES (1), (2);
==== 19_check.sql
CREATE TABLE checked (a INTEGER CHECK (a > 0), CONSTRAINT small CHECK (a < 100));
INSERT INTO checked VALUES (5);
==== 20_rename_table.sql
ALTER TABLE checked RENAME TO examined;
==== 21_drop_column.sql
ALTER TABLE typed DROP COLUMN b;
==== 22_upsert.sql
INSERT INTO pairs VALUES (1, 2), (5, 6) ON CONFLICT DO NOTHING;
==== 23_instead_of.sql
CREATE VIEW pair_view AS SELECT a, b FROM pairs;
CREATE TRIGGER pair_insert INSTEAD OF INSERT ON pair_view BEGIN INSERT INTO pairs VALUES (NEW.a, NEW.b); END;
INSERT INTO pair_view VALUES (7, 8);
==== 24_delete.sql
DELETE FROM pairs WHERE a = 3;
==== 25_foreign_key.sql
CREATE TABLE notes (id INTEGER PRIMARY KEY, post INTEGER REFERENCES posts (id) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO notes (post) VALUES (1), (2);
==== 26_table_as.sql
CREATE TABLE titles AS SELECT id, title FROM posts WHERE id < 4;
==== 27_drop_table.sql
DROP TABLE titles;
==== 28_analyze.sql
ANALYZE;
==== 29_json.sql
CREATE TABLE documents (body TEXT CHECK (json_valid(body)));
INSERT INTO documents VALUES ('{"a": [1, 2]}');
==== 30_blob.sql
CREATE TABLE blobs (b BLOB);
INSERT INTO blobs VALUES (x'00ff'), (zeroblob(4));
==== 31_unicode.sql
INSERT INTO audit (what) VALUES ('Tromsø – 字; '' ');
==== 32_temporary.sql
CREATE TEMPORARY TABLE scratch AS SELECT id FROM users WHERE id < 4;
INSERT INTO audit (what) SELECT 'user ' || id FROM scratch;
==== 33_lock_timeout.sql
-- oarlock: lock-timeout=5s
INSERT INTO audit (what) VALUES ('patient');
==== 34_rebuild_two.sql
-- oarlock: no-transaction
PRAGMA foreign_keys = off;
BEGIN;
CREATE TABLE posts_new (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL REFERENCES users (id), title TEXT NOT NULL, touched INTEGER);
INSERT INTO posts_new SELECT id, author_id, title, touched FROM posts;
DROP TABLE posts;
ALTER TABLE posts_new RENAME TO posts;
COMMIT;
BEGIN IMMEDIATE;
CREATE INDEX posts_author ON posts (author_id);
INSERT INTO audit (what) VALUES ('rebuilt');
END;
==== 35_replace.sql
REPLACE INTO pairs VALUES (1, 2);
==== 36_s.sql
CREATE TABLE t36 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t36 (b) VALUES ('36');
==== 37_s.sql
CREATE INDEX t36_b ON t36 (b);
==== 38_s.sql
INSERT INTO t36 (b) SELECT b || '38' FROM t36;
UPDATE t36 SET b = b || ';' WHERE a = 1;
==== 39_s.sql
ALTER TABLE t36 ADD COLUMN c39 INTEGER;
CREATE TRIGGER g39 AFTER INSERT ON t36 BEGIN DELETE FROM t36 WHERE a < 0; END;
==== 40_s.sql
CREATE TABLE t40 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t40 (b) VALUES ('40');
==== 41_s.sql
CREATE INDEX t40_b ON t40 (b);
==== 42_s.sql
INSERT INTO t40 (b) SELECT b || '42' FROM t40;
UPDATE t40 SET b = b || ';' WHERE a = 1;
==== 43_s.sql
ALTER TABLE t40 ADD COLUMN c43 INTEGER;
CREATE TRIGGER g43 AFTER INSERT ON t40 BEGIN DELETE FROM t40 WHERE a < 0; END;
==== 44_s.sql
CREATE TABLE t44 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t44 (b) VALUES ('44');
==== 45_s.sql
CREATE INDEX t44_b ON t44 (b);
==== 46_s.sql
INSERT INTO t44 (b) SELECT b || '46' FROM t44;
UPDATE t44 SET b = b || ';' WHERE a = 1;
==== 47_s.sql
ALTER TABLE t44 ADD COLUMN c47 INTEGER;
CREATE TRIGGER g47 AFTER INSERT ON t44 BEGIN DELETE FROM t44 WHERE a < 0; END;
==== 48_s.sql
CREATE TABLE t48 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t48 (b) VALUES ('48');
==== 49_s.sql
CREATE INDEX t48_b ON t48 (b);
==== 50_s.sql
INSERT INTO t48 (b) SELECT b || '50' FROM t48;
UPDATE t48 SET b = b || ';' WHERE a = 1;
==== 51_s.sql
ALTER TABLE t48 ADD COLUMN c51 INTEGER;
CREATE TRIGGER g51 AFTER INSERT ON t48 BEGIN DELETE FROM t48 WHERE a < 0; END;
==== 52_s.sql
CREATE TABLE t52 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t52 (b) VALUES ('52');
==== 53_s.sql
CREATE INDEX t52_b ON t52 (b);
==== 54_s.sql
INSERT INTO t52 (b) SELECT b || '54' FROM t52;
UPDATE t52 SET b = b || ';' WHERE a = 1;
==== 55_s.sql
ALTER TABLE t52 ADD COLUMN c55 INTEGER;
CREATE TRIGGER g55 AFTER INSERT ON t52 BEGIN DELETE FROM t52 WHERE a < 0; END;
==== 56_s.sql
CREATE TABLE t56 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t56 (b) VALUES ('56');
==== 57_s.sql
CREATE INDEX t56_b ON t56 (b);
==== 58_s.sql
INSERT INTO t56 (b) SELECT b || '58' FROM t56;
UPDATE t56 SET b = b || ';' WHERE a = 1;
==== 59_s.sql
ALTER TABLE t56 ADD COLUMN c59 INTEGER;
CREATE TRIGGER g59 AFTER INSERT ON t56 BEGIN DELETE FROM t56 WHERE a < 0; END;
==== 60_s.sql
CREATE TABLE t60 (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x');
INSERT INTO t60 (b) VALUES ('60');
==== 61_s.sql
CREATE INDEX t60_b ON t60 (b);
==== R__report.sql
DROP VIEW IF EXISTS report;
CREATE VIEW report AS SELECT count(*) AS users FROM users;
