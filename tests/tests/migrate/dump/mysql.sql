-- Whatever MariaDB and MySQL have that the histories have not.

-- Names that need quotes, that are reserved, that are made of SQL.
CREATE TABLE `select` (`from` INT PRIMARY KEY, `a``b` VARCHAR(50) DEFAULT 'it''s \\ "this"; # --' COMMENT 'two\nlines; it''s', `Größe 字` TEXT, KEY `where; --` (`a``b`, `from`)) COMMENT = ' AUTO_INCREMENT=5; ';
INSERT INTO `select` VALUES (1, DEFAULT, 'tab\tnewline\nback\\slash''quote"double\0nul\Zend'), (2, NULL, '😀 \\'), (0, '', NULL);

-- Circles of foreign keys, and one to itself.
CREATE TABLE hen (id INT PRIMARY KEY, egg INT);
CREATE TABLE egg (id INT PRIMARY KEY, hen INT, mother INT, CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES hen (id) ON DELETE SET NULL ON UPDATE CASCADE, CONSTRAINT egg_mother FOREIGN KEY (mother) REFERENCES egg (id));
ALTER TABLE hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg (id);
INSERT INTO hen VALUES (1, NULL), (2, NULL);
INSERT INTO egg VALUES (1, 1, 1), (2, 2, 1);
UPDATE hen SET egg = 1 WHERE id = 1;

-- Types.
CREATE TABLE every_type (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, tiny TINYINT(1), small SMALLINT UNSIGNED ZEROFILL, medium MEDIUMINT, big BIGINT, exact DECIMAL(65, 30),
    single FLOAT, dbl DOUBLE, bits BIT(33), yr YEAR, d DATE, t TIME(6), dt DATETIME(6), ts TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    fixed CHAR(5), vary VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german2_ci, plain LONGTEXT, bin BINARY(4), vbin VARBINARY(8), raw BLOB, long_raw LONGBLOB,
    e ENUM ('a', 'b''c', 'd"e'), s SET ('x', 'y z'), j JSON, g GEOMETRY, p POINT,
    n INT AS (medium + 1) STORED, v VARCHAR(40) AS (CONCAT(fixed, '; ', vary)) VIRTUAL,
    PRIMARY KEY (id, fixed), UNIQUE KEY by_vary (vary (5)), KEY by_two (small DESC, big), FULLTEXT KEY words (plain), CONSTRAINT positive CHECK (tiny >= 0), CONSTRAINT named CHECK (fixed <> 'it''s; \\')
);
INSERT INTO every_type (id, tiny, small, medium, big, exact, single, dbl, bits, yr, d, t, dt, ts, fixed, vary, plain, bin, vbin, raw, long_raw, e, s, j, g, p) VALUES
    (18446744073709551614, 1, 65535, -8388608, -9223372036854775808, 12345678901234567890123456789012345.678901234567890123456789012345, 0.1, 0.1, 4294967296, 2155, '2026-02-28', '-838:59:59.000001', '2026-02-28 12:34:56.123456', '2026-02-28 12:34:56.789',
     'ab', 'Straße', 'long', X'00FF', X'5C2700', X'', X'00', 'b''c', 'x,y z', '{"a": [1.10, "\\\\ \\" ü"]}', ST_GeomFromText('LINESTRING(0 0, 1.5 2)', 4326), POINT(1, 2)),
    (7, NULL, 0, 0, 9223372036854775807, -0.000000000000000000000000000001, 3.4028234e38, 1.7976931348623157e308, 0, 1901, NULL, '00:00:00', NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL);
INSERT INTO every_type (id, fixed, single, dbl, plain) VALUES (8, 'x', 1e-38, 5e-320, REPEAT('long ', 1000));
DELETE FROM every_type WHERE id = 18446744073709551614 AND tiny = 9;
CREATE TABLE zero (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, d DATE NOT NULL DEFAULT '2000-01-01', ts TIMESTAMP NOT NULL DEFAULT '2026-02-28 12:00:00');
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';
INSERT INTO zero VALUES (0, '0000-00-00', '0000-00-00 00:00:00'), (5, '2026-02-31', DEFAULT);
SET SESSION sql_mode = 'STRICT_ALL_TABLES';
CREATE TABLE counted (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT = 500;
INSERT INTO counted VALUES (NULL), (NULL), (NULL);
DELETE FROM counted WHERE id > 500;
CREATE TABLE emptied (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, x INT);
INSERT INTO emptied (x) VALUES (1), (2);
DELETE FROM emptied;
CREATE TABLE no_key (a INT, b VARCHAR(10));
INSERT INTO no_key VALUES (2, 'b'), (2, 'B'), (NULL, 'a'), (2, 'b');
CREATE TABLE hashed (id INT PRIMARY KEY, x INT) ROW_FORMAT = DYNAMIC PARTITION BY HASH (id) PARTITIONS 3;
INSERT INTO hashed VALUES (1, 1), (2, 2);
CREATE TABLE memory_only (id INT) ENGINE = MEMORY;

-- Views upon views, in an order that their names do not have.
CREATE VIEW z_hens AS SELECT id AS `hen id` FROM hen;
CREATE VIEW a_hens AS SELECT `hen id` FROM z_hens WHERE `hen id` <> 7 WITH CASCADED CHECK OPTION;
CREATE SQL SECURITY INVOKER VIEW b_hens AS SELECT a_hens.`hen id`, 'it''s; \\ ü' AS text FROM a_hens JOIN z_hens ON z_hens.`hen id` = a_hens.`hen id`;
CREATE ALGORITHM = MERGE VIEW aliased AS SELECT z_hens.id FROM hen AS z_hens;

-- Programs: with semicolons, with settings of their own.
CREATE FUNCTION plain_double(x INT) RETURNS INT DETERMINISTIC NO SQL COMMENT 'it''s' RETURN x * 2;
CREATE VIEW calling AS SELECT plain_double(id) AS twice FROM hen;
DELIMITER //
CREATE PROCEDURE `odd; name`(IN a INT, OUT b VARCHAR(20), INOUT c DECIMAL(5, 2))
    SQL SECURITY INVOKER
BEGIN
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END;
    IF a > 0 THEN SET b = 'x;//'; ELSE SET b = "y"; END IF; -- ;;
END//
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'//
CREATE PROCEDURE ansi() BEGIN SELECT "id" || ' \' FROM "hen"; SELECT ';'; END//
CREATE TRIGGER z_first BEFORE INSERT ON hen FOR EACH ROW SET NEW.egg = CASE WHEN 'a\' || 'b' = 'a\b' THEN NEW.egg ELSE 7 END//
SET sql_mode = 'STRICT_ALL_TABLES'//
CREATE TRIGGER a_second BEFORE INSERT ON hen FOR EACH ROW BEGIN SET NEW.egg = NEW.egg; END//
CREATE TRIGGER a_before_first BEFORE INSERT ON hen FOR EACH ROW PRECEDES z_first SET NEW.id = NEW.id//
CREATE EVENT weekly ON SCHEDULE EVERY 1 WEEK STARTS '2030-01-01 00:00:00' ENDS '2036-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'it''s' DO BEGIN DELETE FROM hen WHERE id < 0; END//
DELIMITER ;
SET time_zone = '+03:00';
CREATE EVENT elsewhere ON SCHEDULE AT '2035-01-01 03:00:00' ON COMPLETION PRESERVE DISABLE DO DELETE FROM egg WHERE id < 0;
