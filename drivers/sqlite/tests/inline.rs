//! Statements that run on the caller's thread, and those that must not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::{Column, Conn, Db, DbExt, ErrorKind, FromRow, Row, RowRef, TxOptions, Url};
use oarlock_sqlite::FACTORY;

/// A query that takes far more than the budget of an inline read, by loops that it could end.
const LOOPS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n";

async fn file(dir: &tempfile::TempDir, options: &str) -> Conn {
    let url = format!("sqlite:{}?synchronous=off{options}", dir.path().join("a.db").display());
    let connector = FACTORY.connector(&Url::parse(&url).unwrap(), Purpose::Single).unwrap();
    let conn = Conn::new(connector.connect().await.unwrap());
    conn.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, a TEXT)", ()).await.unwrap();
    conn
}

/// Polls a call once: what runs on the caller's thread is done then, and what does not cannot be.
fn once<T>(call: impl Future<Output = T>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Runs a statement to have it prepared, and tells whether it runs on the caller's thread from then on.
///
/// It is asked several times: a thread that has had its stint lets others run first, and a worker may be done with a
/// statement before this thread gets to look.
async fn is_inline(db: &dyn Db, sql: &str) -> bool {
    db.query(sql, ()).await.unwrap().finish().await.unwrap();
    (0..7).filter(|_| once(db.execute(sql, ())).is_some_and(|outcome| outcome.is_ok())).count() > 3
}

#[tokio::test]
async fn a_point_read_is_done_at_once_and_a_long_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    let rows: Vec<(i64, String)> = (1..=1000).map(|id| (id, format!("name {id}"))).collect();
    conn.execute_many("INSERT INTO t VALUES (?, ?)", &rows).await.unwrap();
    assert!(is_inline(&conn, "SELECT a FROM t WHERE id = 7").await);
    assert!(is_inline(&conn, "SELECT id FROM t ORDER BY id LIMIT 3").await);
    // Each pair of rows is looked at.
    assert!(!is_inline(&conn, "SELECT count(*) FROM t AS one, t AS other WHERE one.a || other.a LIKE '%9%8%7%'").await);
    assert!(!is_inline(&conn, "SELECT sum(one.id * other.id) FROM t AS one, t AS other").await);
}

#[tokio::test]
async fn a_read_past_its_budget_is_run_again_on_a_worker() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    for count in [10_i64, 200_000, 200_000, 10] {
        let rows: Vec<(i64,)> = conn.fetch_all(LOOPS, (count,)).await.unwrap();
        assert!(rows.iter().map(|row| row.0).eq(1..=count), "{count}");
    }
}

#[tokio::test]
async fn rows_that_are_lent_are_the_rows_that_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    conn.execute("INSERT INTO t VALUES (1, 'one'), (2, CAST(x'ff' AS TEXT)), (3, NULL)", ()).await.unwrap();
    // From the second time on it runs here, and lends its rows.
    for _ in 0..3 {
        let sql = "SELECT id, a FROM t WHERE id <> ? ORDER BY id";
        let lent: Vec<(i64, Option<String>)> = conn.fetch_all(sql, (2,)).await.unwrap();
        assert_eq!(lent, [(1, Some("one".to_owned())), (3, None)]);
        let kept: Vec<Row> = conn.fetch_all(sql, (2,)).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|row| row.read::<(i64, Option<String>)>().unwrap()).collect();
        assert_eq!(kept, lent);
        assert_eq!(conn.fetch_one::<(i64, String)>(sql, (0,)).await.unwrap(), Some((1, "one".to_owned())));
        assert_eq!(conn.fetch_one::<(i64, Option<String>)>(sql, (1,)).await.unwrap_err().kind(), ErrorKind::Conversion);
        // Text that is not UTF-8 is an error of its cell, if it is asked for.
        let rows = conn.fetch_all::<First>(sql, (0,)).await.unwrap();
        assert!(rows.iter().map(|row| row.0).eq(1..=3));
        let nested: Vec<Twice> = conn.fetch_all(sql, (2,)).await.unwrap();
        assert_eq!(nested[0].0.get::<i64>(0).unwrap(), nested[0].1);
        // A row that cannot be read ends the statement, and a call after it finds the connection as it was.
        let error = conn.fetch_all::<(i64, i64)>(sql, (2,)).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::Conversion, Some("a")));
        let error = conn.fetch_all::<(i64,)>(sql, (2,)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ColumnNotFound);
        let error = conn.fetch_all::<(i64,)>("UPDATE t SET id = id", ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interface);
    }
}

/// The first cell of a row.
struct First(i64);

impl FromRow for First {
    type Plan = ();

    fn plan(_: &[Column]) -> oarlock_core::Result<()> {
        Ok(())
    }

    fn from_row((): &(), row: RowRef<'_>) -> oarlock_core::Result<Self> {
        row.get(0).map(Self)
    }
}

/// A type that keeps the row beside something else, and does not say so.
struct Twice(Row, i64);

impl FromRow for Twice {
    type Plan = ();

    fn plan(_: &[Column]) -> oarlock_core::Result<()> {
        Ok(())
    }

    fn from_row((): &(), row: RowRef<'_>) -> oarlock_core::Result<Self> {
        Ok(Self(row.to_row()?, row.get(0)?))
    }
}

/// A type whose code panics, at the columns or at a row.
struct Panics<const AT_COLUMNS: bool>;

impl<const AT_COLUMNS: bool> FromRow for Panics<AT_COLUMNS> {
    type Plan = ();

    fn plan(_: &[Column]) -> oarlock_core::Result<()> {
        assert!(!AT_COLUMNS, "columns of the program's own");
        Ok(())
    }

    fn from_row((): &(), _: RowRef<'_>) -> oarlock_core::Result<Self> {
        panic!("a row of the program's own")
    }
}

#[tokio::test]
async fn a_panic_at_a_lent_row_leaves_the_connection_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let conn = Arc::new(file(&dir, "").await);
    let large = "x".repeat(200_000);
    conn.execute("INSERT INTO t VALUES (1, ?)", (large.as_str(),)).await.unwrap();
    for _ in 0..3 {
        let own = Arc::clone(&conn);
        let call = tokio::spawn(async move { own.fetch_all::<Panics<false>>("SELECT id FROM t", ()).await.map(drop) });
        assert!(call.await.unwrap_err().is_panic());
        let own = Arc::clone(&conn);
        let call = tokio::spawn(async move { own.fetch_all::<Panics<true>>("SELECT id FROM t", ()).await.map(drop) });
        assert!(call.await.unwrap_err().is_panic());
        // What a short read may meet is limited for as long as it runs.
        assert_eq!(conn.fetch_value::<String>("SELECT a FROM t", ()).await.unwrap(), large);
        assert_eq!(conn.fetch_value::<i64>("SELECT id FROM t", ()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_value_that_is_bound_makes_no_new_plan() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    conn.script("CREATE INDEX by_a ON t (a)").await.unwrap();
    let rows: Vec<(i64, &str)> = (1..=2000).map(|id| (id, if id == 7 { "rare" } else { "common" })).collect();
    conn.execute_many("INSERT INTO t VALUES (?, ?)", &rows).await.unwrap();
    conn.execute("ANALYZE", ()).await.unwrap();
    let sql = "SELECT count(*) FROM t WHERE a = ?";
    for text in ["common", "rare", "common", "rare"] {
        let count: i64 = conn.fetch_value(sql, (text,)).await.unwrap();
        assert_eq!(count, if text == "rare" { 1 } else { 1999 });
    }
    let mut lease = conn.lease().await.unwrap();
    let native = lease.connection().native().downcast_mut::<rusqlite::Connection>().unwrap();
    let statement = native.prepare_cached(sql).unwrap();
    assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
}

#[tokio::test]
async fn a_large_value_is_read_on_a_worker() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    let large = "x".repeat(200_000);
    for sql in ["INSERT INTO t (id, a) VALUES (?, ?)", "REPLACE INTO t (id, a) VALUES (?, ?)"] {
        conn.execute(sql, (1, large.as_str())).await.unwrap();
        let tx = conn.begin().await.unwrap();
        tx.execute("REPLACE INTO t (id, a) VALUES (?, ?)", (2, large.as_str())).await.unwrap();
        tx.execute("REPLACE INTO t (id, a) VALUES (?, ?)", (3, "small")).await.unwrap();
        tx.commit().await.unwrap();
    }
    for _ in 0..3 {
        for (id, length) in [(1, 200_000), (2, 200_000), (3, 5)] {
            let (text,): (String,) = conn.require_one("SELECT a FROM t WHERE id = ?", (id,)).await.unwrap();
            assert_eq!(text.len(), length);
            let found: Vec<(i64,)> =
                conn.fetch_all("SELECT id FROM t WHERE a = ? AND id = ?", (text, id)).await.unwrap();
            assert_eq!(found, [(id,)]);
        }
    }
}

/// Tells on which thread rows are changed.
async fn watch(conn: &Conn) -> Arc<Mutex<Option<ThreadId>>> {
    let seen = Arc::new(Mutex::new(None));
    let hook = Arc::clone(&seen);
    let mut lease = conn.lease().await.unwrap();
    let native = lease.connection().native().downcast_mut::<rusqlite::Connection>().unwrap();
    native
        .update_hook(Some(move |_, _: &str, _: &str, _| *hook.lock().unwrap() = Some(thread::current().id())))
        .unwrap();
    seen
}

#[tokio::test]
async fn a_short_write_runs_here_in_a_transaction_only() {
    let dir = tempfile::tempdir().unwrap();
    let here = Some(thread::current().id());
    let insert = "INSERT INTO t (a) VALUES ('x')";
    let update = "UPDATE t SET a = a || 'y'";
    for (options, short) in [("", true), ("&inline=off", false)] {
        let conn = file(&dir, options).await;
        let seen = watch(&conn).await;
        for _ in 0..3 {
            conn.execute(insert, ()).await.unwrap();
            assert_ne!(seen.lock().unwrap().take(), here, "a commit may wait for the disk");
            let tx = conn.begin().await.unwrap();
            tx.execute(insert, ()).await.unwrap();
            assert_eq!(seen.lock().unwrap().take() == here, short, "{options}");
            tx.execute(update, ()).await.unwrap();
            assert_ne!(seen.lock().unwrap().take(), here, "it takes as long as the table is large");
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn new_rows_come_back_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let insert = "INSERT INTO t (a) VALUES ('x'), ('y') RETURNING id, a";
    let copy = "INSERT INTO t (a) SELECT a FROM t WHERE id < 3 RETURNING id";
    let here = Some(thread::current().id());
    let conn = file(&dir, "").await;
    let seen = watch(&conn).await;
    for _ in 0..3 {
        conn.execute(insert, ()).await.unwrap();
        assert_ne!(seen.lock().unwrap().take(), here, "a commit may wait for the disk");
    }
    let tx = conn.begin().await.unwrap();
    for _ in 0..3 {
        tx.execute(insert, ()).await.unwrap();
        assert_eq!(seen.lock().unwrap().take(), here);
        tx.execute(copy, ()).await.unwrap();
        assert_ne!(seen.lock().unwrap().take(), here, "a table may be long");
    }
    let last: i64 = tx.fetch_value("SELECT max(id) FROM t", ()).await.unwrap();
    let rows = once(tx.fetch_all::<(i64, String)>(insert, ())).unwrap().unwrap();
    assert_eq!(rows, [(last + 1, "x".to_owned()), (last + 2, "y".to_owned())]);
    let large = &*"x".repeat(40_000);
    let two = "INSERT INTO t (a) VALUES (?), (?) RETURNING id";
    for (pair, short) in [(("x", "y"), false), (("x", large), true), ((large, large), false)] {
        assert_eq!(tx.fetch_all::<(i64,)>(two, pair).await.unwrap().len(), 2);
        assert_eq!(seen.lock().unwrap().take() == here, short, "the first time it is prepared; at last it is much");
    }
    tx.rollback().await.unwrap();

    let connector = FACTORY.connector(&Url::parse("sqlite::memory:").unwrap(), Purpose::Single).unwrap();
    let memory = Conn::new(connector.connect().await.unwrap());
    memory.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)", ()).await.unwrap();
    assert!(is_inline(&memory, insert).await, "a commit to memory is no work");
}

#[tokio::test]
async fn a_plan_that_depends_on_values_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (conn, other) = (file(&dir, "").await, file(&dir, "").await);
    conn.script("CREATE INDEX t_a ON t (a)").await.unwrap();
    let rows: Vec<(i64, &str)> = (1..=2000).map(|id| (id, if id % 100 == 0 { "rare" } else { "usual" })).collect();
    conn.execute_many("INSERT INTO t VALUES (?, ?)", &rows).await.unwrap();
    conn.execute("ANALYZE", ()).await.unwrap();
    let (select, update) = ("SELECT * FROM t WHERE a = ? AND id < 300", "UPDATE t SET a = a WHERE a = ? AND id = 100");
    for _ in 0..3 {
        for (value, count) in [("rare", 2), ("usual", 297), ("none", 0)] {
            let rows: Vec<(i64, String)> = conn.fetch_all(select, (value,)).await.unwrap();
            assert_eq!(rows.len(), count, "{value}");
            let changed = conn.execute(update, (value,)).await.unwrap().rows_affected;
            assert_eq!(changed, Some(u64::from(value == "rare")), "{value}");
        }
    }
    other.script("ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 5").await.unwrap();
    let rows: Vec<(i64, String, i64)> = conn.fetch_all(select, ("rare",)).await.unwrap();
    assert_eq!(rows, [(100, "rare".to_owned(), 5), (200, "rare".to_owned(), 5)], "the columns are looked at again");
}

#[tokio::test]
async fn a_read_only_transaction_needs_no_worker() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    let sql = "SELECT count(id) FROM t";
    conn.fetch_all::<Row>(sql, ()).await.unwrap();
    let whole = async {
        let tx = conn.begin_with(TxOptions::new().read_only()).await?;
        let rows = tx.fetch_all::<(i64,)>(sql, ()).await?;
        tx.commit().await?;
        Ok::<_, oarlock_core::Error>(rows)
    };
    assert_eq!(once(whole).unwrap().unwrap(), [(0,)]);
}

#[tokio::test]
async fn a_read_does_not_wait_here_for_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let url = "&journal_mode=delete&busy_timeout=20s";
    let (conn, other) = (file(&dir, url).await, file(&dir, url).await);
    let sql = "SELECT id FROM t WHERE id = 1";
    conn.fetch_all::<Row>(sql, ()).await.unwrap();
    other.execute("BEGIN EXCLUSIVE", ()).await.unwrap();
    let mut read = pin!(conn.fetch_all::<(i64,)>(sql, ()));
    tokio::time::timeout(Duration::from_millis(20), read.as_mut()).await.expect_err("the file is locked");
    other.execute("INSERT INTO t (id) VALUES (1)", ()).await.unwrap();
    other.execute("COMMIT", ()).await.unwrap();
    assert_eq!(read.await.unwrap(), [(1,)]);
}

#[tokio::test]
async fn a_function_of_the_users_own_is_not_taken_for_sqlites() {
    let dir = tempfile::tempdir().unwrap();
    let conn = file(&dir, "").await;
    let here = thread::current().id();
    let mut lease = conn.lease().await.unwrap();
    let native = lease.connection().native().downcast_mut::<rusqlite::Connection>().unwrap();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    native.create_scalar_function("upper", 1, flags, move |_| Ok(thread::current().id() == here)).unwrap();
    drop(lease);
    for _ in 0..3 {
        assert_eq!(conn.fetch_all::<(i64,)>("SELECT upper('a')", ()).await.unwrap(), [(0,)]);
    }
}

#[test]
fn it_works_outside_of_a_runtime() {
    // A few statements that go to workers, and some that do not, driven by nothing but a thread that parks.
    let conn = park_on(async {
        let connector = FACTORY.connector(&Url::parse("sqlite::memory:").unwrap(), Purpose::Single).unwrap();
        Conn::new(connector.connect().await.unwrap())
    });
    park_on(async {
        conn.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", ()).await.unwrap();
        conn.execute_many("INSERT INTO t VALUES (?)", [(1,), (2,)]).await.unwrap();
        for _ in 0..100 {
            let rows: Vec<(i64,)> = conn.fetch_all("SELECT id FROM t WHERE id = ?", (2,)).await.unwrap();
            assert_eq!(rows, [(2,)]);
        }
        conn.close().await.unwrap();
    });
}

fn park_on<T>(call: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut call = pin!(call);
    loop {
        if let Poll::Ready(done) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}
