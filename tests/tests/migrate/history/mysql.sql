==== 1_users.sql
CREATE TABLE users (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100) NOT NULL);
==== 2_users_data.sql
INSERT INTO users (id, email) VALUES (1, 'a@example.org'), (2, 'b@example.org'), (3, 'c@example.org');
INSERT INTO users (id, email) SELECT id + 3, CONCAT('x', email) FROM users;
==== 3_email_unique.sql
ALTER TABLE users ADD UNIQUE KEY users_email (email);
==== 4_mixed.sql
CREATE TABLE posts (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    author_id BIGINT NOT NULL,
    title VARCHAR(200) NOT NULL DEFAULT '; # not a comment',
    CONSTRAINT posts_author FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO posts (id, author_id, title) SELECT id, id, CONCAT('Post of ', email) FROM users;
ALTER TABLE posts ADD COLUMN touched INT NOT NULL DEFAULT 0;
UPDATE posts SET touched = 1 WHERE id <= 2;
==== 5_last_id.sql
CREATE TABLE teams (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, parent INT NULL, name VARCHAR(20));
INSERT INTO teams (name) VALUES ('first');
SET @id = LAST_INSERT_ID();
INSERT INTO teams (parent, name) VALUES (@id, 'child');
CREATE INDEX teams_parent ON teams (parent);
==== 6_setting.sql
SET @kind = 'x', SESSION group_concat_max_len = 10000;
ALTER TABLE teams ADD COLUMN kind VARCHAR(10);
UPDATE teams SET kind = @kind;
==== 7_trigger.sql
CREATE TABLE audit (n INT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100));
DELIMITER //
CREATE TRIGGER posts_touch BEFORE UPDATE ON posts FOR EACH ROW
BEGIN
    SET NEW.touched = NEW.touched + 1;
    INSERT INTO audit (what) VALUES (CONCAT('touched; ', OLD.id));
END//
DELIMITER ;
UPDATE posts SET title = CONCAT(title, '!') WHERE id <= 3;
==== 8_trigger_plain.sql
CREATE TRIGGER teams_name BEFORE INSERT ON teams FOR EACH ROW SET NEW.name = UPPER(NEW.name);
INSERT INTO teams (name) VALUES ('lower');
==== 9_drop_trigger.sql
DROP TRIGGER teams_name;
INSERT INTO teams (name) VALUES ('lower');
==== 10_procedure.sql
DELIMITER $$
CREATE PROCEDURE fill(IN count INT)
BEGIN
    DECLARE i INT DEFAULT 0;
    WHILE i < count DO
        INSERT IGNORE INTO filled VALUES (i);
        SET i = i + 1;
    END WHILE;
END$$
DELIMITER ;
CREATE TABLE filled (i INT NOT NULL PRIMARY KEY);
==== 11_call.sql
-- oarlock: allow=call
CALL fill(5);
INSERT INTO filled VALUES (100);
==== 12_function.sql
CREATE FUNCTION double_of(x INT) RETURNS INT DETERMINISTIC RETURN x * 2;
INSERT INTO filled VALUES (double_of(150));
==== 13_view.sql
CREATE VIEW authors AS SELECT u.email, COUNT(*) AS posts FROM users u JOIN posts p ON p.author_id = u.id GROUP BY u.email;
==== 14_replace_view.sql
CREATE OR REPLACE VIEW authors AS SELECT u.email FROM users u;
==== 15_alter_view.sql
ALTER VIEW authors AS SELECT u.id, u.email FROM users u;
==== 16_partitions.sql
CREATE TABLE events (at DATE NOT NULL, what VARCHAR(50)) PARTITION BY RANGE (YEAR(at)) (
    PARTITION p2025 VALUES LESS THAN (2026), PARTITION p2026 VALUES LESS THAN (2027)
);
INSERT INTO events VALUES ('2025-05-05', 'a'), ('2026-06-06', 'b'), ('2026-07-07', 'c');
==== 17_add_partition.sql
ALTER TABLE events ADD PARTITION (PARTITION p2027 VALUES LESS THAN (2028));
INSERT INTO events VALUES ('2027-01-01', 'd');
==== 18_drop_partition.sql
ALTER TABLE events DROP PARTITION p2025;
==== 19_exchange.sql
CREATE TABLE events_old (at DATE NOT NULL, what VARCHAR(50));
INSERT INTO events_old VALUES ('2026-08-08', 'from outside');
ALTER TABLE events EXCHANGE PARTITION p2026 WITH TABLE events_old;
==== 20_truncate_partition.sql
ALTER TABLE events TRUNCATE PARTITION p2027;
==== 21_rename_table.sql
RENAME TABLE events_old TO events_2026;
==== 22_swap.sql
CREATE TABLE twin_a (x INT);
CREATE TABLE twin_b (x INT);
INSERT INTO twin_a VALUES (1);
INSERT INTO twin_b VALUES (2), (3);
RENAME TABLE twin_a TO twin_c, twin_b TO twin_a, twin_c TO twin_b;
==== 23_alter_rename.sql
ALTER TABLE twin_b RENAME TO twin_d;
==== 24_like.sql
CREATE TABLE teams_copy LIKE teams;
INSERT INTO teams_copy SELECT * FROM teams;
==== 25_table_as.sql
CREATE TABLE emails AS SELECT id, email FROM users;
==== 26_truncate.sql
TRUNCATE TABLE emails;
INSERT INTO emails VALUES (1, 'after');
==== 27_modify.sql
ALTER TABLE emails MODIFY email VARCHAR(150) NOT NULL;
==== 28_change.sql
ALTER TABLE emails CHANGE email address VARCHAR(150) NOT NULL DEFAULT '';
==== 29_rename_column.sql
ALTER TABLE emails RENAME COLUMN id TO user_id;
==== 30_drop_column.sql
ALTER TABLE teams_copy DROP COLUMN kind, ADD COLUMN size INT;
==== 31_generated.sql
ALTER TABLE filled ADD COLUMN twice INT AS (i * 2) VIRTUAL, ADD COLUMN thrice INT AS (i * 3) STORED;
==== 32_check.sql
ALTER TABLE filled ADD CONSTRAINT small CHECK (i < 1000);
==== 33_drop_check.sql
ALTER TABLE filled DROP CONSTRAINT small;
==== 34_fulltext.sql
CREATE FULLTEXT INDEX posts_words ON posts (title);
==== 35_drop_index.sql
DROP INDEX posts_words ON posts;
==== 36_index_twice.sql
ALTER TABLE posts ADD INDEX (title);
ALTER TABLE posts ADD INDEX (title, touched);
==== 37_foreign_key.sql
ALTER TABLE emails ADD COLUMN owner BIGINT NULL;
ALTER TABLE emails ADD CONSTRAINT emails_owner FOREIGN KEY (owner) REFERENCES users (id);
UPDATE emails SET owner = 1;
==== 38_drop_foreign_key.sql
ALTER TABLE emails DROP FOREIGN KEY emails_owner;
==== 39_comment.sql
ALTER TABLE emails COMMENT = 'those; that remain';
==== 40_charset.sql
ALTER TABLE emails CONVERT TO CHARACTER SET latin1;
==== 41_engine.sql
ALTER TABLE emails ENGINE = InnoDB;
OPTIMIZE TABLE emails;
==== 42_analyze.sql
ANALYZE TABLE users;
==== 43_event.sql
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO DELETE FROM audit WHERE n < 0;
==== 44_alter_event.sql
ALTER EVENT nightly COMMENT 'never';
==== 45_json.sql
CREATE TABLE documents (id INT NOT NULL PRIMARY KEY, body JSON NOT NULL);
INSERT INTO documents VALUES (1, '{"a": [1, 2]}'), (2, '{"b?": null}');
==== 46_enum.sql
CREATE TABLE moods (id INT NOT NULL PRIMARY KEY, mood ENUM ('sad', 'ok') NOT NULL);
INSERT INTO moods VALUES (1, 'ok'), (2, 'sad');
==== 47_enum_value.sql
ALTER TABLE moods MODIFY mood ENUM ('sad', 'ok', 'happy') NOT NULL;
UPDATE moods SET mood = 'happy' WHERE id = 1;
==== 48_drop_two.sql
DROP TABLE twin_a, twin_d;
==== 49_if_exists.sql
DROP TABLE IF EXISTS never_there;
CREATE TABLE IF NOT EXISTS users (id INT);
==== 50_executable.sql
CREATE TABLE versions (v INT /*!50100 NOT NULL */ DEFAULT 1);
INSERT INTO versions VALUES (1) /*!40000 , (2) */;
==== 51_upsert.sql
INSERT INTO moods VALUES (1, 'sad'), (3, 'ok') ON DUPLICATE KEY UPDATE mood = 'ok';
==== 52_own_transaction.sql
START TRANSACTION;
INSERT INTO moods VALUES (10, 'ok');
DELETE FROM moods WHERE id = 3;
COMMIT;
CREATE INDEX moods_mood ON moods (mood);
==== 53_one_by_one.sql
-- oarlock: no-transaction
INSERT INTO moods VALUES (20, 'ok');
INSERT INTO moods VALUES (21, 'sad');
ALTER TABLE moods ADD COLUMN since DATE NULL;
INSERT INTO moods VALUES (22, 'happy', '2026-01-01');
==== 54_lock_timeout.sql
-- oarlock: lock-timeout=5s
ALTER TABLE moods ADD COLUMN until DATE NULL;
UPDATE moods SET until = '2027-01-01' WHERE id = 22;
==== 55_delete.sql
DELETE FROM audit WHERE what = 'touched; 1';
DELETE p FROM posts p JOIN users u ON u.id = p.author_id WHERE u.email LIKE 'x%';
==== 56_temporary.sql
CREATE TEMPORARY TABLE scratch AS SELECT id FROM users WHERE id < 3;
INSERT INTO audit (what) SELECT CONCAT('user ', id) FROM scratch;
==== 57_autoincrement.sql
ALTER TABLE users AUTO_INCREMENT = 1000;
INSERT INTO users (id, email) VALUES (1000, 'thousand@example.org');
==== 58_primary_key.sql
ALTER TABLE versions ADD COLUMN id INT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;
==== 59_drop_things.sql
DROP VIEW authors;
DROP PROCEDURE fill;
DROP FUNCTION double_of;
DROP EVENT nightly;
==== 60_many.sql
CREATE TABLE m1 (x INT); CREATE TABLE m2 (x INT); CREATE TABLE m3 (x INT);
INSERT INTO m1 VALUES (1); INSERT INTO m2 VALUES (2);
CREATE TABLE m4 AS SELECT m1.x FROM m1;
DROP TABLE m3;
==== 61_unicode.sql
INSERT INTO audit (what) VALUES ('Tromsø – 字; \' # ');
==== 62_rename_index.sql
ALTER TABLE moods RENAME INDEX moods_mood TO moods_by_mood;
==== 63_without_keys.sql
CREATE TABLE team_names AS SELECT p.name AS parent, t.name, t.kind FROM teams t LEFT JOIN teams p ON p.id = t.parent;
DROP TABLE teams_copy;
DROP TABLE teams;
ALTER TABLE audit DROP COLUMN n;
==== 64_shop.sql
CREATE TABLE shop (id INT NOT NULL PRIMARY KEY, name VARCHAR(80) NOT NULL COMMENT 'not; the end');
==== 65_ware.sql
CREATE TABLE Ware (id INT NOT NULL PRIMARY KEY, shop_id INT NOT NULL, FOREIGN KEY (shop_id) REFERENCES shop (id) ON DELETE CASCADE);
==== 66_price.sql
CREATE TABLE `price` (ware_id INT NOT NULL, cents BIGINT NOT NULL, CHECK (cents > 0)) ENGINE = InnoDB;
==== 67_event.sql
CREATE TABLE event (id INT NOT NULL PRIMARY KEY);
==== 68_shelf.sql
CREATE TABLE shelf (id INT NOT NULL PRIMARY KEY);
==== 69_label.sql
CREATE TABLE label (id INT NOT NULL PRIMARY KEY);
==== 70_shelf_row.sql
INSERT INTO shelf VALUES (1);
==== R__report.sql
CREATE OR REPLACE VIEW report AS SELECT COUNT(*) AS users FROM users;
