//! What only this driver has: where statements run, what SQLite's habits are turned into.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::{Conn, DbExt, ErrorKind, Row, TxOptions, TxState, Url, Value, ValueRef};
use oarlock_sqlite::FACTORY;

async fn open(url: &str) -> Conn {
    let connector = FACTORY.connector(&Url::parse(url).unwrap(), Purpose::Single).unwrap();
    Conn::new(connector.connect().await.unwrap())
}

async fn memory() -> Conn {
    open("sqlite::memory:").await
}

/// A query that takes long and gives one row at its end.
const LONG: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n";
/// A query that gives rows for ever.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";

#[tokio::test]
async fn rows_come_back_as_they_were_bound() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b REAL, c BLOB)", ()).await.unwrap();
    let outcome = conn.execute("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", ("é", 0.5, vec![0_u8, 255])).await.unwrap();
    assert_eq!((outcome.rows_affected, outcome.last_insert_id), (Some(1), Some(1)));
    let row: Row = conn.require_one("SELECT * FROM t WHERE id = :id", oarlock_core::named! { id: 1 }).await.unwrap();
    assert_eq!(row.value(0).unwrap(), ValueRef::I64(1));
    assert_eq!(row.value(1).unwrap(), ValueRef::Text("é"));
    assert_eq!(row.value(2).unwrap(), ValueRef::F64(0.5));
    assert_eq!(row.value(3).unwrap(), ValueRef::Bytes(&[0, 255]));
}

#[tokio::test]
async fn a_long_result_is_streamed_and_can_be_left() {
    let conn = memory().await;
    let mut cursor = conn.query(ENDLESS, ()).await.unwrap();
    let rows: Vec<(i64,)> = cursor.fetch_many(1000).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), (1..=1000).collect::<Vec<_>>());
    drop(cursor);
    let (two,): (i64,) = conn.require_one("SELECT 2", ()).await.unwrap();
    assert_eq!(two, 2);
}

#[tokio::test]
async fn the_first_row_does_not_wait_for_the_second() {
    let conn = memory().await;
    let sql = "SELECT 1 UNION ALL SELECT * FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0)";
    let mut cursor = conn.query(sql, ()).await.unwrap();
    assert_eq!(cursor.fetch_one::<(i64,)>().await.unwrap(), Some((1,)));
    drop(cursor);
    conn.ping().await.unwrap();
}

#[tokio::test]
async fn a_statement_that_writes_ends_though_its_cursor_is_left() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", ()).await.unwrap();
    let sql = "INSERT INTO t SELECT value FROM json_each(?) RETURNING id";
    let numbers = format!("{:?}", (1..=2000).collect::<Vec<_>>());
    let mut cursor = conn.query(sql, (numbers,)).await.unwrap();
    assert_eq!(cursor.fetch_one::<(i64,)>().await.unwrap(), Some((1,)));
    drop(cursor);
    let (count,): (i64,) = conn.require_one("SELECT count(*) FROM t", ()).await.unwrap();
    assert_eq!(count, 2000);
}

#[tokio::test(flavor = "current_thread")]
async fn a_slow_statement_leaves_the_runtime_alone() {
    let conn = memory().await;
    let ticks = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&ticks);
    let ticker = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    for sql in [
        LONG,
        "SELECT sum(length(randomblob(5000000))) FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10))",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) \
         SELECT count(*) FROM n WHERE 'abc' || i LIKE '%9%8%7%'",
    ] {
        // The second run finds the statement prepared.
        for _ in 0..2 {
            let before = ticks.load(Ordering::Relaxed);
            conn.require_one::<Row>(sql, ()).await.unwrap();
            assert!(ticks.load(Ordering::Relaxed) > before + 3, "the runtime stood still during {sql}");
        }
    }
    ticker.abort();
}

#[tokio::test]
async fn a_dropped_call_is_interrupted() {
    let conn = memory().await;
    let started = Instant::now();
    let call = conn
        .require_one::<Row>("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", ());
    tokio::time::timeout(Duration::from_millis(20), call).await.expect_err("it never ends");
    let (one,): (i64,) = conn.require_one("SELECT 1", ()).await.unwrap();
    assert_eq!(one, 1);
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Calls that are dropped after each number of polls, in all places: what follows gets its own result.
#[tokio::test]
async fn dropped_calls_leave_nothing_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?synchronous=off", dir.path().join("a.db").display());
    let conn = open(&url).await;
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)", ()).await.unwrap();
    for round in 0_u64..300 {
        let call = async {
            match round % 6 {
                0 => drop(conn.execute("INSERT INTO t (a) VALUES (?)", (1,)).await),
                1 => drop(conn.fetch_all::<Row>(&ENDLESS.replace("FROM n)", "FROM n WHERE i < 3000)"), ()).await),
                2 => drop(conn.execute_many("INSERT INTO t (a) VALUES (?)", vec![(1,); 50]).await),
                3 => drop(conn.begin().await),
                4 => drop(conn.query("SELECT * FROM t", ()).await),
                _ => drop(conn.execute("UPDATE t SET a = a + 1", ()).await),
            }
        };
        drop(tokio::time::timeout(Duration::from_micros(round * 7 % 1000), call).await);
        let (answer,): (u64,) = conn.require_one("SELECT ?", (round,)).await.unwrap();
        assert_eq!(answer, round);
    }
    let other = open(&format!("{url}&busy_timeout=1s")).await;
    other.execute("DELETE FROM t", ()).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_sqlite_rolled_back_does_not_go_on() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (id INTEGER)", ()).await.unwrap();
    let tx = conn.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    let sql = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    tokio::time::timeout(Duration::from_millis(20), tx.execute(sql, ())).await.expect_err("it never ends");
    let error = tx.execute("INSERT INTO t VALUES (2)", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TransactionFailed);
    assert_eq!(tx.begin().await.map(drop).unwrap_err().kind(), ErrorKind::TransactionFailed);
    assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::TransactionFailed);
    let (count,): (i64,) = conn.require_one("SELECT count(*) FROM t", ()).await.unwrap();
    assert_eq!(count, 0);
}

#[tokio::test]
async fn counts_and_keys_are_those_of_their_statement() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE)", ()).await.unwrap();
    conn.execute("CREATE TABLE keyed (id TEXT PRIMARY KEY) WITHOUT ROWID", ()).await.unwrap();
    let insert = conn.execute("INSERT INTO t (a) VALUES (1), (2)", ()).await.unwrap();
    assert_eq!((insert.rows_affected, insert.last_insert_id), (Some(2), Some(2)));
    assert_eq!(conn.execute("CREATE TABLE u (a)", ()).await.unwrap().rows_affected, None);
    let keyed = conn.execute("INSERT INTO keyed VALUES ('x')", ()).await.unwrap();
    assert_eq!((keyed.rows_affected, keyed.last_insert_id), (Some(1), None));
    let ignored = conn.execute("INSERT OR IGNORE INTO t (a) VALUES (1)", ()).await.unwrap();
    assert_eq!((ignored.rows_affected, ignored.last_insert_id), (Some(0), None));
    let upsert = "INSERT INTO t (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET a = excluded.a";
    let updated = conn.execute(upsert, (1,)).await.unwrap();
    assert_eq!((updated.rows_affected, updated.last_insert_id), (Some(1), None));
    let inserted = conn.execute(upsert, (3,)).await.unwrap();
    assert_eq!((inserted.rows_affected, inserted.last_insert_id), (Some(1), Some(3)));
    let update = conn.execute("UPDATE t SET a = a", ()).await.unwrap();
    assert_eq!((update.rows_affected, update.last_insert_id), (Some(3), None));
}

#[tokio::test]
async fn columns_follow_a_schema_that_another_connection_changes() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("a.db").display());
    let (one, other) = (open(&url).await, open(&url).await);
    one.execute("CREATE TABLE t (a)", ()).await.unwrap();
    one.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    assert_eq!(one.fetch_all::<Row>("SELECT * FROM t", ()).await.unwrap()[0].len(), 1);
    other.execute("ALTER TABLE t ADD COLUMN b DEFAULT 'new'", ()).await.unwrap();
    for _ in 0..2 {
        let rows: Vec<Row> = one.fetch_all("SELECT * FROM t", ()).await.unwrap();
        assert_eq!(rows[0].get::<String>("b").unwrap(), "new");
    }
    other.execute("DELETE FROM t", ()).await.unwrap();
    other.execute("ALTER TABLE t ADD COLUMN c", ()).await.unwrap();
    assert_eq!(one.query("SELECT * FROM t", ()).await.unwrap().description().len(), 3);
}

#[tokio::test]
async fn unsigned_numbers_past_i64_are_text_of_one_width() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (plain INTEGER, wide u64_text CHECK (typeof(wide) = 'text'))", ()).await.unwrap();
    conn.execute("INSERT INTO t VALUES (?, ?)", (7_u64, 7_u64)).await.unwrap();
    conn.execute("INSERT INTO t VALUES (?, ?)", (8_u64, u64::MAX)).await.unwrap();
    let rows: Vec<(u64, u64)> = conn.fetch_all("SELECT plain, wide FROM t ORDER BY wide", ()).await.unwrap();
    assert_eq!(rows, [(7, 7), (8, u64::MAX)]);
    let found: Vec<(u64,)> = conn.fetch_all("SELECT plain FROM t WHERE wide = ?", (7_u64,)).await.unwrap();
    assert_eq!(found, [(7,)]);
    // Elsewhere a number stays a number.
    let (same,): (i64,) = conn.require_one("SELECT length('ab') = ?", (2_usize,)).await.unwrap();
    assert_eq!(same, 1);
}

#[tokio::test]
async fn writers_of_one_process_wait_for_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?busy_timeout=30ms&synchronous=off", dir.path().join("a.db").display());
    let (one, other) = (open(&url).await, open(&url).await);
    one.execute("CREATE TABLE t (a)", ()).await.unwrap();
    let tx = one.begin().await.unwrap();
    let error = other.execute("INSERT INTO t VALUES (1)", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert_eq!(other.begin().await.map(drop).unwrap_err().kind(), ErrorKind::LockTimeout);
    // A table of its own needs no turn.
    other.execute("CREATE TEMPORARY TABLE own (a)", ()).await.unwrap();
    other.execute("INSERT INTO own VALUES (1)", ()).await.unwrap();
    tx.commit().await.unwrap();
    other.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_all_get_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?synchronous=off", dir.path().join("a.db").display());
    open(&url).await.execute("CREATE TABLE t (a)", ()).await.unwrap();
    let tasks: Vec<_> = (0..6)
        .map(|task| {
            let url = url.clone();
            tokio::spawn(async move {
                let conn = open(&url).await;
                for number in 0..40 {
                    let tx = conn.begin().await.unwrap();
                    tx.execute("INSERT INTO t VALUES (?)", (task * 1000 + number,)).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (count,): (i64,) = open(&url).await.require_one("SELECT count(*) FROM t", ()).await.unwrap();
    assert_eq!(count, 240);
}

#[tokio::test]
async fn a_read_only_transaction_refuses_to_write_and_the_next_one_does_not() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (a)", ()).await.unwrap();
    let tx = oarlock_core::Db::begin_with(&conn, TxOptions::new().read_only()).await.unwrap();
    let error = tx.execute("INSERT INTO t VALUES (1)", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    assert_eq!(tx.execute_many("INSERT INTO t VALUES (?)", [(1,)]).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    tx.commit().await.unwrap();
    conn.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
}

#[tokio::test]
async fn a_user_may_set_the_busy_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("a.db").display());
    let conn = open(&url).await;
    let (millis,): (i64,) = conn.require_one("PRAGMA busy_timeout", ()).await.unwrap();
    assert_eq!(millis, 5000);
    conn.execute("PRAGMA busy_timeout = 20", ()).await.unwrap();
    let (millis,): (i64,) = conn.require_one("PRAGMA busy_timeout", ()).await.unwrap();
    assert_eq!(millis, 20);
    conn.reset().await.unwrap();
    let (millis,): (i64,) = conn.require_one("PRAGMA busy_timeout", ()).await.unwrap();
    assert_eq!(millis, 5000);
}

#[tokio::test]
async fn a_setting_takes_effect_each_time_it_is_made() {
    let conn = memory().await;
    for on in [0_i64, 1, 0, 0, 1] {
        conn.execute(&format!("PRAGMA foreign_keys = {on}"), ()).await.unwrap();
        let (found,): (i64,) = conn.require_one("PRAGMA foreign_keys", ()).await.unwrap();
        assert_eq!(found, on);
        conn.execute(&format!("PRAGMA busy_timeout = {}", on + 7), ()).await.unwrap();
        let (millis,): (i64,) = conn.require_one("PRAGMA busy_timeout", ()).await.unwrap();
        assert_eq!(millis, on + 7);
    }
}

#[tokio::test]
async fn a_reset_session_is_as_new() {
    let dir = tempfile::tempdir().unwrap();
    for url in ["sqlite::memory:".to_owned(), format!("sqlite:{}", dir.path().join("a.db").display())] {
        let conn = open(&url).await;
        conn.execute("CREATE TABLE kept (a)", ()).await.unwrap();
        conn.execute("CREATE TEMP TABLE own (a)", ()).await.unwrap();
        conn.execute("PRAGMA foreign_keys = off", ()).await.unwrap();
        conn.execute("PRAGMA case_sensitive_like = on", ()).await.unwrap();
        conn.execute("ATTACH ':memory:' AS other", ()).await.unwrap();
        conn.execute("BEGIN", ()).await.unwrap();
        conn.execute("DROP TABLE kept", ()).await.unwrap();
        conn.reset().await.unwrap();
        assert_eq!(conn.fetch_all::<Row>("SELECT * FROM kept", ()).await.unwrap().len(), 0);
        let error = conn.execute("SELECT * FROM own", ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TableNotFound);
        let (on, like): (i64, i64) =
            conn.require_one("SELECT foreign_keys, 'A' LIKE 'a' FROM pragma_foreign_keys", ()).await.unwrap();
        assert_eq!((on, like), (1, 1));
        let names: Vec<(String,)> = conn.fetch_all("SELECT name FROM pragma_database_list", ()).await.unwrap();
        assert!(!names.contains(&("other".to_owned(),)), "{names:?}");
    }
}

#[tokio::test]
async fn a_string_in_double_quotes_is_a_column() {
    let conn = memory().await;
    let error = conn.execute("SELECT \"nope\"", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownColumn);
}

#[tokio::test]
async fn an_error_tells_its_place_in_the_callers_text() {
    let conn = memory().await;
    let sql = "SELECT :first, :second FORM nowhere";
    let error = conn.execute(sql, oarlock_core::named! { first: 1, second: 2 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert_eq!(error.position(), sql.find("nowhere"));
    let script = "SELECT 1; SELECT 2;\nSELECT nothing";
    let mut lease = oarlock_core::Db::lease(&conn).await.unwrap();
    let error = lease.connection().script(script).await.unwrap_err();
    assert_eq!(error.position(), script.find("nothing"));
}

#[tokio::test]
async fn the_connection_of_rusqlite_can_be_had() {
    let conn = memory().await;
    {
        let mut lease = oarlock_core::Db::lease(&conn).await.unwrap();
        let native = lease.connection().native().downcast_mut::<rusqlite::Connection>().unwrap();
        native
            .create_scalar_function("double", 1, rusqlite::functions::FunctionFlags::default(), |context| {
                Ok(context.get::<i64>(0)? * 2)
            })
            .unwrap();
    }
    let (four,): (i64,) = conn.require_one("SELECT double(2)", ()).await.unwrap();
    assert_eq!(four, 4);
}

#[tokio::test]
async fn a_pool_shares_its_database_in_memory() {
    let url = Url::parse("sqlite::memory:").unwrap();
    let connector = FACTORY.connector(&url, Purpose::Pool).unwrap();
    let one = Conn::new(connector.connect().await.unwrap());
    one.execute("CREATE TABLE t (a)", ()).await.unwrap();
    one.close().await.unwrap();
    let other = Conn::new(connector.connect().await.unwrap());
    other.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    let stranger = Conn::new(FACTORY.connector(&url, Purpose::Pool).unwrap().connect().await.unwrap());
    let error = stranger.execute("INSERT INTO t VALUES (1)", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TableNotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_make_the_file_at_once_do_not_trip_each_other() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("a.db").display());
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move {
                    let conn = open(&url).await;
                    conn.execute("CREATE TABLE IF NOT EXISTS t (a)", ()).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_missing_file_is_told_by_its_name() {
    for (url, kind) in [
        ("sqlite:/nowhere/at/all.db", ErrorKind::ObjectNotFound),
        ("sqlite:no-such-file.db?mode=ro", ErrorKind::ObjectNotFound),
        ("sqlite:/", ErrorKind::Io),
    ] {
        let connector = FACTORY.connector(&Url::parse(url).unwrap(), Purpose::Single).unwrap();
        let error = connector.connect().await.map(drop).unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error}");
    }
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing() {
    let conn = memory().await;
    conn.execute("CREATE TABLE t (a UNIQUE)", ()).await.unwrap();
    let outcome = conn.execute_many("INSERT INTO t VALUES (?)", [(1,), (2,), (3,)]).await.unwrap();
    assert_eq!(outcome.rows_affected, Some(3));
    let error = conn.execute_many("INSERT INTO t VALUES (?)", [(4,), (2,), (5,)]).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(1)));
    let tx = conn.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (10)", ()).await.unwrap();
    tx.execute_many("INSERT INTO t VALUES (?)", [(11,), (10,)]).await.unwrap_err();
    tx.commit().await.unwrap();
    let values: Vec<(i64,)> = conn.fetch_all("SELECT a FROM t ORDER BY a", ()).await.unwrap();
    assert_eq!(values, [(1,), (2,), (3,), (10,)]);
}

#[tokio::test]
async fn a_savepoint_and_text_of_transactions_are_followed() {
    let conn = memory().await;
    let mut lease = oarlock_core::Db::lease(&conn).await.unwrap();
    let connection = lease.connection();
    for (sql, state) in [
        ("BEGIN", TxState::Open),
        ("COMMIT", TxState::Auto),
        ("SAVEPOINT a", TxState::Open),
        ("RELEASE a", TxState::Auto),
        ("BEGIN IMMEDIATE", TxState::Open),
        ("ROLLBACK", TxState::Auto),
    ] {
        oarlock_core::connection::run(connection, sql).await.unwrap();
        assert_eq!(connection.tx_state(), state, "{sql}");
    }
}

#[tokio::test]
async fn not_a_number_is_refused_and_not_stored_as_null() {
    let conn = memory().await;
    let error = conn.query("SELECT ?", (f64::NAN,)).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    let (value,): (Value,) = conn.require_one("SELECT ?", ("a\0b",)).await.unwrap();
    assert_eq!(value, Value::Text("a\0b".into()));
}
