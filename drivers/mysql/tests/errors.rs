//! Errors, and what the server tells of them in its words.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use oarlock_core::{DbExt, ErrorKind};
use support::database;

#[tokio::test]
async fn violations_name_what_was_violated() {
    let Some(db) = database("violations").await else { return };
    let conn = db.connect().await;
    conn.script(
        "CREATE TABLE p (id INT PRIMARY KEY);
         CREATE TABLE t (id INT PRIMARY KEY, mail VARCHAR(30) NOT NULL, p INT, age INT,
            CONSTRAINT t_mail UNIQUE (mail), CONSTRAINT t_p FOREIGN KEY (p) REFERENCES p (id), CONSTRAINT t_age CHECK (age > 0));
         INSERT INTO t VALUES (1, 'ada@example.org', NULL, 1)",
    )
    .await
    .unwrap();
    let insert = "INSERT INTO t (id, mail, p, age) VALUES (?, ?, ?, ?)";
    let row = |mail: Option<&'static str>, p: Option<i32>, age: i32| (2, mail, p, age);
    let cases = [
        (row(Some("ada@example.org"), None, 1), ErrorKind::UniqueViolation, Some("t_mail"), None),
        (row(Some("b"), Some(9), 1), ErrorKind::ForeignKeyViolation, Some("t_p"), Some("p")),
        (row(Some("b"), None, 0), ErrorKind::CheckViolation, Some("t_age"), None),
        (row(None, None, 1), ErrorKind::NotNullViolation, None, Some("mail")),
    ];
    for (row, kind, constraint, column) in cases {
        let error = conn.execute(insert, row).await.unwrap_err();
        assert_eq!((error.kind(), error.constraint(), error.column()), (kind, constraint, column));
        assert!(error.code().is_some() && error.sqlstate().is_some());
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(!shown.contains("ada@"), "{shown}");
        }
    }
    let missing = conn.execute("INSERT INTO t (id, age) VALUES (3, 1)", ()).await.unwrap_err();
    assert_eq!((missing.kind(), missing.column()), (ErrorKind::NotNullViolation, Some("mail")));
    let long = conn.execute(insert, (2, "x".repeat(31), None::<i32>, 1)).await.unwrap_err();
    assert_eq!((long.kind(), long.column()), (ErrorKind::OutOfRange, Some("mail")));
    let wrong = conn.execute("INSERT INTO t (id, mail) VALUES (?, 'x')", ("sécret",)).await.unwrap_err();
    assert_eq!((wrong.kind(), wrong.column()), (ErrorKind::InvalidValue, Some("id")));
    assert!(!wrong.to_string().contains("sécret"), "{wrong}");
    db.drop().await;
}

#[tokio::test]
async fn a_late_error_comes_after_the_rows_before_it() {
    let Some(db) = database("late").await else { return };
    let conn = db.connect().await;
    conn.script("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3), (4)").await.unwrap();
    // The subquery gives two rows for the last one only.
    let sql = "SELECT id, (SELECT x.id FROM t x WHERE x.id = t.id OR (t.id = 4 AND x.id = 1)) FROM t ORDER BY id";
    let mut cursor = conn.query(sql, ()).await.unwrap();
    let mut read = 0;
    let error = loop {
        match cursor.fetch_one::<(i32, i32)>().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("the error is lost"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code(), read), (Some(1242), 3));
    drop(cursor);
    assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await.unwrap(), 1);
    db.drop().await;
}

#[tokio::test]
async fn a_lock_that_is_not_had_leaves_the_transaction() {
    let Some(db) = database("locks").await else { return };
    let (one, two) = (db.connect().await, db.connect().await);
    one.script("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 0)").await.unwrap();
    two.execute("SET innodb_lock_wait_timeout = 1", ()).await.unwrap();
    let holder = one.begin().await.unwrap();
    holder.execute("UPDATE t SET v = 1 WHERE id = 1", ()).await.unwrap();
    let waiter = two.begin().await.unwrap();
    waiter.execute("INSERT INTO t VALUES (2, 0)", ()).await.unwrap();
    let error = waiter.execute("UPDATE t SET v = 2 WHERE id = 1", ()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::LockTimeout, false));
    holder.rollback().await.unwrap();
    waiter.commit().await.unwrap();
    assert_eq!(one.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap(), 2);
    db.drop().await;
}
