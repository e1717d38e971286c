//! What SQLite alone has: copies of a database in use, functions and collations of the program's own, files of others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oarlock_core::factory::{DriverFactory, Purpose};
use oarlock_core::value::Value;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Result, Url};
use oarlock_sqlite::{
    Aggregate, Arguments, Backup, BackupProgress, Collation, FACTORY, Function, Location, SqliteConnector, SqliteExt,
    SqliteOptions,
};
use tempfile::TempDir;
use tokio::sync::mpsc;

async fn open(url: &str) -> Result<Conn> {
    let connector = FACTORY.connector(&Url::parse(url).unwrap(), Purpose::Single).unwrap();
    connector.connect().await.map(Conn::new)
}

async fn with(options: SqliteOptions) -> Conn {
    Conn::new(Box::new(SqliteConnector::new(options, Purpose::Single).open().await.unwrap()))
}

/// A directory, and the URL of a file in it.
fn place() -> (TempDir, PathBuf, String) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("here.db");
    let url = format!("sqlite:{}", path.display());
    (directory, path, url)
}

/// Makes a table with rows of about a page each.
async fn fill(db: &dyn Db, rows: i64) {
    db.script("CREATE TABLE cargo (id INTEGER PRIMARY KEY, load BLOB NOT NULL)").await.unwrap();
    let rows: Vec<(i64,)> = (1..=rows).map(|id| (id,)).collect();
    db.execute_many("INSERT INTO cargo VALUES (?, zeroblob(3500))", rows).await.unwrap();
}

async fn count(db: &dyn Db) -> i64 {
    db.fetch_value("SELECT count(*) FROM cargo", ()).await.unwrap()
}

async fn count_in(path: &Path) -> i64 {
    let conn = open(&format!("sqlite:{}?mode=ro", path.display())).await.unwrap();
    assert_eq!(conn.fetch_value::<String>("PRAGMA integrity_check", ()).await.unwrap(), "ok");
    count(&conn).await
}

#[tokio::test]
async fn a_copy_is_the_database_as_it_was_at_its_beginning() {
    let (directory, _, url) = place();
    let (conn, writer) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    fill(&conn, 200).await;
    let copy = directory.path().join("copy.db");
    let seen: Arc<Mutex<Vec<BackupProgress>>> = Arc::default();
    let (tell, mut told) = mpsc::unbounded_channel();
    let notes = Arc::clone(&seen);
    let backup = Backup::new().pages(10).pause(Duration::from_millis(1)).progress(move |at| {
        notes.lock().unwrap().push(at);
        let _ = tell.send(());
    });
    let copying = conn.backup_to(&copy, backup);
    let writing = async {
        // In the midst of it, and not waiting for it.
        told.recv().await.unwrap();
        writer.execute("DELETE FROM cargo WHERE id > 50", ()).await.unwrap();
    };
    let (copied, ()) = tokio::join!(copying, writing);
    copied.unwrap();
    assert_eq!((count_in(&copy).await, count(&conn).await), (200, 50));
    let seen = seen.lock().unwrap().clone();
    assert!(seen.len() > 10, "{} steps", seen.len());
    assert!(seen.is_sorted_by_key(|at| at.copied));
    assert_eq!(seen.last().map(|at| (at.copied, at.total > 200)), seen.last().map(|at| (at.total, true)));
    // A second copy takes the place of the first.
    conn.backup_to(&copy, Backup::new()).await.unwrap();
    assert_eq!(count_in(&copy).await, 50);
    conn.execute("INSERT INTO cargo VALUES (999, '')", ()).await.unwrap();
}

#[tokio::test]
async fn a_copy_that_is_dropped_leaves_nothing_and_harms_nothing() {
    let (directory, _, url) = place();
    let conn = open(&url).await.unwrap();
    fill(&conn, 200).await;
    let (new, old) = (directory.path().join("new.db"), directory.path().join("old.db"));
    let other = open(&format!("sqlite:{}", old.display())).await.unwrap();
    fill(&other, 3).await;
    for path in [&new, &old] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let backup = Backup::new().pages(1).pause(Duration::from_millis(1)).progress(move |_| {
            let _ = tell.send(());
        });
        let copying = conn.backup_to(path, backup);
        tokio::select! {
            copied = copying => panic!("it came to its end: {copied:?}"),
            _ = told.recv() => {}
        }
        // The next call waits until the copy has stopped.
        assert_eq!(count(&conn).await, 200);
    }
    assert!(!new.exists(), "half a copy could be taken for one");
    assert_eq!(count(&other).await, 3);
    other.execute("DELETE FROM cargo", ()).await.unwrap();
    conn.backup_to(&new, Backup::new()).await.unwrap();
    assert_eq!(count_in(&new).await, 200);
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused() {
    let (directory, path, url) = place();
    let conn = open(&url).await.unwrap();
    fill(&conn, 1).await;
    let copy = directory.path().join("copy.db");
    let itself = conn.backup_to(&path, Backup::new()).await.unwrap_err();
    assert_eq!(itself.kind(), ErrorKind::Interface, "{itself}");
    assert_eq!(conn.restore_from(&path, Backup::new()).await.unwrap_err().kind(), ErrorKind::Interface);
    assert_eq!(conn.backup_into(&conn, Backup::new()).await.unwrap_err().kind(), ErrorKind::Interface);
    let again = open(&url).await.unwrap();
    let twice = conn.backup_into(&again, Backup::new()).await.unwrap_err();
    assert_eq!(twice.message(), "both connections have the same database");
    assert_eq!(count(&again).await, 1);
    let tx = conn.begin().await.unwrap();
    let inside = tx.backup_to(&copy, Backup::new()).await.unwrap_err();
    assert_eq!(inside.kind(), ErrorKind::Interface, "{inside}");
    tx.commit().await.unwrap();
    let nowhere = conn.backup_to(directory.path().join("no/such.db"), Backup::new()).await.unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Io, "{nowhere}");
    let missing = conn.restore_from(&copy, Backup::new()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io, "{missing}");
    assert!(!copy.exists());
    assert_eq!(count(&conn).await, 1);
}

#[tokio::test]
async fn a_database_in_memory_is_copied_both_ways() {
    let (directory, path, url) = place();
    let memory = open("sqlite::memory:").await.unwrap();
    fill(&memory, 5).await;
    memory.backup_to(&path, Backup::new()).await.unwrap();
    assert_eq!(count_in(&path).await, 5);

    let another = open("sqlite::memory:").await.unwrap();
    another.script("CREATE TABLE other (id INTEGER)").await.unwrap();
    another.restore_from(&path, Backup::new()).await.unwrap();
    assert_eq!(count(&another).await, 5);
    assert_eq!(another.table_names(None).await.unwrap(), ["cargo"]);

    // Over an open connection, whose statements then see the new content.
    memory.execute("DELETE FROM cargo WHERE id > 2", ()).await.unwrap();
    let (file, second) = (open(&url).await.unwrap(), open(&url).await.unwrap());
    assert_eq!((count(&file).await, count(&second).await), (5, 5));
    memory.backup_into(&file, Backup::new()).await.unwrap();
    assert_eq!((count(&file).await, count(&second).await), (2, 2));
    file.execute("INSERT INTO cargo VALUES (77, '')", ()).await.unwrap();
    assert_eq!(count(&second).await, 3);
    drop(directory);
}

#[tokio::test]
async fn a_copy_over_a_locked_database_gives_up_in_time() {
    let (_directory, _, url) = place();
    let memory = open("sqlite::memory:").await.unwrap();
    fill(&memory, 5).await;
    let locked = open(&format!("{url}?busy_timeout=50ms")).await.unwrap();
    let holder = open(&url).await.unwrap();
    let tx = holder.begin().await.unwrap();
    tx.script("CREATE TABLE held (id INTEGER)").await.unwrap();
    let late = memory.backup_into(&locked, Backup::new()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LockTimeout, "{late}");
    tx.commit().await.unwrap();
    assert_eq!(locked.table_names(None).await.unwrap(), ["held"]);
    assert_eq!(count(&memory).await, 5);
}

/// The longest text of a group.
#[derive(Default)]
struct Longest(Option<String>);

impl Aggregate for Longest {
    fn step(&mut self, arguments: &Arguments<'_>) -> Result<()> {
        let text: String = arguments.get(0)?;
        if self.0.as_ref().is_none_or(|longest| longest.len() < text.len()) {
            self.0 = Some(text);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Value> {
        Ok(self.0.map_or(Value::Null, Value::Text))
    }
}

fn functions() -> SqliteOptions {
    SqliteOptions::new(Location::Memory)
        .function(Function::scalar("plus", Function::VARIADIC, |arguments| {
            (0..arguments.len()).map(|index| arguments.get::<i64>(index)).sum::<Result<i64>>()
        }))
        .function(
            Function::scalar("slug", 1, |arguments| {
                Ok(arguments.get::<Option<String>>(0)?.map(|text| text.to_lowercase().replace(' ', "-")))
            })
            .deterministic()
            .innocuous(),
        )
        .function(Function::scalar("upper", 1, |arguments| Ok(format!("<{}>", arguments.get::<String>(0)?))))
        .function(Function::scalar("stumble", 0, |_| -> Result<i64> { panic!("over a rope") }))
        .function(Function::aggregate("longest", 1, Longest::default))
        .collation(Collation::new("backwards", |a, b| b.cmp(a)))
}

async fn see_functions(conn: &Conn) {
    assert_eq!(conn.fetch_value::<i64>("SELECT plus()", ()).await.unwrap(), 0);
    assert_eq!(conn.fetch_value::<i64>("SELECT plus(1, ?, 3)", (2,)).await.unwrap(), 6);
    assert_eq!(conn.fetch_value::<String>("SELECT slug('Big Oar')", ()).await.unwrap(), "big-oar");
    assert_eq!(conn.fetch_value::<Option<String>>("SELECT slug(NULL)", ()).await.unwrap(), None);
    // SQLite's own would have run on the caller's thread.
    assert_eq!(conn.fetch_value::<String>("SELECT upper(?)", ("a",)).await.unwrap(), "<a>");
    let longest = "SELECT longest(column1) FROM (VALUES ('a'), ('ccc'), ('bb')) WHERE column1 <> ?";
    assert_eq!(conn.fetch_value::<Option<String>>(longest, ("ccc",)).await.unwrap().as_deref(), Some("bb"));
    let none = "SELECT longest(column1) FROM (VALUES ('a')) WHERE column1 = 'b'";
    assert_eq!(conn.fetch_value::<Option<String>>(none, ()).await.unwrap(), None);
    let sorted = "SELECT column1 FROM (VALUES ('a'), ('c'), ('b')) ORDER BY column1 COLLATE backwards";
    let sorted: Vec<(String,)> = conn.fetch_all(sorted, ()).await.unwrap();
    assert_eq!(sorted.iter().map(|row| &*row.0).collect::<Vec<_>>(), ["c", "b", "a"]);
}

#[tokio::test]
async fn functions_and_collations_are_there_and_outlive_a_reset() {
    let conn = with(functions()).await;
    see_functions(&conn).await;
    conn.execute("PRAGMA query_only = on", ()).await.unwrap();
    conn.reset().await.unwrap();
    see_functions(&conn).await;

    let (_directory, path, _) = place();
    let mut options = functions();
    options.location = Location::File(path);
    let conn = with(options).await;
    conn.execute("CREATE TEMPORARY TABLE scratch (id INTEGER)", ()).await.unwrap();
    conn.reset().await.unwrap();
    see_functions(&conn).await;
}

#[tokio::test]
async fn all_connections_of_a_pool_have_them() {
    let connector = SqliteConnector::new(functions(), Purpose::Pool);
    let (one, two) = (connector.open().await.unwrap(), connector.open().await.unwrap());
    for conn in [Conn::new(Box::new(one)), Conn::new(Box::new(two))] {
        see_functions(&conn).await;
    }
}

#[tokio::test]
async fn what_a_function_refuses_is_the_statements_error() {
    let conn = with(functions()).await;
    let wrong = conn.fetch_value::<i64>("SELECT plus(1, 'two')", ()).await.unwrap_err();
    assert_eq!(
        (wrong.kind(), wrong.message()),
        (ErrorKind::Database, "function plus: argument 1: expected i64, found text")
    );
    let panicked = conn.fetch_value::<i64>("SELECT stumble()", ()).await.unwrap_err();
    assert_eq!(panicked.kind(), ErrorKind::Database, "{panicked:?}");
    let arity = conn.fetch_value::<String>("SELECT slug('a', 'b')", ()).await.unwrap_err();
    assert!(arity.message().contains("slug"), "{arity}");
    see_functions(&conn).await;
}

#[tokio::test]
async fn what_stands_in_the_file_calls_innocuous_functions_only() {
    let conn = with(functions()).await;
    conn.script("CREATE TABLE boat (name TEXT); CREATE INDEX boat_slug ON boat (slug(name))").await.unwrap();
    conn.execute("INSERT INTO boat VALUES ('Big Oar')", ()).await.unwrap();
    let sql = "SELECT name FROM boat WHERE slug(name) = 'big-oar'";
    assert_eq!(conn.fetch_value::<String>(sql, ()).await.unwrap(), "Big Oar");
    conn.script("CREATE VIEW sum AS SELECT plus(1, 2) AS n").await.unwrap();
    let unsafe_use = conn.fetch_value::<i64>("SELECT n FROM sum", ()).await.unwrap_err();
    assert!(unsafe_use.message().contains("plus"), "{unsafe_use}");
}

#[tokio::test]
async fn a_damaged_file_is_found_out_where_nothing_is_trusted() {
    let (_directory, path, url) = place();
    let conn = open(&format!("{url}?journal_mode=delete")).await.unwrap();
    fill(&conn, 50).await;
    conn.close().await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    drop(open(&format!("{url}?trusted=nothing")).await.unwrap());

    // The pointer of a page's first cell leads out of the page.
    let mut damaged = whole.clone();
    let page = &mut damaged[4096..8192];
    page[8..12].fill(0xff);
    std::fs::write(&path, &damaged).unwrap();
    let error = open(&format!("{url}?trusted=nothing")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    assert!(error.message().starts_with("the database file"), "{error}");
    std::fs::write(&path, vec![0x5a; 8192]).unwrap();
    assert_eq!(open(&format!("{url}?trusted=nothing")).await.unwrap_err().kind(), ErrorKind::Io);
    std::fs::write(&path, &whole).unwrap();

    let conn = open(&format!("{url}?trusted=nothing")).await.unwrap();
    assert_eq!(conn.fetch_value::<String>("PRAGMA journal_mode", ()).await.unwrap(), "delete", "it is left as it is");
    assert_eq!(count(&conn).await, 50);
}

#[tokio::test]
async fn a_file_that_is_not_trusted_attaches_nothing_and_writes_no_internals() {
    let (directory, _, url) = place();
    let conn = open(&format!("{url}?trusted=nothing")).await.unwrap();
    fill(&conn, 3).await;
    let other = directory.path().join("other.db");
    for _ in 0..2 {
        let sql = format!("ATTACH '{}' AS other", other.display());
        let denied = conn.execute(&sql, ()).await.unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::PermissionDenied, "{denied:?}");
        assert_eq!(
            denied.to_string(),
            "attaching a database is not allowed on this connection (it was opened with trusted=nothing)"
        );
        conn.reset().await.unwrap();
    }
    let bound = conn.execute("ATTACH ? AS other", (other.display().to_string(),)).await.unwrap_err();
    assert_eq!(bound.kind(), ErrorKind::PermissionDenied, "{bound:?}");
    assert!(!other.exists());
    conn.script("PRAGMA writable_schema = on").await.unwrap();
    assert!(conn.execute("UPDATE sqlite_schema SET sql = 'nonsense'", ()).await.is_err());
    conn.reset().await.unwrap();
    conn.execute("VACUUM", ()).await.unwrap();
    assert_eq!(count(&conn).await, 3);
}
