//! The SQL that the rules need and no standard has, by family of dialects.

use oarlock_core::ErrorKind;
use oarlock_core::dialect::{Dialect, Flavor};

/// Statements in one database's words. What is `None` or empty the database lacks; where a capability is declared, its
/// statement must be there.
///
/// The statements may use the table `item` with the columns `id` (key), `name` and `n`, whose rows are numbered from 1.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fragments {
    /// Changes of the session that a reset must undo.
    pub marks: Vec<SessionMark>,
    /// Tells the isolation level of the open transaction in SQL's words, in lower case.
    pub isolation_level: Option<&'static str>,
    /// A query over `item` that gives rows in order up to 14999 and fails at row 15000, and the kinds of the error that are
    /// right.
    pub late_failure: (&'static str, &'static [ErrorKind]),
    /// A statement that violates the key of `item` (row 1 is there) and makes the server end the transaction.
    pub ends_transaction: Option<&'static str>,
    /// Makes a wait for a lock end soon.
    pub lock_timeout: &'static [&'static str],
    /// Makes a statement end soon, and a statement that runs for many seconds.
    pub statement_timeout: Option<(&'static str, &'static str)>,
    /// Counts the other sessions that run a statement with `endless_oar` in its text.
    pub running: Option<&'static str>,
    /// Counts the other sessions in the test's database that have a transaction open.
    pub open_transactions: Option<&'static str>,
    /// Gives the number of the session, and the statement by which another ends the session of the number `{}`, where a server
    /// has sessions to end.
    pub end_session: Option<(&'static str, &'static str)>,
    /// A statement that runs and gives a warning that tells of an `oar`.
    pub warning: Option<&'static str>,
    /// Sets the session's time zone nine hours before UTC, and one five hours behind.
    pub time_zones: Option<[&'static str; 2]>,
    /// Makes the procedure `add_one`, which takes a number; where several sets are declared it gives the numbers `n` and
    /// `n + 1` as rows of the first, and the text `done` in the second; else `n + 1` in one.
    pub procedure: Option<&'static str>,
    /// Counts the prepared statements that this session holds on the server.
    pub prepared: Option<&'static str>,
    /// Asks for the largest value in bytes that the server takes, where there is such a setting.
    pub largest_value: Option<&'static str>,
    /// Whether a floating-point column keeps the sign of nought.
    pub negative_zero: bool,
}

/// A change of the session that a reset must undo.
#[derive(Debug, Clone, Copy)]
pub struct SessionMark {
    /// What it is.
    pub name: &'static str,
    /// Makes the change.
    pub set: &'static str,
    /// Gives one value that tells the change.
    pub probe: &'static str,
}

const fn mark(name: &'static str, set: &'static str, probe: &'static str) -> SessionMark {
    SessionMark { name, set, probe }
}

impl Fragments {
    /// Gives the statements for a dialect.
    #[must_use]
    pub fn of(dialect: &Dialect) -> Self {
        match dialect.flavor {
            Flavor::MySql => mysql(dialect.name == "mariadb"),
            Flavor::Sqlite => sqlite(),
            _ => postgres(),
        }
    }
}

fn postgres() -> Fragments {
    Fragments {
        marks: vec![
            mark("a session variable", "SET work_mem = '5MB'", "SELECT current_setting('work_mem')"),
            mark("the search path", "SET search_path = pg_catalog", "SELECT current_setting('search_path')"),
            mark("the role", "SET ROLE pg_monitor", "SELECT CAST(current_user AS text)"),
            mark(
                "the default isolation level",
                "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                "SELECT current_setting('default_transaction_isolation')",
            ),
            mark("the time zone", "SET TIME ZONE 'Asia/Tokyo'", "SELECT current_setting('TimeZone')"),
            mark(
                "an advisory lock",
                "SELECT pg_advisory_lock(4711)",
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
            ),
            mark("a subscription", "LISTEN oars", "SELECT count(*) FROM pg_listening_channels()"),
            mark(
                "a cursor that outlives its transaction",
                "DECLARE oars CURSOR WITH HOLD FOR SELECT 1",
                "SELECT count(*) FROM pg_cursors WHERE name = 'oars'",
            ),
            mark(
                "a temporary table",
                "CREATE TEMPORARY TABLE scratch (id int8)",
                "SELECT count(*) FROM pg_class WHERE relname = 'scratch' AND pg_table_is_visible(oid)",
            ),
        ],
        isolation_level: Some("SELECT lower(current_setting('transaction_isolation'))"),
        late_failure: ("SELECT id, 10 / (15000 - id) FROM item ORDER BY id", &[ErrorKind::OutOfRange]),
        ends_transaction: None,
        lock_timeout: &["SET lock_timeout = '100ms'"],
        statement_timeout: Some(("SET statement_timeout = '100ms'", "SELECT pg_sleep(30)")),
        running: Some(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%endless_oar%' \
             AND pid <> pg_backend_pid() AND datname = current_database()",
        ),
        open_transactions: Some(
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() \
             AND datname = current_database() AND application_name = current_setting('application_name')",
        ),
        end_session: Some(("SELECT CAST(pg_backend_pid() AS int8)", "SELECT pg_terminate_backend({})")),
        warning: Some("DO $$ BEGIN RAISE WARNING 'mind the oar'; END $$"),
        time_zones: Some(["SET TIME ZONE 'Asia/Tokyo'", "SET TIME ZONE '-05:00'"]),
        procedure: Some(
            "CREATE PROCEDURE add_one(INOUT number int8) LANGUAGE plpgsql AS $$ BEGIN number := number + 1; END $$",
        ),
        prepared: Some("SELECT count(*) FROM pg_prepared_statements"),
        largest_value: None,
        negative_zero: true,
    }
}

fn mysql(mariadb: bool) -> Fragments {
    let (isolation, prepared, timeout) = if mariadb {
        (
            "SELECT @@tx_isolation",
            "SELECT CAST(SUM(IF(variable_name = 'COM_STMT_PREPARE', 1, -1) * variable_value) AS SIGNED) \
             FROM information_schema.session_status WHERE variable_name IN ('COM_STMT_PREPARE', 'COM_STMT_CLOSE')",
            ("SET max_statement_time = 0.1", "SELECT SLEEP(30)"),
        )
    } else {
        (
            "SELECT @@transaction_isolation",
            "SELECT count(*) FROM performance_schema.prepared_statements_instances \
             WHERE owner_thread_id = ps_current_thread_id()",
            (
                "SET max_execution_time = 100",
                "SELECT count(*) FROM information_schema.collations a, information_schema.collations b, \
                 information_schema.collations c, information_schema.collations d",
            ),
        )
    };
    Fragments {
        marks: vec![
            mark("a user variable", "SET @oar = 'port'", "SELECT COALESCE(@oar, 'none')"),
            mark("a session variable", "SET SESSION innodb_lock_wait_timeout = 7", "SELECT @@innodb_lock_wait_timeout"),
            mark("the current database", "USE information_schema", "SELECT DATABASE()"),
            mark("the isolation level", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", isolation),
            mark("the time zone", "SET time_zone = '+09:00'", "SELECT @@time_zone"),
            mark("autocommit", "SET autocommit = 0", "SELECT @@autocommit"),
            mark("the mode of SQL", "SET SESSION sql_mode = 'PIPES_AS_CONCAT'", "SELECT @@sql_mode"),
            mark(
                "a lock",
                "SELECT GET_LOCK(CONCAT(LEFT(DATABASE(), 50), '_oar'), 0)",
                "SELECT IS_USED_LOCK(CONCAT(LEFT(DATABASE(), 50), '_oar')) IS NULL",
            ),
        ],
        isolation_level: None,
        late_failure: (
            // The subquery names `a`, or it would be run before the first row.
            "SELECT id, IF(id = 15000, (SELECT b.id FROM item b WHERE b.id <= 2 AND a.id > 0), id) FROM item a ORDER BY id",
            &[ErrorKind::Database, ErrorKind::OutOfRange],
        ),
        ends_transaction: None,
        lock_timeout: &["SET innodb_lock_wait_timeout = 1"],
        statement_timeout: Some(timeout),
        running: Some(
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%endless_oar%' \
             AND id <> connection_id() AND db = database()",
        ),
        open_transactions: Some(
            "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
             ON p.id = t.trx_mysql_thread_id WHERE p.db = database() AND p.id <> connection_id()",
        ),
        end_session: Some(("SELECT CAST(connection_id() AS SIGNED)", "KILL {}")),
        warning: Some("SELECT CAST('oar' AS SIGNED)"),
        time_zones: Some(["SET time_zone = '+09:00'", "SET time_zone = '-05:00'"]),
        procedure: Some(
            "CREATE PROCEDURE add_one(number BIGINT) \
             BEGIN SELECT number AS n UNION ALL SELECT number + 1; SELECT 'done' AS word; END",
        ),
        prepared: Some(prepared),
        largest_value: Some("SELECT @@max_allowed_packet"),
        // InnoDB's rows hold no negative nought.
        negative_zero: false,
    }
}

fn sqlite() -> Fragments {
    Fragments {
        marks: vec![
            mark("protection from writes", "PRAGMA query_only = ON", "PRAGMA query_only"),
            mark("the check of foreign keys", "PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys"),
            mark("the wait for locks", "PRAGMA busy_timeout = 3", "PRAGMA busy_timeout"),
            mark("the isolation level", "PRAGMA read_uncommitted = ON", "PRAGMA read_uncommitted"),
            mark(
                "an attached database",
                "ATTACH DATABASE ':memory:' AS side",
                "SELECT count(*) FROM pragma_database_list WHERE name = 'side'",
            ),
            mark(
                "a temporary table",
                "CREATE TEMPORARY TABLE scratch (id integer)",
                "SELECT count(*) FROM temp.sqlite_schema WHERE name = 'scratch'",
            ),
        ],
        isolation_level: None,
        late_failure: (
            "SELECT id, abs(CASE id WHEN 15000 THEN -9223372036854775807 - 1 ELSE id END) FROM item ORDER BY id",
            &[ErrorKind::OutOfRange, ErrorKind::Database],
        ),
        ends_transaction: Some("INSERT OR ROLLBACK INTO item (id, name, n) VALUES (1, 'again', 1)"),
        lock_timeout: &["PRAGMA busy_timeout = 50"],
        statement_timeout: None,
        running: None,
        open_transactions: None,
        end_session: None,
        warning: None,
        time_zones: None,
        procedure: None,
        prepared: None,
        largest_value: None,
        // A whole number in a REAL column is stored as an integer, which has no negative nought.
        negative_zero: false,
    }
}
