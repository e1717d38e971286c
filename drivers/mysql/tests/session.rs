//! The session, transactions, and what is left when a call is abandoned.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use oarlock_core::connection::{Health, Query, TxState};
use oarlock_core::{Connection, DbExt, ErrorKind, Isolation, TxOptions, Value};
use support::{database, run, value};

#[tokio::test]
async fn a_new_session_is_set_up() {
    let Some(db) = database("setup").await else { return };
    let conn = db.connect().await;
    let (zone, mode, charset, auto): (String, String, String, i64) =
        conn.require_one("SELECT @@time_zone, @@sql_mode, @@character_set_client, @@autocommit", ()).await.unwrap();
    assert_eq!((zone.as_str(), charset.as_str(), auto), ("+00:00", "utf8mb4", 1));
    assert!(mode.contains("STRICT_ALL_TABLES"), "{mode}");
    let name = conn.info().dialect.name;
    assert_eq!(name == "mariadb", conn.info().server.to_lowercase().contains("mariadb"));
    assert!(!format!("{:?}", conn.info()).contains("password"));
    db.drop().await;
}

#[tokio::test]
async fn the_state_follows_the_server() {
    let Some(db) = database("state").await else { return };
    let mut raw = db.raw().await;
    run(&mut raw, "CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    assert_eq!(raw.tx_state(), TxState::Auto);
    run(&mut raw, "BEGIN").await.unwrap();
    assert_eq!(raw.tx_state(), TxState::Open);
    run(&mut raw, "INSERT INTO t VALUES (1)").await.unwrap();
    run(&mut raw, "INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_eq!(raw.tx_state(), TxState::Open, "an error ends the statement, not the transaction");
    run(&mut raw, "CREATE TABLE t (id INT)").await.unwrap_err();
    assert_eq!(raw.tx_state(), TxState::Auto, "DDL commits even where it fails");
    run(&mut raw, "SET autocommit = 0").await.unwrap();
    value(&mut raw, "SELECT COUNT(*) FROM t").await.unwrap();
    assert_eq!(raw.tx_state(), TxState::Open, "without autocommit, reading a table opens a transaction");
    raw.rollback().await.unwrap();
    raw.reset().await.unwrap();
    assert_eq!(value(&mut raw, "SELECT @@autocommit").await.unwrap(), Value::I64(1));
    raw.close().await.unwrap();
    assert_eq!(raw.ping().await.unwrap_err().kind(), ErrorKind::Interface);
    assert_eq!(raw.health(), Health::Dead);
    db.drop().await;
}

#[tokio::test]
async fn options_hold_for_one_transaction() {
    let Some(db) = database("options").await else { return };
    let mut raw = db.raw().await;
    run(&mut raw, "CREATE TABLE t (id INT)").await.unwrap();
    raw.begin(&TxOptions::new().read_only().isolation(Isolation::Serializable)).await.unwrap();
    let error = run(&mut raw, "INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_eq!((error.kind(), raw.tx_state()), (ErrorKind::ReadOnly, TxState::Open));
    assert_eq!(raw.begin(&TxOptions::new()).await.unwrap_err().kind(), ErrorKind::Interface);
    raw.commit().await.unwrap();
    run(&mut raw, "INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(raw.begin(&TxOptions::new().deferrable()).await.unwrap_err().kind(), ErrorKind::NotSupported);
    db.drop().await;
}

#[tokio::test]
async fn a_deadlock_takes_the_whole_transaction() {
    let Some(db) = database("deadlock").await else { return };
    let (one, two) = (db.connect().await, db.connect().await);
    one.script("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 0), (2, 0)").await.unwrap();
    let (first, second) = (one.begin().await.unwrap(), two.begin().await.unwrap());
    first.execute("UPDATE t SET v = 1 WHERE id = 1", ()).await.unwrap();
    // The one with less to undo is the victim.
    second.execute("UPDATE t SET v = 2 WHERE id = 2", ()).await.unwrap();
    let (left, right) = tokio::join!(
        first.execute("UPDATE t SET v = 1 WHERE id = 2", ()),
        second.execute("UPDATE t SET v = 2 WHERE id = 1", ()),
    );
    let (error, victim, survivor) = match (left, right) {
        (Err(error), Ok(_)) => (error, first, second),
        (Ok(_), Err(error)) => (error, second, first),
        both => panic!("one must fail: {both:?}"),
    };
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert!(error.is_retryable());
    let late = victim.execute("INSERT INTO t VALUES (3, 0)", ()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TransactionFailed, "nothing must run outside the transaction it was meant for");
    assert_eq!(victim.commit().await.unwrap_err().kind(), ErrorKind::TransactionFailed);
    survivor.commit().await.unwrap();
    assert_eq!(one.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap(), 2);
    db.drop().await;
}

#[tokio::test]
async fn a_reset_leaves_nothing_behind() {
    let Some(db) = database("reset").await else { return };
    for policy in ["dirty", "always"] {
        let conn = db.with("reset", policy).await;
        conn.script("CREATE TEMPORARY TABLE mine (id INT); SET @a = 1; SET SESSION sql_mode = 'ANSI_QUOTES'; SET time_zone = '+05:00'")
            .await
            .unwrap();
        let got: i64 = conn.fetch_value("SELECT GET_LOCK('oarlock_reset', 1)", ()).await.unwrap();
        assert_eq!(got, 1);
        conn.execute("USE information_schema", ()).await.unwrap();
        conn.reset().await.unwrap();
        let (var, mode, zone, name): (Option<i64>, String, String, String) =
            conn.require_one("SELECT @a, @@sql_mode, @@time_zone, DATABASE()", ()).await.unwrap();
        assert_eq!((var, zone.as_str()), (None, "+00:00"));
        assert!(!mode.contains("ANSI_QUOTES") && mode.contains("STRICT_ALL_TABLES"));
        assert_eq!(Some(name.as_str()), db.url.database());
        assert_eq!(conn.execute("SELECT * FROM mine", ()).await.unwrap_err().kind(), ErrorKind::TableNotFound);
        let free: i64 = db.connect().await.fetch_value("SELECT IS_FREE_LOCK('oarlock_reset')", ()).await.unwrap();
        assert_eq!(free, 1);
        let text: String = conn.fetch_value(r#"SELECT "a\"b""#, ()).await.unwrap();
        assert_eq!(text, "a\"b");
    }
    // Without a database at first, none is selected after a reset.
    let conn = support::connect(&db.url.clone().with_path("")).await.unwrap();
    conn.execute("USE information_schema", ()).await.unwrap();
    conn.reset().await.unwrap();
    assert_eq!(conn.fetch_value::<Option<String>>("SELECT DATABASE()", ()).await.unwrap(), None);
    db.drop().await;
}

#[tokio::test]
async fn an_abandoned_cursor_is_cleaned_up() {
    let Some(db) = database("abandoned").await else { return };
    let mut raw = db.raw().await;
    for _ in 0..3 {
        raw.start(Query::new("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000")).await.unwrap();
        let batch = poll_fn(|cx| raw.poll_fill(cx, 5)).await.unwrap().unwrap();
        assert!(batch.len() <= 5);
        let error = raw.start(Query::new("SELECT 1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interface, "a second statement is refused");
        raw.abandon();
        assert_eq!(raw.health(), Health::Recovering);
        assert_eq!(value(&mut raw, "SELECT 42").await.unwrap(), Value::I64(42));
        assert_eq!(raw.health(), Health::Ready);
    }
    db.drop().await;
}

#[tokio::test]
async fn a_future_dropped_at_any_poll_leaves_the_connection_in_step() {
    let Some(db) = database("dropped").await else { return };
    let mut raw = db.raw().await;
    run(&mut raw, "CREATE TABLE t (id INT PRIMARY KEY)").await.unwrap();
    for polls in 0..6 {
        for sql in [
            "SELECT SLEEP(0.01), 7",
            "INSERT INTO t SELECT MAX(id) + 1 FROM t HAVING SLEEP(0.01) = 0",
            "BEGIN",
            "COMMIT",
            "nonsense",
        ] {
            {
                let mut future = pin!(raw.start(Query::new(sql)));
                for _ in 0..polls {
                    let done = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await;
                    if done {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            raw.abandon();
            let number = i64::from(polls) * 100;
            assert_eq!(
                value(&mut raw, &format!("SELECT {number}")).await.unwrap(),
                Value::I64(number),
                "{sql} after {polls}"
            );
        }
        raw.rollback().await.unwrap();
        drop(raw.ping());
        {
            let mut ping = pin!(raw.ping());
            let _ = poll_fn(|cx| Poll::Ready(ping.as_mut().poll(cx).is_ready())).await;
        }
        assert_eq!(value(&mut raw, "SELECT 'mine'").await.unwrap(), Value::Text("mine".to_owned()));
    }
    db.drop().await;
}

#[tokio::test]
async fn a_dropped_batch_is_undone() {
    let Some(db) = database("dropped_batch").await else { return };
    let conn = db.connect().await;
    conn.execute("CREATE TABLE t (id INT PRIMARY KEY)", ()).await.unwrap();
    let rows: Vec<(i32,)> = (0..50_000).map(|id| (id,)).collect();
    // RETURNING, where there is one, goes row by row; either way there is time enough to drop it.
    {
        let mut batch = pin!(conn.execute_many("INSERT INTO t VALUES (?)", &rows));
        for _ in 0..3 {
            assert!(poll_fn(|cx| Poll::Ready(batch.as_mut().poll(cx).is_pending())).await);
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM t", ()).await.unwrap(), 0);
    db.drop().await;
}

#[tokio::test]
async fn a_killed_session_is_lost_and_says_so() {
    let Some(db) = database("killed").await else { return };
    let (mut raw, other) = (db.raw().await, db.connect().await);
    let Value::U64(id) = value(&mut raw, "SELECT CONNECTION_ID()").await.unwrap() else { panic!("an id is unsigned") };
    run(&mut raw, "BEGIN").await.unwrap();
    other.execute(&format!("KILL CONNECTION {id}"), ()).await.unwrap();
    let error = run(&mut raw, "SELECT 1").await.unwrap_err();
    assert_eq!((error.kind(), raw.health()), (ErrorKind::ConnectionLost, Health::Dead));
    assert_eq!(raw.commit().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
    assert_eq!(raw.tx_state(), TxState::Auto);
    assert_eq!(raw.close().await.map_err(|error| error.kind()), Ok(()));
    db.drop().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_refuses() {
    let refused = support::connect(&oarlock_core::Url::parse("mysql://root@127.0.0.1:1/x").unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let Some(db) = database("refused").await else { return };
    let missing = support::connect(&db.url.clone().with_path("/oarlock_no_such_database")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::ObjectNotFound);
    db.drop().await;
}

#[tokio::test]
async fn the_native_object_is_mysql_asyncs() {
    let Some(db) = database("native").await else { return };
    let mut raw = db.raw().await;
    let conn = raw.native().downcast_mut::<mysql_async::Conn>().unwrap();
    assert!(conn.id() > 0);
    db.drop().await;
}
