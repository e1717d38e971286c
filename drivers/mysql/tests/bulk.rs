//! `execute_many` by an INSERT of many rows, and LOAD DATA from a stream.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, TxState, Value};
use oarlock_mysql::MysqlExt;
use support::database;

async fn fresh(conn: &Conn, table: &str, columns: &str) {
    conn.execute(&format!("CREATE TABLE {table} ({columns})"), ()).await.unwrap();
}

async fn inserts(conn: &Conn) -> i64 {
    let (_, count): (String, String) = conn.require_one("SHOW SESSION STATUS LIKE 'Com_insert'", ()).await.unwrap();
    count.parse().unwrap()
}

async fn count(conn: &Conn, table: &str) -> i64 {
    conn.fetch_value(&format!("SELECT count(*) FROM {table}"), ()).await.unwrap()
}

/// Rows whose types differ from one to the next, so that MariaDB's bulk command would hold one of them.
fn mixed(rows: u32) -> Vec<Vec<Value>> {
    let number = |n: u32| if n.is_multiple_of(2) { Value::I64(n.into()) } else { Value::U64(n.into()) };
    (0..rows)
        .map(|n| vec![number(n), if n.is_multiple_of(3) { Value::Null } else { Value::Text(format!("row {n}")) }])
        .collect()
}

#[tokio::test]
async fn rows_of_many_types_go_many_at_a_time() {
    let Some(database) = database("bulk_mixed").await else { return };
    let conn = database.connect().await;
    fresh(&conn, "many_mixed", "id BIGINT PRIMARY KEY, s VARCHAR(20), twice BIGINT AS (id * 2), made INT DEFAULT 7")
        .await;
    let before = inserts(&conn).await;
    let sql = "INSERT INTO many_mixed (id, /* ? */ `s`) VALUES (? + 0, ?) -- ?";
    assert_eq!(conn.execute_many(sql, mixed(2500)).await.unwrap().rows_affected, Some(2500));
    assert_eq!(inserts(&conn).await - before, 3, "three statements for 2,500 rows");
    let found: (i64, i64, i64) = conn
        .require_one("SELECT count(s), CAST(sum(twice) AS SIGNED), CAST(sum(made) AS SIGNED) FROM many_mixed", ())
        .await
        .unwrap();
    assert_eq!(found, (1666, 2499 * 2500, 7 * 2500));

    let mut rows = mixed(2500);
    for row in &mut rows {
        row[0] = match row[0] {
            Value::I64(n) => Value::I64(n + 10_000),
            Value::U64(n) => Value::U64(n + 10_000),
            _ => Value::Null,
        };
    }
    rows[1700][0] = Value::U64(5);
    let error = conn.execute_many(sql, &rows).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(1700)));
    assert_eq!(count(&conn, "many_mixed").await, 2500, "nothing of the batch remains");
    let tx = conn.begin().await.unwrap();
    tx.execute("INSERT INTO many_mixed (id) VALUES (-1)", ()).await.unwrap();
    assert_eq!(tx.execute_many(sql, &rows).await.unwrap_err().batch_index(), Some(1700));
    rows.remove(1700);
    assert_eq!(tx.execute_many(sql, &rows).await.unwrap().rows_affected, Some(2499));
    tx.commit().await.unwrap();
    assert_eq!(count(&conn, "many_mixed").await, 5000);
    let upsert = "INSERT INTO many_mixed (id, s) VALUES (?, ?) ON DUPLICATE KEY UPDATE s = VALUES(s)";
    assert_eq!(conn.execute_many(upsert, mixed(100)).await.unwrap().rows_affected, Some(100));
    database.drop().await;
}

#[tokio::test]
async fn what_is_an_error_for_one_row_is_one_for_many() {
    let Some(database) = database("bulk_lax").await else { return };
    let conn = database.connect().await;
    fresh(&conn, "many_lax", "id BIGINT PRIMARY KEY, s VARCHAR(20) NOT NULL").await;
    conn.execute("SET sql_mode = ''", ()).await.unwrap();
    // Outside of strict mode, NULL is an error in an INSERT of one row and the empty text in one of many.
    let error = conn.execute_many("INSERT INTO many_lax VALUES (?, ?)", mixed(100)).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::NotNullViolation, Some(0)));
    assert_eq!(count(&conn, "many_lax").await, 0);
    database.drop().await;
}

const LOAD: &str = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE load_rows (id, s)";

fn pieces(rows: u32) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let text = (0..rows).map(|n| format!("{n}\trow {n}\n")).collect::<Vec<_>>().concat();
    let pieces: Vec<_> = text.as_bytes().chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

#[tokio::test]
async fn a_stream_is_loaded_all_or_nothing() {
    let Some(database) = database("bulk_load").await else { return };
    let conn = database.connect().await;
    fresh(&conn, "load_rows", "id BIGINT PRIMARY KEY, s VARCHAR(20)").await;
    let outcome = conn.load_data(LOAD, pieces(50_000)).await.unwrap();
    assert_eq!((outcome.rows_affected, outcome.warnings), (Some(50_000), 0));
    assert_eq!(conn.fetch_value::<String>("SELECT s FROM load_rows WHERE id = 49999", ()).await.unwrap(), "row 49999");
    // Keys that are known are left out.
    assert!(conn.load_data(LOAD, pieces(10)).await.unwrap().warnings > 0);

    conn.execute("DELETE FROM load_rows", ()).await.unwrap();
    let broken = stream::iter([Ok(Bytes::from("1\tone\n2\ttwo\n")), Err(io::Error::other("the disk is gone"))]);
    let error = conn.load_data(LOAD, broken).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(
        (count(&conn, "load_rows").await, conn.lease().await.unwrap().connection().tx_state()),
        (0, TxState::Auto)
    );

    let tx = conn.begin().await.unwrap();
    tx.execute("INSERT INTO load_rows VALUES (-1, 'before')", ()).await.unwrap();
    let broken = stream::iter([Ok(Bytes::from("1\tone\n")), Err(io::Error::other("the disk is gone"))]);
    tx.load_data(LOAD, broken).await.unwrap_err();
    assert_eq!(tx.load_data(LOAD, pieces(3)).await.unwrap().rows_affected, Some(3));
    tx.commit().await.unwrap();
    assert_eq!(count(&conn, "load_rows").await, 4);
    database.drop().await;
}

#[tokio::test]
async fn only_one_statement_is_fed() {
    let Some(database) = database("bulk_once").await else { return };
    let conn = database.connect().await;
    fresh(&conn, "load_once", "id BIGINT PRIMARY KEY").await;
    let load = "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE load_once (id)";
    // The table is missing, so the stream is not asked for; it must not be there for the next one that asks.
    let missing = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE load_missing (id)";
    let data = || stream::iter([Ok(Bytes::from("1\n"))]);
    assert_eq!(conn.load_data(missing, data()).await.unwrap_err().kind(), ErrorKind::TableNotFound);
    assert_eq!(conn.execute(load, ()).await.unwrap_err().kind(), ErrorKind::NotSupported);
    assert_eq!(conn.load_data(load, data()).await.unwrap().rows_affected, Some(1));
    assert_eq!(conn.execute(load, ()).await.unwrap_err().kind(), ErrorKind::NotSupported);
    for sql in ["LOAD DATA INFILE '/etc/hostname' INTO TABLE load_once", "SELECT 1"] {
        assert_eq!(conn.load_data(sql, data()).await.unwrap_err().kind(), ErrorKind::Interface);
    }
    assert_eq!(conn.fetch_value::<i64>("SELECT id FROM load_once", ()).await.unwrap(), 1);
    database.drop().await;
}

#[tokio::test]
async fn a_dropped_load_leaves_nothing() {
    let Some(database) = database("bulk_dropped").await else { return };
    let conn = database.connect().await;
    fresh(&conn, "load_dropped", "id BIGINT PRIMARY KEY, s VARCHAR(20)").await;
    let load = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE load_dropped (id, s)";
    for polls in 1..12_i64 {
        {
            // A stream that never ends by itself.
            let endless = futures_util::StreamExt::chain(pieces(20_000), stream::pending());
            let mut run = pin!(conn.load_data(load, endless));
            for _ in 0..polls {
                assert!(!std::future::poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_ready())).await);
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(conn.fetch_value::<i64>("SELECT CAST(? AS SIGNED)", (polls,)).await.unwrap(), polls);
        assert_eq!(count(&conn, "load_dropped").await, 0, "after {polls} polls");
    }
    database.drop().await;
}

#[tokio::test]
async fn what_stays_in_the_session_is_noted() {
    let Some(database) = database("bulk_soils").await else { return };
    let conn = database.connect().await;
    fresh(&conn, "many_soils", "a INT").await;
    conn.reset().await.unwrap();
    let is_clean = async || conn.lease().await.unwrap().connection().is_clean();
    let load = async |columns: &str| {
        let sql = format!("LOAD DATA LOCAL INFILE 'rows' INTO TABLE many_soils {columns}");
        conn.load_data(&sql, stream::iter([Ok(Bytes::from("7\n"))])).await.unwrap()
    };
    load("(a)").await;
    conn.pipeline().add("INSERT INTO many_soils VALUES (?)", (8,)).run().await.unwrap();
    assert!(is_clean().await, "rows are no trace in the session");
    load("(@left) SET a = @left").await;
    assert!(!is_clean().await, "a variable stays");
    assert_eq!(conn.fetch_value::<String>("SELECT CAST(@left AS CHAR)", ()).await.unwrap(), "7");
    conn.reset().await.unwrap();
    assert!(is_clean().await);
    conn.pipeline().add("SELECT @left := ?", (9,)).run().await.unwrap();
    assert!(!is_clean().await, "a pipeline's variable stays");
    conn.reset().await.unwrap();
    assert_eq!(conn.fetch_value::<Option<String>>("SELECT CAST(@left AS CHAR)", ()).await.unwrap(), None);
    database.drop().await;
}
