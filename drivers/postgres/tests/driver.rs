//! What only this driver has: each trap of the crate underneath and of the server, and that it is none.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::time::Duration;

use oarlock_core::connection::{Query, run};
use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::params::Parameters;
use oarlock_core::value::{Decimal, Interval};
use oarlock_core::{Connection, DbExt, ErrorKind, Health, Row, TxOptions, TxState, Url, Value, ValueRef};
use oarlock_postgres::PostgresFactory;
use oarlock_postgres::tokio_postgres::Client;
use support::{Place, place};

#[tokio::test]
async fn commit_as_text_of_a_failed_transaction_is_an_error() {
    let Some(place) = place().await else { return };
    let mut connection = place.raw().await;
    for commit in ["COMMIT", "END", "commit and chain"] {
        run(&mut connection, "BEGIN").await.unwrap();
        run(&mut connection, "SELECT 1 / 0").await.unwrap_err();
        assert_eq!(connection.tx_state(), TxState::Failed);
        let error = run(&mut connection, commit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TransactionFailed, "{commit}");
        connection.rollback().await.unwrap();
        assert_eq!(connection.tx_state(), TxState::Auto);
    }
    run(&mut connection, "BEGIN").await.unwrap();
    run(&mut connection, "SELECT 1 / 0").await.unwrap_err();
    let error = connection.script("COMMIT").await.unwrap_err();
    assert_eq!((error.kind(), connection.tx_state()), (ErrorKind::TransactionFailed, TxState::Auto));
    place.drop().await;
}

#[tokio::test]
async fn the_state_is_the_servers_when_the_native_client_is_used() {
    let Some(place) = place().await else { return };
    let mut connection = place.raw().await;
    connection.native().downcast_mut::<Client>().unwrap().batch_execute("BEGIN").await.unwrap();
    assert_eq!(connection.tx_state(), TxState::Open);
    connection.native().downcast_mut::<Client>().unwrap().batch_execute("nonsense").await.unwrap_err();
    connection.ping().await.unwrap();
    assert_eq!(connection.tx_state(), TxState::Failed);
    connection.close().await.unwrap();
    assert!(connection.native().downcast_mut::<Client>().is_none());
    place.drop().await;
}

#[tokio::test]
async fn a_plan_that_another_session_made_stale_is_renewed_unseen() {
    let Some(place) = place().await else { return };
    let (one, other) = (place.conn().await, place.conn().await);
    one.execute("CREATE TABLE t (a int)", ()).await.unwrap();
    one.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    let rows: Vec<Row> = one.fetch_all("SELECT * FROM t WHERE a = ?", (1,)).await.unwrap();
    assert_eq!(rows.len(), 1);
    other.execute("ALTER TABLE t ADD b text DEFAULT 'new'", ()).await.unwrap();
    let row: Row = one.require_one("SELECT * FROM t WHERE a = ?", (1,)).await.unwrap();
    assert_eq!(row.value(1).unwrap(), ValueRef::Text("new"));

    // Inside a transaction it cannot be hidden, but it happens only once.
    other.execute("ALTER TABLE t ADD c int", ()).await.unwrap();
    let tx = one.begin().await.unwrap();
    let error = tx.fetch_all::<Row>("SELECT * FROM t WHERE a = ?", (1,)).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("0A000"));
    tx.rollback().await.unwrap();
    let tx = one.begin().await.unwrap();
    assert_eq!(tx.fetch_all::<Row>("SELECT * FROM t WHERE a = ?", (1,)).await.unwrap().len(), 1);
    // What this connection changes itself it knows of.
    tx.execute("ALTER TABLE t DROP c", ()).await.unwrap();
    assert_eq!(tx.require_one::<Row>("SELECT * FROM t WHERE a = ?", (1,)).await.unwrap().len(), 2);
    tx.commit().await.unwrap();

    // A batch, too, when the type of its parameter is another now.
    let insert = "INSERT INTO t (a) VALUES (?)";
    one.execute_many(insert, [(2,)]).await.unwrap();
    other.execute("ALTER TABLE t ALTER a TYPE bigint", ()).await.unwrap();
    let large = i64::from(i32::MAX) + 1;
    assert_eq!(one.execute_many(insert, [(large,), (large,)]).await.unwrap().rows_affected, Some(2));
    one.execute("SELECT a FROM t WHERE a = ?", (large,)).await.unwrap();
    place.drop().await;
}

#[tokio::test]
async fn statements_that_the_server_forgot_are_prepared_again() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (a int)", ()).await.unwrap();
    for forget in ["DEALLOCATE ALL", "DISCARD ALL", "SELECT 1"] {
        assert_eq!(conn.fetch_all::<Row>("SELECT a FROM t WHERE a = ?", (1,)).await.unwrap().len(), 0);
        conn.execute(forget, ()).await.unwrap();
    }
    // The same behind the driver's back.
    let mut lease = oarlock_core::Db::lease(&conn).await.unwrap();
    let client = lease.connection().native().downcast_mut::<Client>().unwrap();
    client.batch_execute("DEALLOCATE ALL").await.unwrap();
    drop(lease);
    assert_eq!(conn.fetch_all::<Row>("SELECT a FROM t WHERE a = ?", (1,)).await.unwrap().len(), 0);
    place.drop().await;
}

#[tokio::test]
async fn a_half_read_result_does_not_block_the_next_statement() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    for _ in 0..3 {
        let mut cursor = conn.query("SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g", ()).await.unwrap();
        let rows: Vec<(i32, String)> = cursor.fetch_many(10).await.unwrap();
        assert_eq!(rows.last().unwrap().0, 10);
        drop(cursor);
        assert_eq!(conn.fetch_value::<i32>("SELECT 2", ()).await.unwrap(), 2);
    }
    place.drop().await;
}

#[tokio::test]
async fn a_large_result_comes_whole_whatever_the_sizes() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    let sql = "SELECT g, repeat(chr(65 + g % 26), CASE g % 1000 WHEN 0 THEN 100000 ELSE g % 50 END), \
        CASE WHEN g % 3 = 0 THEN g END FROM generate_series(1, 20000) g";
    for size in [1, 7, 1000, 1_000_000] {
        let mut cursor = conn.query(sql, ()).await.unwrap();
        cursor.set_array_size(size);
        let mut next = 0;
        while let Some((number, text, third)) = cursor.fetch_one::<(i32, String, Option<i32>)>().await.unwrap() {
            next += 1;
            let length = if next % 1000 == 0 { 100_000 } else { next % 50 };
            assert_eq!(
                (number, text.len(), third),
                (next, usize::try_from(length).unwrap(), (next % 3 == 0).then_some(next))
            );
        }
        assert_eq!((next, cursor.row_count()), (20_000, Some(20_000)));
    }
    place.drop().await;
}

#[tokio::test]
async fn rows_before_a_late_error_are_given() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    let mut cursor = conn.query("SELECT 10 / (3000 - g) FROM generate_series(1, 4000) g", ()).await.unwrap();
    for _ in 1..3000 {
        cursor.fetch_one::<(i32,)>().await.unwrap().unwrap();
    }
    assert_eq!(cursor.fetch_one::<(i32,)>().await.unwrap_err().kind(), ErrorKind::OutOfRange);
    drop(cursor);
    assert_eq!(conn.fetch_value::<i32>("SELECT 2", ()).await.unwrap(), 2);
    place.drop().await;
}

#[tokio::test]
async fn a_connection_dropped_with_an_open_statement_ends_its_session() {
    let Some(place) = place().await else { return };
    let mut connection = place.raw().await;
    let pid = place.pid(&mut connection).await;
    let endless = "SELECT g, repeat('x', 1000) FROM generate_series(1, 300000) g";
    connection.start(Query::new(endless)).await.unwrap();
    drop(connection);
    let conn = place.conn().await;
    let alive = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = ?";
        Ok(conn.fetch_value::<i64>(sql, (pid,)).await? == 0)
    };
    assert!(oarlock_conformance::until(alive).await.unwrap(), "the session is still there");
    place.drop().await;
}

#[tokio::test]
async fn copy_is_refused_before_the_server_waits_for_its_data() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (a int)", ()).await.unwrap();
    for copy in ["COPY t FROM STDIN", "COPY t TO STDOUT", "copy (select 1) to /* here */ stdout"] {
        let error = conn.execute(copy, ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupported, "{copy}");
        assert_eq!(conn.script(copy).await.unwrap_err().kind(), ErrorKind::NotSupported, "{copy}");
    }
    assert_eq!(conn.fetch_value::<i32>("SELECT 2", ()).await.unwrap(), 2);
    place.drop().await;
}

#[tokio::test]
async fn values_go_into_the_inferred_types() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.script(
        "CREATE TYPE mood AS ENUM ('sad', 'merry'); CREATE DOMAIN age AS int CHECK (value >= 0);
         CREATE TABLE t (m mood, d age, n inet, j jsonb, x numeric, l int, ms mood[], ds age[], ns inet[])",
    )
    .await
    .unwrap();
    let moods = Value::Array(vec![Value::Text("sad".into()), Value::Null]);
    let hosts = Value::Array(vec![Value::Text("10.0.0.1".into())]);
    conn.execute(
        "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ("merry", 7, "127.0.0.1", "{\"a\":1}", 19.9, 3, &moods, vec![1, 2], &hosts),
    )
    .await
    .unwrap();
    let row: Row = conn
        .require_one("SELECT m, d, j, x, ms, ds, n, ns FROM t WHERE m = ? AND n = ? LIMIT ?", ("merry", "127.0.0.1", 5))
        .await
        .unwrap();
    assert_eq!(row.value(0).unwrap(), ValueRef::Text("merry"));
    assert_eq!(row.value(1).unwrap(), ValueRef::I64(7));
    assert_eq!(row.value(2).unwrap(), ValueRef::Json("{\"a\": 1}"));
    assert_eq!(row.value(3).unwrap(), ValueRef::Decimal("19.9".parse::<Decimal>().unwrap()));
    assert_eq!(row.value(4).unwrap().to_owned().unwrap(), moods);
    assert_eq!(row.get::<Vec<i32>>(5).unwrap(), [1, 2]);
    // What is the server's alone goes back as it came.
    let Value::Typed(address) = row.value(6).unwrap().to_owned().unwrap() else { panic!("an address") };
    assert_eq!(address.native.name(), "inet");
    let found: i64 = conn.fetch_value("SELECT count(*) FROM t WHERE n = ?", (&Value::Typed(address),)).await.unwrap();
    assert_eq!(found, 1);
    let Value::Array(addresses) = row.value(7).unwrap().to_owned().unwrap() else { panic!("addresses") };
    assert!(matches!(&addresses[..], [Value::Typed(typed)] if typed.native.name() == "inet"));
    place.drop().await;
}

#[tokio::test]
async fn special_values_are_never_guessed() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    for (sql, name) in [
        ("SELECT 'NaN'::numeric", "numeric"),
        ("SELECT 'Infinity'::numeric", "numeric"),
        ("SELECT repeat('9', 39)::numeric", "numeric"),
        ("SELECT 'infinity'::date", "date"),
        ("SELECT '-infinity'::timestamptz", "timestamptz"),
        ("SELECT 'infinity'::timestamp", "timestamp"),
        ("SELECT '10:00+02'::timetz", "timetz"),
        ("SELECT '12.50'::money", "money"),
        ("SELECT '[1,2)'::int4range", "int4range"),
        ("SELECT ROW(1, 'a')", "record"),
        ("SELECT '(1,2)'::point", "point"),
    ] {
        let value: Value = conn.fetch_value(sql, ()).await.unwrap();
        assert!(matches!(&value, Value::Typed(typed) if typed.native.name() == name), "{sql}: {value:?}");
    }
    for (sql, expected) in [
        ("SELECT 'x'::\"char\"", Value::Text("x".into())),
        ("SELECT 'pg_class'::name", Value::Text("pg_class".into())),
        ("SELECT 4294967295::oid", Value::I64(4_294_967_295)),
        ("SELECT '<a/>'::xml", Value::Text("<a/>".into())),
        ("SELECT '1 mon 2 days 3 us'::interval", Value::Interval(Interval { months: 1, days: 2, micros: 3 })),
        ("SELECT '{{1,2},{3,4}}'::int[]", nested()),
        ("SELECT '[5:6]={1,2}'::int[]", Value::Array(vec![Value::I64(1), Value::I64(2)])),
        ("SELECT pg_advisory_unlock_all()", Value::Text(String::new())),
        ("SELECT repeat('9', 38)::numeric", Value::Decimal(repeat_nines())),
    ] {
        assert_eq!(conn.fetch_value::<Value>(sql, ()).await.unwrap(), expected, "{sql}");
    }
    place.drop().await;
}

fn nested() -> Value {
    let row = |a, b| Value::Array(vec![Value::I64(a), Value::I64(b)]);
    Value::Array(vec![row(1, 2), row(3, 4)])
}

fn repeat_nines() -> Decimal {
    "9".repeat(38).parse().unwrap()
}

#[tokio::test]
async fn a_value_that_does_not_fit_leaves_the_transaction_unharmed() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (a int2, b bytea)", ()).await.unwrap();
    let tx = conn.begin().await.unwrap();
    let error = tx.execute("INSERT INTO t (a) VALUES (?)", (70_000,)).await.unwrap_err();
    assert_eq!(error.message(), "parameter 1: the server expects int2, which cannot hold this i64");
    let error = tx.execute("INSERT INTO t (a, b) VALUES (?, ?)", (1, "text")).await.unwrap_err();
    assert_eq!(error.message(), "parameter 2: the server expects bytea, but text was given");
    assert_eq!(error.kind(), ErrorKind::Conversion);
    let error = tx.execute("SELECT ?", (5,)).await.unwrap_err();
    assert!(error.to_string().contains("CAST(? AS …)"), "{error}");
    tx.execute("INSERT INTO t (a) VALUES (?)", (7,)).await.unwrap();
    tx.commit().await.unwrap();
    place.drop().await;
}

#[tokio::test]
async fn positions_are_in_the_callers_text() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    let sql = "SELECT 'é' || :a || :a, nowhere FROM pg_class WHERE relname = :b";
    let error = conn.query(sql, oarlock_core::named! { a: "x", b: "y" }).await.unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::UnknownColumn, sql.find("nowhere")));
    let script = "CREATE TABLE t (a int);\n-- é\nINSERT INTO t VALUES ('x', nope);";
    let error = conn.script(script).await.unwrap_err();
    assert_eq!(error.position(), script.find("nope"));
    // Each statement of a script stands for itself, as on every other database.
    assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 0);
    conn.script("VACUUM t; CREATE INDEX CONCURRENTLY t_a ON t (a)").await.unwrap();
    place.drop().await;
}

#[tokio::test]
async fn the_rules_for_strings_follow_the_session() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    let sql = r"SELECT 'a\' || ?";
    assert_eq!(conn.fetch_value::<String>(sql, ("b",)).await.unwrap(), r"a\b");
    conn.execute("SET standard_conforming_strings = off", ()).await.unwrap();
    conn.execute("SET escape_string_warning = off", ()).await.unwrap();
    assert_eq!(conn.fetch_value::<String>(r"SELECT 'a\'?' || ?", ("b",)).await.unwrap(), "a'?b");
    conn.reset().await.unwrap();
    assert_eq!(conn.fetch_value::<String>(sql, ("b",)).await.unwrap(), r"a\b");
    let script = r"SET standard_conforming_strings = off; SET escape_string_warning = off; SELECT 'a\';'; SELECT 1";
    conn.script(script).await.unwrap();
    place.drop().await;
}

#[tokio::test]
async fn a_reset_keeps_our_statements_and_drops_the_users() {
    let Some(place) = place().await else { return };
    let conn = place.conn_with("statement_timeout", "30s").await;
    conn.execute("SET TimeZone = 'Asia/Tokyo'", ()).await.unwrap();
    conn.execute("SET statement_timeout = 0", ()).await.unwrap();
    conn.execute("PREPARE \"Mine\" AS SELECT 1", ()).await.unwrap();
    let count =
        "SELECT count(*) FILTER (WHERE from_sql), count(*) FILTER (WHERE NOT from_sql) FROM pg_prepared_statements";
    let before: (i64, i64) = conn.require_one(count, ()).await.unwrap();
    conn.begin().await.unwrap().execute("SELECT 1 / 0", ()).await.unwrap_err();
    conn.reset().await.unwrap();
    let after: (i64, i64) = conn.require_one(count, ()).await.unwrap();
    assert_eq!((before.0, after), (1, (0, before.1 + 1)));
    let settings = "SELECT current_setting('TimeZone'), current_setting('statement_timeout')";
    let found: (String, String) = conn.require_one(settings, ()).await.unwrap();
    assert_eq!(found, ("UTC".into(), "30s".into()));
    place.drop().await;
}

#[tokio::test]
async fn evicted_statements_are_closed_on_the_server() {
    let Some(place) = place().await else { return };
    for (capacity, kept) in [("2", 2), ("0", 0)] {
        let conn = place.conn_with("statement_cache", capacity).await;
        for number in 0..10 {
            let sql = format!("SELECT {number} + ?");
            assert_eq!(conn.fetch_value::<i32>(&sql, (1,)).await.unwrap(), number + 1);
        }
        let mut lease = oarlock_core::Db::lease(&conn).await.unwrap();
        let client = lease.connection().native().downcast_mut::<Client>().unwrap();
        let rows = client.simple_query("SELECT 'SELECT' FROM pg_prepared_statements WHERE statement ~ '^SELECT [0-9]'");
        let rows = rows.await.unwrap();
        let count = rows
            .iter()
            .filter(|message| matches!(message, oarlock_postgres::tokio_postgres::SimpleQueryMessage::Row(_)));
        assert_eq!(count.count(), kept, "statement_cache={capacity}");
    }
    place.drop().await;
}

#[tokio::test]
async fn a_time_limit_is_not_a_cancel_request() {
    let Some(place) = place().await else { return };
    let conn = place.conn_with("statement_timeout", "100ms").await;
    let error = conn.execute("SELECT pg_sleep(30)", ()).await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::StatementTimeout, Some("57014")));
    conn.execute("SET statement_timeout = 0", ()).await.unwrap();
    let pid: i32 = conn.fetch_value("SELECT pg_backend_pid()", ()).await.unwrap();
    let other = place.conn().await;
    let cancel = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = ? AND wait_event = 'PgSleep'";
        while other.fetch_value::<i64>(waits, (pid,)).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        other.execute("SELECT pg_cancel_backend(?)", (pid,)).await.unwrap();
    };
    let (result, ()) = tokio::join!(conn.execute("SELECT pg_sleep(30)", ()), cancel);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(conn.fetch_value::<i32>("SELECT 2", ()).await.unwrap(), 2);
    place.drop().await;
}

#[tokio::test]
async fn the_servers_last_words_are_told() {
    let Some(place) = place().await else { return };
    let mut connection = place.raw().await;
    let other = place.conn().await;
    let pid = place.pid(&mut connection).await;
    other.execute("SELECT pg_terminate_backend(?)", (pid,)).await.unwrap();
    while connection.health() != Health::Dead {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = connection.start(Query::new("SELECT 1")).await.unwrap_err();
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::ConnectionLost, Some("57P01")));

    // In the middle of a statement, whose outcome is then unknown where it may have written.
    let mut connection = place.raw().await;
    let pid = place.pid(&mut connection).await;
    run(&mut connection, "CREATE TABLE t (a int)").await.unwrap();
    let kill = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = ? AND wait_event = 'PgSleep'";
        while other.fetch_value::<i64>(waits, (pid,)).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        other.execute("SELECT pg_terminate_backend(?)", (pid,)).await.unwrap();
    };
    let (result, ()) = tokio::join!(run(&mut connection, "INSERT INTO t SELECT 1 FROM pg_sleep(30)"), kill);
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (ErrorKind::ConnectionLost, true));
    assert_eq!(connection.health(), Health::Dead);
    place.drop().await;
}

#[tokio::test]
async fn a_batch_names_the_row_that_failed() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (a int2 PRIMARY KEY)", ()).await.unwrap();
    let sql = "INSERT INTO t VALUES (?)";
    let mut rows: Vec<(i64,)> = (0..1000).map(|number| (number,)).collect();
    assert_eq!(conn.execute_many(sql, &rows).await.unwrap().rows_affected, Some(1000));
    conn.execute("TRUNCATE t", ()).await.unwrap();
    for (row, value, kind) in [(700, 5, ErrorKind::UniqueViolation), (300, 70_000, ErrorKind::OutOfRange)] {
        let good = std::mem::replace(&mut rows[row], (value,));
        let error = conn.execute_many(sql, &rows).await.unwrap_err();
        assert_eq!((error.kind(), error.batch_index()), (kind, Some(row)));
        let tx = conn.begin().await.unwrap();
        tx.execute(sql, (2000,)).await.unwrap();
        let error = tx.execute_many(sql, &rows).await.unwrap_err();
        assert_eq!((error.kind(), error.batch_index()), (kind, Some(row)));
        assert_eq!(tx.fetch_value::<i64>("SELECT count(*) FROM t", ()).await.unwrap(), 1);
        tx.rollback().await.unwrap();
        rows[row] = good;
    }
    place.drop().await;
}

#[tokio::test]
async fn the_connection_can_be_reached_in_every_way() {
    let Some(place) = place().await else { return };
    let connect = async |url: Url| PostgresFactory.connector(&url, Purpose::Single).unwrap().connect().await;
    let url = place.url();
    let error = connect(url.clone().with_path("/no_such_database")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
    let error = connect(url.clone().with_option("target_session_attrs", "standby")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    for target in ["primary", "read-write", "prefer-standby"] {
        connect(url.clone().with_option("target_session_attrs", target)).await.unwrap().close().await.unwrap();
    }
    let error = connect(Url::parse("postgres://u@127.0.0.1:1/x").unwrap()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.message().starts_with("127.0.0.1:1: "), "{error}");

    // A server that does not answer gives way to the next, within the time.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().port();
    let host = url.hosts()[0].clone();
    let (user, database) = (url.user().unwrap_or("postgres"), url.database().unwrap_or("postgres"));
    let port = host.port.unwrap_or(5432);
    let two = format!("postgres://{user}@127.0.0.1:{silent},{}:{port}/{database}?connect_timeout=300ms", host.name);
    let second = Url::parse(&two).unwrap();
    let mut connection = connect(second).await.unwrap();
    connection.ping().await.unwrap();
    let socket = std::path::Path::new("/var/run/postgresql/.s.PGSQL.5432");
    if socket.exists() {
        let url = format!("postgres://{user}@%2Fvar%2Frun%2Fpostgresql/{database}");
        // The server may ask for another kind of login there; that it answers is enough.
        if let Err(error) = connect(Url::parse(&url).unwrap()).await {
            assert_eq!(error.kind(), ErrorKind::Authentication, "{error}");
        }
    }
    place.drop().await;
}

#[tokio::test]
async fn ddl_counts_no_rows() {
    let Some(place) = place().await else { return };
    let mut connection = place.raw().await;
    for (sql, count) in [
        ("CREATE TABLE t AS SELECT generate_series(1, 5) AS a", None),
        ("INSERT INTO t VALUES (6), (7)", Some(2)),
        ("UPDATE t SET a = a WHERE a > 100", Some(0)),
        ("TRUNCATE t", None),
        ("DELETE FROM t", Some(0)),
        ("SET work_mem = '5MB'", None),
        ("SELECT generate_series(1, 3)", Some(3)),
        ("VALUES (1), (2)", Some(2)),
        ("DO $$ BEGIN INSERT INTO t VALUES (1); END $$", None),
        ("LOCK TABLE t", None),
    ] {
        if sql.starts_with("LOCK") {
            connection.begin(&TxOptions::new()).await.unwrap();
        }
        assert_eq!(run(&mut connection, sql).await.unwrap().rows_affected, count, "{sql}");
    }
    place.drop().await;
}

#[tokio::test]
async fn columns_tell_where_they_come_from_unless_told_not_to() {
    let Some(place) = place().await else { return };
    let conn = place.conn().await;
    conn.execute("CREATE TABLE t (\"Id\" int NOT NULL, b text)", ()).await.unwrap();
    let about = conn.describe("SELECT \"Id\" AS x, b, b || 'y' FROM t WHERE b = ?").await.unwrap();
    let origins: Vec<_> = about.columns.iter().map(|column| column.origin.as_ref().map(|from| &*from.column)).collect();
    assert_eq!(origins, [Some("Id"), Some("b"), None]);
    let nullable: Vec<_> = about.columns.iter().map(|column| column.nullable).collect();
    assert_eq!(nullable, [None, Some(true), None]);
    assert_eq!(about.parameters[0].as_ref().unwrap().name(), "text");
    let conn = place.conn_with("column_origin", "off").await;
    assert!(!conn.info().capabilities.column_origin);
    assert_eq!(conn.describe("SELECT b FROM t").await.unwrap().columns[0].origin, None);
    place.drop().await;
}

#[tokio::test]
async fn parameters_beyond_the_protocols_count_are_refused() {
    let Some(place) = place().await else { return };
    let mut connection = place.raw().await;
    let values = vec![ValueRef::I64(1); 65_536];
    let sql = |count: usize| format!("SELECT 1 WHERE 1 IN ({})", vec!["?"; count].join(","));
    let error = connection.start(Query::new(&sql(65_536)).params(Parameters::positional(&values))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Parameters);
    connection.start(Query::new(&sql(65_535)).params(Parameters::positional(&values[..65_535]))).await.unwrap();
    connection.abandon();
    connection.ping().await.unwrap();
    place.drop().await;
}

impl Place {
    async fn pid(&self, connection: &mut dyn Connection) -> i32 {
        i32::try_from(self.value(connection, "SELECT pg_backend_pid()").await).unwrap()
    }
}
