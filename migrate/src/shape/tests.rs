use super::*;
use crate::script::{Sections, Text};

fn told(text: &str, dialect: &Dialect) -> std::result::Result<Shape, String> {
    let text = Text::new("up.sql", text);
    let (range, directives) = Sections::read(&text, dialect).unwrap().up;
    let script = Script::read(&text, range, directives, dialect).unwrap();
    shape(&script, dialect).map_err(|error| error.to_string())
}

fn atomic(statements: Range<usize>, done: usize) -> Unit {
    Unit::Atomic { statements, done }
}

fn alone(index: usize, proof: Proof) -> Unit {
    Unit::Alone { index, proof }
}

#[test]
fn ddl_that_rolls_back_runs_with_the_history() {
    let text = "CREATE TABLE t (a int); INSERT INTO t VALUES (1); SET search_path = x";
    assert_eq!(told(text, &Dialect::POSTGRES), Ok(Shape::Whole));
    assert_eq!(told("CREATE TABLE t (a int); PRAGMA user_version = 7", &Dialect::SQLITE), Ok(Shape::Whole));
    assert_eq!(told("INSERT INTO t VALUES (1); UPDATE t SET a = 2", &Dialect::MARIADB), Ok(Shape::Whole));
    assert_eq!(told("", &Dialect::MARIADB), Ok(Shape::Whole));
}

#[test]
fn on_mysql_data_between_ddl_shares_a_transaction() {
    let text = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1); SET @id = LAST_INSERT_ID(); INSERT INTO t VALUES (@id); \
        TRUNCATE t; SET @x = 1; ALTER TABLE t ADD b INT";
    assert_eq!(
        told(text, &Dialect::MARIADB),
        Ok(Shape::Journaled(vec![
            alone(0, Proof::Catalog),
            atomic(1..4, 4),
            alone(4, Proof::Harmless),
            Unit::Session { index: 5 },
            alone(6, Proof::Catalog),
        ]))
    );
}

#[test]
fn without_a_transaction_each_statement_has_its_own_where_it_can() {
    let text = "-- oarlock: no-transaction\nSET statement_timeout = 0; CREATE INDEX CONCURRENTLY i ON t (a); \
        INSERT INTO t VALUES (1); BEGIN; DELETE FROM t; SET x.y = 1; COMMIT; VACUUM t; DROP DATABASE d";
    assert_eq!(
        told(text, &Dialect::POSTGRES),
        Ok(Shape::Journaled(vec![
            Unit::Session { index: 0 },
            alone(1, Proof::Catalog),
            atomic(2..3, 3),
            atomic(4..6, 7),
            alone(7, Proof::Harmless),
            alone(8, Proof::Catalog),
        ]))
    );
    let text = "-- oarlock: no-transaction\nPRAGMA foreign_keys = off; BEGIN; DROP TABLE t; COMMIT; VACUUM";
    assert_eq!(
        told(text, &Dialect::SQLITE),
        Ok(Shape::Journaled(vec![Unit::Session { index: 0 }, atomic(2..3, 4), alone(4, Proof::Harmless)]))
    );
}

#[test]
fn what_is_unsafe_is_refused_where_it_stands() {
    for (text, dialect, error) in [
        (
            "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a)",
            Dialect::POSTGRES,
            "up.sql:2:1: the statement does not work within a transaction (put it into a file of its own with `-- oarlock: \
             no-transaction` in the first lines)",
        ),
        (
            "PRAGMA foreign_keys = off",
            Dialect::SQLITE,
            "up.sql:1:1: the statement does not work within a transaction (put it into a file of its own with `-- oarlock: \
             no-transaction` in the first lines)",
        ),
        (
            "BEGIN; SELECT 1; COMMIT",
            Dialect::POSTGRES,
            "up.sql:1:1: the file runs in a transaction of its own already (leave BEGIN and COMMIT out, or write `-- oarlock: \
             no-transaction` in the first lines)",
        ),
        (
            "CALL p()",
            Dialect::MARIADB,
            "up.sql:1:1: nobody can tell whether a procedure ran, where the runner is interrupted meanwhile (if it may run twice, \
             say so in the first lines: -- oarlock: allow=call)",
        ),
        (
            "BEGIN; CREATE TABLE t (a INT); COMMIT",
            Dialect::MYSQL,
            "up.sql:1:8: the statement cannot be part of the transaction that was begun before it (put COMMIT before it)",
        ),
        (
            "CREATE TABLE t (a INT); BEGIN; SELECT 1",
            Dialect::MYSQL,
            "up.sql:1:25: the transaction is not ended (write COMMIT where it ends)",
        ),
        (
            "IF 1 THEN DELETE FROM t; END IF",
            Dialect::MARIADB,
            "up.sql:1:1: nobody can tell whether a block ran, where the runner is interrupted meanwhile (if it may run twice, say so \
             in the first lines: -- oarlock: allow=rerun)",
        ),
        (
            "LOCK TABLES t WRITE",
            Dialect::MYSQL,
            "up.sql:1:1: LOCK TABLES keeps the runner from its journal (leave it out: one runner works at a time)",
        ),
    ] {
        assert_eq!(told(text, &dialect).unwrap_err(), error, "{text}");
    }
    let acknowledged = told("-- oarlock: allow=call\nCALL p()", &Dialect::MARIADB);
    assert_eq!(acknowledged, Ok(Shape::Journaled(vec![alone(0, Proof::Harmless)])));
}

#[test]
fn what_the_session_alone_holds_is_refused_where_a_resumed_run_would_lack_it() {
    let made = "CREATE TEMPORARY TABLE IF NOT EXISTS `Scratch` AS SELECT 1 AS a; ";
    for (text, lost) in [
        (
            format!("{made}ALTER TABLE t ADD b INT; INSERT INTO t SELECT a, a FROM scratch"),
            Some("1:91: the temporary table scratch"),
        ),
        (format!("{made}INSERT INTO t SELECT a, a FROM scratch; ALTER TABLE t ADD b INT"), None),
        (format!("{made}ALTER TABLE t ADD b INT; DROP TEMPORARY TABLE IF EXISTS scratch"), None),
        ("SET @n = (SELECT 1); ALTER TABLE t ADD b INT; UPDATE t SET b = @n".to_owned(), Some("1:47: the variable @n")),
        (
            "SET @m = 1, @n = NOW(); ALTER TABLE t ADD b INT; UPDATE t SET b = @N".to_owned(),
            Some("1:50: the variable @n"),
        ),
        ("SET @n = 1, @m = 'x'; ALTER TABLE t ADD b INT; UPDATE t SET b = @n, c = @m".to_owned(), None),
        ("SELECT 1 INTO @n; UPDATE t SET b = @n; ALTER TABLE t ADD b INT".to_owned(), None),
        ("SELECT 1 INTO @n; ALTER TABLE t ADD b INT; UPDATE t SET b = @n".to_owned(), Some("1:44: the variable @n")),
        (
            "SET @n = 1; SELECT @n := 2; ALTER TABLE t ADD b INT; UPDATE t SET b = @n".to_owned(),
            Some("1:54: the variable @n"),
        ),
        ("SET @n = LAST_INSERT_ID(); UPDATE t SET b = @n; ALTER TABLE t ADD b INT".to_owned(), None),
    ] {
        let told = told(&text, &Dialect::MARIADB);
        match lost {
            Some(lost) => {
                let error = told.unwrap_err();
                assert!(error.starts_with(&format!("up.sql:{lost} would be lost")), "{text}: {error}");
            }
            None => assert!(told.is_ok(), "{text}: {told:?}"),
        }
    }
}
