use super::*;

/// Joins the statements by semicolons, splits, and expects them back.
fn comes_apart(dialect: &Dialect, statements: &[&str]) {
    let script = statements.join(";\n") + ";\n";
    let found: Vec<_> = split(&script, dialect).map(|span| span.text(&script).to_owned()).collect();
    assert_eq!(found, statements, "{}", dialect.name);
}

#[test]
fn plain_statements_come_apart() {
    let statements = ["SELECT ';'", "SELECT 1 /* ; */ + 1", "BEGIN", "SELECT CASE WHEN a THEN 1 END", "COMMIT", "END"];
    for dialect in [Dialect::POSTGRES, Dialect::MYSQL, Dialect::MARIADB, Dialect::SQLITE] {
        comes_apart(&dialect, &statements);
    }
}

#[test]
fn places_are_told_in_lines_and_characters() {
    let script = "\u{FEFF}SELECT 1; /* é\n; */ SELECT 'é'; SELECT\n3;;\n-- end";
    let places: Vec<_> =
        split(script, &Dialect::POSTGRES).map(|span| (span.line, span.column, span.text(script))).collect();
    assert_eq!(places, [(1, 1, "SELECT 1"), (2, 6, "SELECT 'é'"), (2, 18, "SELECT\n3")]);
    for span in split(script, &Dialect::POSTGRES).skip(1) {
        assert_eq!((span.line, span.column), crate::lex::line_column(script, span.start));
    }
}

#[test]
fn a_message_ends_where_the_next_statement_may_not_join() {
    let script = "BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1; SELECT 2";
    let cut = |joins: fn(&Span, &Span) -> bool| first_message(script, &Dialect::POSTGRES, joins).len();
    assert_eq!(cut(|_, _| false), 1);
    assert_eq!(cut(|last, _| last.verb != Verb::Commit), 3);
    assert_eq!(cut(|_, next| next.verb != Verb::Select), 3);
    assert_eq!(cut(|_, _| true), 5);
    assert_eq!(first_message(" -- nothing", &Dialect::POSTGRES, |_, _| true), []);
    let long = format!("SELECT 1; SELECT '{}'; SELECT 2", "x".repeat(MESSAGE));
    assert_eq!(first_message(&long, &Dialect::POSTGRES, |_, _| true).len(), 1);
    let long = format!("SELECT '{}'; SELECT 2", "x".repeat(MESSAGE));
    assert_eq!(first_message(&long, &Dialect::POSTGRES, |_, _| true).len(), 1, "a long one goes by itself");
}

#[test]
fn nothing_is_no_statement() {
    for script in ["", ";;", " -- c\n", "/* ; */"] {
        assert_eq!(split(script, &Dialect::MYSQL).count(), 0, "{script:?}");
    }
}

#[test]
fn what_is_not_closed_runs_to_the_end() {
    let script = "SELECT 1; SELECT 'a; SELECT 2";
    let last = split(script, &Dialect::POSTGRES).last().map(|span| span.text(script));
    assert_eq!(last, Some("SELECT 'a; SELECT 2"));
}

#[test]
fn postgres_bodies_hold_their_semicolons() {
    comes_apart(
        &Dialect::POSTGRES,
        &[
            "DO $$ BEGIN PERFORM 1; END $$",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $f$ SELECT 1; SELECT ';$$' $f$",
            "CREATE OR REPLACE FUNCTION g(a int) RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE a WHEN 1 THEN 2 END; END",
            "CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (1); END",
            "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b)",
            "CREATE FUNCTION h() RETURNS int LANGUAGE sql RETURN CASE WHEN true THEN 1 END",
            "CREATE TABLE function (begin int)",
            "SELECT 1",
        ],
    );
}

#[test]
fn sqlite_triggers_hold_their_semicolons() {
    comes_apart(
        &Dialect::SQLITE,
        &[
            "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TEMP TRIGGER IF NOT EXISTS b UPDATE OF x ON t WHEN CASE WHEN 1 THEN 2 END BEGIN
               UPDATE t SET x = CASE WHEN x THEN 1 ELSE 2 END; -- END;
               INSERT INTO t SELECT CASE 1 WHEN 1 THEN 1 END;
             END",
            "CREATE TABLE trigger_log (a)",
            "CREATE TRIGGER broken",
            "SELECT 1",
        ],
    );
}

#[test]
fn mysql_programs_hold_their_semicolons() {
    let statements = [
        "CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET NEW.x = IF(NEW.y, 1, 2)",
        "CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW BEGIN
           IF NEW.x > 1 THEN SET NEW.x = 1; ELSEIF NEW.x THEN SET NEW.y = IF(1, 2, 3); ELSE SET NEW.y = 2; END IF;
         END",
        "CREATE DEFINER=`root`@`localhost` PROCEDURE IF NOT EXISTS p(IN begin INT, a DECIMAL(10,2))
           READS SQL DATA
         outer_block: BEGIN
           DECLARE i INT DEFAULT 0;
           DECLARE CONTINUE HANDLER FOR NOT FOUND SET i = 1;
           DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
           WHILE i < 3 DO SET i = i + 1; END WHILE;
           again: LOOP LEAVE again; END LOOP again;
           REPEAT SET i = REPEAT('1', 2); UNTIL i > 5 END REPEAT;
           CASE i WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE;
           SELECT CASE WHEN i THEN IF(i, 1, 2) ELSE IF(i, 3, CASE i WHEN 1 THEN 2 END) END, end FROM t;
           IF EXISTS (SELECT 1) THEN DROP TABLE IF EXISTS t; ELSE IF i THEN SELECT 1; END IF; END IF;
           INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1;
         END outer_block",
        "CREATE FUNCTION f(a INT) RETURNS VARCHAR(10) CHARACTER SET utf8mb4 DETERMINISTIC
           RETURN CASE WHEN a THEN 'x' ELSE IF(a, 'y', 'z') END",
        "CREATE FUNCTION g() RETURNS INT BEGIN RETURN 1; END",
        "CREATE PROCEDURE q() IF 1 THEN SELECT 1; SELECT 2; END IF",
        "CREATE PROCEDURE r() SELECT 1",
        "CREATE PROCEDURE s() a:BEGIN b:LOOP LEAVE b; END LOOP; END",
        "CREATE PROCEDURE v() CASE 1 WHEN 1 THEN SELECT 1; ELSE SELECT 2; END CASE",
        "CREATE PROCEDURE w() WHILE 0 DO SELECT 1; END WHILE",
        "CREATE PROCEDURE x() BEGIN
           DECLARE c CURSOR FOR SELECT a FROM u;
           DECLARE CONTINUE HANDLER FOR SQLSTATE '42000', 1062 BEGIN END;
           OPEN c; SELECT 1 FROM u FOR UPDATE;
         END",
        "CREATE FUNCTION h() RETURNS ENUM('a','b') CHARSET latin1 NOT DETERMINISTIC COMMENT 'it; begin' RETURN 'a'",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; DELETE FROM u; END",
        "CREATE EVENT e2 ON SCHEDULE AT CURRENT_TIMESTAMP + INTERVAL 1 DAY DO DELETE FROM t",
        "CREATE TABLE event (a INT)",
        "DROP PROCEDURE IF EXISTS p",
        "/*!50003 CREATE TRIGGER c BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.x = 1; SET NEW.y = 2; END */",
        "BEGIN",
        "SELECT 1",
    ];
    for dialect in [Dialect::MYSQL, Dialect::MARIADB] {
        comes_apart(&dialect, &statements);
    }
}

#[test]
fn mariadb_compound_statements_hold_their_semicolons() {
    comes_apart(
        &Dialect::MARIADB,
        &[
            "BEGIN NOT ATOMIC DECLARE x INT; SET x = 1; END",
            "FOR i IN 1..3 DO INSERT INTO t VALUES (i); END FOR",
            "IF 1 THEN SELECT 1; ELSE SELECT 2; END IF",
            "WHILE 0 DO SELECT 1; END WHILE",
            "SELECT 1 FOR UPDATE",
        ],
    );
}

#[test]
fn spans_tell_their_verb() {
    let script = "START TRANSACTION; INSERT INTO t VALUES (?); COMMIT AND CHAIN";
    let verbs: Vec<_> = split(script, &Dialect::MYSQL).map(|span| span.verb).collect();
    assert_eq!(verbs, [Verb::Begin, Verb::Insert, Verb::CommitAndChain]);
}
