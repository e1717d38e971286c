//! Statements, their outcomes, and the traps of `mysql_async` about them.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use oarlock_core::{DbExt, ErrorKind, Value};
use support::database;

#[tokio::test]
async fn rows_come_back_in_order_and_in_full() {
    let Some(db) = database("rows").await else { return };
    let conn = db.connect().await;
    conn.script("CREATE TABLE n (id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO n SELECT seq, CONCAT('n', seq) FROM seq_1_to_1000")
        .await
        .unwrap();
    let rows: Vec<(i32, String)> =
        conn.fetch_all("SELECT id, name FROM n WHERE id > ? ORDER BY id", (10,)).await.unwrap();
    assert_eq!((rows.len(), &rows[0], &rows[989]), (990, &(11, "n11".to_owned()), &(1000, "n1000".to_owned())));
    let mut cursor = conn.query("SELECT id FROM n ORDER BY id", ()).await.unwrap();
    cursor.set_array_size(7);
    assert_eq!(cursor.fetch_many::<(i32,)>(3).await.unwrap(), [(1,), (2,), (3,)]);
    drop(cursor);
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM n", ()).await.unwrap(), 1000);
    conn.close().await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn what_a_dropped_description_has_prepared_is_nobody_elses() {
    let Some(db) = database("undescribed").await else { return };
    let conn = db.connect().await;
    for number in 0..20_i64 {
        let sql = format!("SELECT ? + {number}");
        {
            let mut described = pin!(conn.describe(&sql));
            assert!(described.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let fresh = format!("SELECT {number}");
        for _ in 0..2 {
            assert_eq!(conn.fetch_value::<i64>(&fresh, ()).await.unwrap(), number);
        }
        assert_eq!(conn.fetch_value::<i64>(&sql, (1,)).await.unwrap(), number + 1);
    }
    conn.close().await.unwrap();
    db.drop().await;
}

#[tokio::test]
async fn outcomes_count_what_the_contract_says() {
    let Some(db) = database("outcomes").await else { return };
    let conn = db.connect().await;
    let ddl =
        conn.execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, k INT UNIQUE, v INT)", ()).await.unwrap();
    assert_eq!((ddl.rows_affected, ddl.last_insert_id), (None, None));
    let insert = conn.execute("INSERT INTO t (k, v) VALUES (?, ?), (?, ?)", (1, 1, 2, 2)).await.unwrap();
    assert_eq!((insert.rows_affected, insert.last_insert_id), (Some(2), Some(1)));
    let update = conn.execute("UPDATE t SET v = v", ()).await.unwrap();
    assert_eq!((update.rows_affected, update.last_insert_id), (Some(2), None));
    let upsert = conn.execute("INSERT INTO t (k, v) VALUES (1, 10) ON DUPLICATE KEY UPDATE v = 10", ()).await.unwrap();
    assert_eq!(upsert.rows_affected, Some(1));
    let several = "INSERT INTO t (k, v) VALUES (1, 11), (2, 12), (3, 13) ON DUPLICATE KEY UPDATE v = VALUES(v)";
    assert_eq!(conn.execute(several, ()).await.unwrap().rows_affected, Some(3));
    let replace = conn.execute("REPLACE INTO t (k, v) VALUES (1, 20)", ()).await.unwrap();
    assert_eq!(replace.rows_affected, Some(1));
    assert_eq!(conn.execute("DELETE FROM t WHERE k > 1", ()).await.unwrap().rows_affected, Some(2));
    assert_eq!(conn.execute("SELECT * FROM t", ()).await.unwrap().rows_affected, Some(1));
    assert_eq!(conn.execute("SET @a = 1", ()).await.unwrap().rows_affected, None);
    db.drop().await;
}

#[tokio::test]
async fn the_foreign_lexer_corrupts_nothing() {
    let Some(db) = database("lexer").await else { return };
    let conn = db.connect().await;
    // mysql_async alone would send `SELECT 5-'x ?', …`.
    let row: (f64, String, i64) = conn
        .require_one("SELECT 5-'3 :y', CONCAT('a :b', /* :c ' */ ':d'), ? /**/ + 1 -- it's :e", (41,))
        .await
        .unwrap();
    assert_eq!(row, (2.0, "a :b:d".to_owned(), 42));
    conn.execute("SET sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES,ANSI_QUOTES')", ()).await.unwrap();
    let row: (String, String) = conn.require_one(r#"SELECT '\' AS "a\", ' :y'"#, ()).await.unwrap();
    assert_eq!(row, ("\\".to_owned(), " :y".to_owned()));
    let text: String = conn.fetch_value(r"SELECT CONCAT('\', ?, ' :y\')", ("?",)).await.unwrap();
    assert_eq!(text, r"\? :y\");
    db.drop().await;
}

#[tokio::test]
async fn several_statements_are_for_scripts() {
    let Some(db) = database("scripts").await else { return };
    let conn = db.connect().await;
    let error = conn.execute("DO 1; DO 2", ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interface);
    let script = "CREATE TABLE a (id INT); -- one; two
        CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END;
        INSERT INTO a VALUES (1); SELECT * FROM a; CALL p();";
    conn.script(script).await.unwrap();
    let error = conn
        .script("INSERT INTO a VALUES (2);\n  INSERT INTO nowhere VALUES (1); INSERT INTO a VALUES (3)")
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.position()), (ErrorKind::TableNotFound, Some(28)));
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM a", ()).await.unwrap(), 2);
    db.drop().await;
}

#[tokio::test]
async fn procedures_give_their_sets_one_by_one() {
    let Some(db) = database("procedures").await else { return };
    let conn = db.connect().await;
    conn.script(
        "CREATE PROCEDURE p(IN n INT, OUT o INT) BEGIN SELECT n AS a; SELECT n + 1 AS b, 2 AS c; SET o = n * 2; END",
    )
    .await
    .unwrap();
    let mut cursor = conn.query("CALL p(?, @o)", (20,)).await.unwrap();
    assert_eq!(cursor.fetch_all::<(i32,)>().await.unwrap(), [(20,)]);
    assert!(cursor.next_set().await.unwrap());
    assert_eq!(cursor.description().len(), 2);
    assert_eq!(cursor.fetch_all::<(i32, i32)>().await.unwrap(), [(21, 2)]);
    assert!(!cursor.next_set().await.unwrap());
    assert_eq!(cursor.finish().await.unwrap().rows_affected, None);
    drop(cursor);
    assert_eq!(conn.fetch_value::<i64>("SELECT @o", ()).await.unwrap(), 40);
    db.drop().await;
}

#[tokio::test]
async fn what_cannot_be_prepared_goes_as_text() {
    let Some(db) = database("text").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (id INT)", ()).await.unwrap();
    conn.execute("LOCK TABLES t WRITE", ()).await.unwrap();
    conn.execute("UNLOCK TABLES", ()).await.unwrap();
    let described = conn.describe("SELECT id, ? FROM t WHERE id = ?").await.unwrap();
    assert_eq!((described.arity, described.native_arity, described.columns.len()), (2, 2, 2));
    let error = conn.describe("SELECT * FROM nowhere").await.unwrap_err();
    assert_eq!((error.kind(), error.table()), (ErrorKind::TableNotFound, Some("nowhere")));
    db.drop().await;
}

#[tokio::test]
async fn a_local_file_is_refused_and_the_connection_lives() {
    let Some(db) = database("infile").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (line TEXT)", ()).await.unwrap();
    let error = conn.execute("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t", ()).await.unwrap_err();
    // A server with local_infile off refuses by itself.
    assert!(matches!(error.kind(), ErrorKind::NotSupported | ErrorKind::Database), "{error:?}");
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap(), 0);
    db.drop().await;
}

#[tokio::test]
async fn statements_stay_prepared_and_survive_ddl() {
    let Some(db) = database("prepared").await else { return };
    let conn = db.with("statement_cache", "2").await;
    conn.script("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)").await.unwrap();
    let before: Vec<(Value,)> = conn.fetch_all("SELECT * FROM t", ()).await.unwrap();
    assert_eq!(before, [(Value::I64(1),)]);
    conn.execute("ALTER TABLE t MODIFY a VARCHAR(10), ADD b INT DEFAULT 7", ()).await.unwrap();
    let after: Vec<(Value, Value)> = conn.fetch_all("SELECT * FROM t", ()).await.unwrap();
    assert_eq!(after, [(Value::Text("1".to_owned()), Value::I64(7))]);
    let open = || async {
        let row: (String, String) =
            conn.require_one("SHOW SESSION STATUS LIKE 'Prepared_stmt_count'", ()).await.unwrap();
        row.1.parse::<i64>().unwrap()
    };
    let first = open().await;
    for number in 0..20 {
        conn.fetch_value::<i64>(&format!("SELECT {number}"), ()).await.unwrap();
    }
    assert!(open().await <= first + 2, "evicted statements are closed on the server");
    // The same text gives other types for other parameters.
    assert_eq!(conn.fetch_value::<Value>("SELECT ?", (1,)).await.unwrap(), Value::I64(1));
    assert_eq!(conn.fetch_value::<Value>("SELECT ?", ("x",)).await.unwrap(), Value::Text("x".to_owned()));
    db.drop().await;
}

#[tokio::test]
async fn warnings_can_be_read() {
    let Some(db) = database("warnings").await else { return };
    let conn = db.connect().await;
    let mut cursor = conn.query("SELECT 1 / 0, CAST('7x' AS SIGNED)", ()).await.unwrap();
    assert!(cursor.finish().await.unwrap().warnings >= 1);
    let warnings = cursor.warnings().await.unwrap();
    assert!(
        warnings.iter().any(|notice| notice.severity == "Warning" && notice.code.as_deref() == Some("1292")),
        "{warnings:?}"
    );
    drop(cursor);
    db.drop().await;
}

#[tokio::test]
async fn parameters_have_a_limit() {
    let Some(db) = database("limit").await else { return };
    let conn = db.connect().await;
    let sum = |count: usize| {
        format!("SELECT COUNT(*) FROM (SELECT 1 AS a) t WHERE a NOT IN ({})", vec!["?"; count].join(","))
    };
    let most = vec![2; 65_535];
    assert_eq!(conn.fetch_value::<i64>(&sum(65_535), &most).await.unwrap(), 1);
    let error = conn.fetch_value::<i64>(&sum(65_536), &vec![2; 65_536]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Parameters);
    assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await.unwrap(), 1);
    db.drop().await;
}
