//! One statement for many rows, all or nothing.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use oarlock_core::{DbExt, ErrorKind};
use support::database;

#[tokio::test]
async fn a_batch_is_all_or_nothing_and_tells_the_row() {
    let Some(db) = database("many").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(10) NOT NULL)", ()).await.unwrap();
    let rows: Vec<(i32, String)> = (0..2000).map(|n| (n, format!("n{n}"))).collect();
    let outcome = conn.execute_many("INSERT INTO t VALUES (?, ?)", &rows).await.unwrap();
    assert_eq!(outcome.rows_affected, Some(2000));
    let clash = [(3000, "a"), (3001, "b"), (7, "c"), (3002, "d")];
    let error = conn.execute_many("INSERT INTO t VALUES (?, ?)", &clash).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(2)));
    let count = || async { conn.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap() };
    assert_eq!(count().await, 2000);
    let nothing: [(i32, &str); 0] = [];
    assert_eq!(conn.execute_many("INSERT INTO t VALUES (?, ?)", &nothing).await.unwrap().rows_affected, Some(0));
    let changes: Vec<(&str, i32)> = vec![("x", 1), ("y", 2), ("z", 99_999)];
    assert_eq!(conn.execute_many("UPDATE t SET name = ? WHERE id = ?", &changes).await.unwrap().rows_affected, Some(2));
    let upserts = [(1, "one"), (2, "two"), (5000, "new")];
    let upsert = "INSERT INTO t VALUES (?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name)";
    assert_eq!(conn.execute_many(upsert, &upserts).await.unwrap().rows_affected, Some(3));
    db.drop().await;
}

#[tokio::test]
async fn a_batch_in_a_transaction_is_a_savepoint_of_its_own() {
    let Some(db) = database("many_in_tx").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY)", ()).await.unwrap();
    let tx = conn.begin().await.unwrap();
    tx.execute("INSERT INTO t VALUES (1)", ()).await.unwrap();
    let error = tx.execute_many("INSERT INTO t VALUES (?)", [(2,), (1,)]).await.unwrap_err();
    assert_eq!((error.kind(), error.batch_index()), (ErrorKind::UniqueViolation, Some(1)));
    assert_eq!(tx.execute_many("INSERT INTO t VALUES (?)", [(2,), (3,)]).await.unwrap().rows_affected, Some(2));
    tx.commit().await.unwrap();
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap(), 3);
    let error = conn.execute_many("CREATE TABLE u (id INT)", [(), ()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotSupported);
    db.drop().await;
}

#[tokio::test]
async fn rows_of_different_types_and_nulls_go_together() {
    let Some(db) = database("many_types").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY, a BIGINT UNSIGNED, b TEXT)", ()).await.unwrap();
    let rows: Vec<(i32, Option<u64>, Option<&str>)> =
        vec![(1, None, None), (2, Some(u64::MAX), Some("x")), (3, None, Some("")), (4, Some(0), None)];
    conn.execute_many("INSERT INTO t VALUES (?, ?, ?)", &rows).await.unwrap();
    let back: Vec<(i32, Option<u64>, Option<String>)> =
        conn.fetch_all("SELECT * FROM t ORDER BY id", ()).await.unwrap();
    let back: Vec<_> = back.iter().map(|(id, a, b)| (*id, *a, b.as_deref())).collect();
    assert_eq!(back, rows);
    if conn.info().capabilities.insert_returning {
        let outcome =
            conn.execute_many("INSERT INTO t (id) VALUES (?) RETURNING id", [(10,), (11,), (12,)]).await.unwrap();
        assert_eq!(outcome.rows_affected, Some(3));
    }
    db.drop().await;
}
