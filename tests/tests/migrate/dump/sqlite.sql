-- Whatever SQLite has that the history has not.
CREATE TABLE "select" ("from" INTEGER PRIMARY KEY, [a.b] TEXT DEFAULT 'it''s; \', `Größe 字`, "say ""hi""" NOT NULL ON CONFLICT IGNORE DEFAULT 7); -- a comment behind
INSERT INTO "select" VALUES (1, 'tab	newline
back\slash''quote', x'00ff', 1), (2, NULL, '😀' || char(0) || 'after a NUL', 2.5);
CREATE INDEX "where; --" ON "select" ([a.b] COLLATE NOCASE DESC, lower("Größe 字")) WHERE "from" > 0;

-- Circles of foreign keys, one to itself, one to a table that is not there.
CREATE TABLE hen (id INTEGER PRIMARY KEY, egg INTEGER REFERENCES egg (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE egg (id INTEGER PRIMARY KEY, hen INTEGER REFERENCES hen ON DELETE SET NULL ON UPDATE CASCADE, mother REFERENCES egg);
CREATE TABLE lost (id INTEGER, other INTEGER REFERENCES nowhere (id));
INSERT INTO hen VALUES (1, 1);
INSERT INTO egg VALUES (1, 1, 1), (2, 1, 1);

-- Values: of every class in any column.
CREATE TABLE anything (a, b DECIMAL(10, 2), c BOOLEAN, d TIMESTAMP, e TEXT);
INSERT INTO anything VALUES (9223372036854775807, 1.1, 1, '2026-02-28 12:00:00', '1.10'), (-9223372036854775808, '1.10', NULL, 5, x'e5'), (0.1, 1e999, -1e999, 1.7976931348623157e308, 5e-324), ('', x'', 0, 1e15, 123456789012345678), (-0.0, 1.0, 3.0, 'NaN', 1e-7);

-- Keys and rowids.
CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
INSERT INTO numbered (x) VALUES ('a'), ('b'), ('c');
DELETE FROM numbered WHERE id = 3;
CREATE TABLE emptied (id INTEGER PRIMARY KEY AUTOINCREMENT);
INSERT INTO emptied VALUES (41);
DELETE FROM emptied;
CREATE TABLE "it's" (id INTEGER PRIMARY KEY AUTOINCREMENT);
INSERT INTO "it's" VALUES (1), (50);
DELETE FROM "it's" WHERE id = 50;
CREATE TABLE untouched (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE shadowed (rowid TEXT, oid TEXT, _rowid_ TEXT);
INSERT INTO shadowed VALUES ('c', 'b', 'a'), ('b', NULL, 'x');
CREATE TABLE strict_pairs (a TEXT COLLATE NOCASE, b ANY, PRIMARY KEY (b, a)) STRICT, WITHOUT ROWID;
INSERT INTO strict_pairs VALUES ('x', 1), ('x', '1'), ('A', x'31');
CREATE TABLE computed (a INT, b INT GENERATED ALWAYS AS (a * 2) STORED UNIQUE, c TEXT AS (a || ';') VIRTUAL, CHECK (a <> 7));
INSERT INTO computed (a) VALUES (1), (2);
CREATE TABLE copied AS SELECT * FROM computed;

-- Virtual tables: with rows of their own, with those of another table, and no more than an index.
CREATE VIRTUAL TABLE words USING fts5(title, body, tokenize = 'porter unicode61');
INSERT INTO words (rowid, title, body) VALUES (7, 'It''s', 'running; fast'), (3, 'Größe', 'x');
CREATE TABLE posts_of (id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO posts_of VALUES (5, 'what is found');
CREATE VIRTUAL TABLE found USING fts5(body, content = 'posts_of', content_rowid = 'id');
INSERT INTO found (found) VALUES ('rebuild');
CREATE TRIGGER posts_found AFTER INSERT ON posts_of BEGIN INSERT INTO found (rowid, body) VALUES (NEW.id, NEW.body); END;
CREATE VIRTUAL TABLE old_words USING fts4(body);
INSERT INTO old_words (docid, body) VALUES (11, 'older');
CREATE VIRTUAL TABLE boxes USING rtree(id, min_x, max_x);
INSERT INTO boxes VALUES (1, 0.1, 2.5), (2, -3, 3);

-- Views upon views, in an order that their names do not have, and triggers on them.
CREATE VIEW z_hens AS SELECT id FROM hen;
CREATE VIEW a_hens (hen) AS SELECT id FROM z_hens; -- the hens
CREATE TRIGGER add_hen INSTEAD OF INSERT ON a_hens WHEN NEW.hen > 0 BEGIN
    INSERT INTO hen (id) VALUES (NEW.hen); -- ; END;
    SELECT CASE WHEN NEW.hen > 5 THEN RAISE(ABORT, 'it''s; too many') END;
END;
CREATE VIEW of_nothing AS SELECT * FROM not_there;
PRAGMA application_id = 4711;
