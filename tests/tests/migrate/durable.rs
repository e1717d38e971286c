//! Which migrations a loss of power may take: none that a run has reported when it returned, and of a run that was still on its way,
//! the last, each whole.
//!
//! A server that is killed loses what it has not written, as it would with the power. That its log is not written by itself in the
//! meantime, its settings see to.

use std::sync::Arc;
use std::time::Duration;

use oarlock::migrate::{ErrorKind, Event, Migrator, Source};
use oarlock::{Db, DbExt};
use oarlock_conformance::Verdict;
use oarlock_test_support::{Server, ServerOptions};
use oarlock_tests::{Database, Engine, on_engines, until};
use tokio::sync::Notify;

use crate::log::{Log, traced_at};

const MIGRATIONS: usize = 30;

/// Migrations that make a table each, and the last one.
fn migrations(last: &str) -> Source {
    let plain = |number: usize| (format!("{number}_t{number}.sql"), format!("CREATE TABLE t{number} (x INT)"));
    let mut files: Vec<_> = (1..MIGRATIONS).map(plain).collect();
    files.push((format!("{MIGRATIONS}_last.sql"), last.to_owned()));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    Source::embedded("m", &files)
}

fn lazy() -> ServerOptions {
    Server::postgres().setting("wal_writer_delay", "10s").setting("wal_writer_flush_after", "1GB")
}

/// Tells how many migrations are in the history, where they are the first of all and the tables are theirs.
async fn whole(db: &dyn Db) -> usize {
    let entered: Vec<i64> = match db.fetch_all("SELECT version FROM oarlock_migrations ORDER BY version", ()).await {
        Ok(rows) => rows.into_iter().map(|(version,): (i64,)| version).collect(),
        Err(_) => Vec::new(),
    };
    let made = db.table_names(None).await.unwrap().into_iter().filter(|name| !name.starts_with("oarlock_")).count();
    assert!(entered.iter().copied().eq((1..).take(made)), "a beginning of the run, and {made} tables: {entered:?}");
    made
}

#[tokio::test]
async fn what_a_run_has_reported_outlives_the_server() {
    let Some(mut server) = lazy().start().await else { return };
    let db = oarlock::connect(&server.url()).await.unwrap();
    let report = Migrator::new(migrations("CREATE TABLE last (x INT)")).run(&db).await.unwrap();
    server.kill().await;
    assert_eq!(report.steps.len(), MIGRATIONS);
    server.start().await;
    let db = oarlock::connect(&server.url()).await.unwrap();
    assert_eq!(whole(&db).await, MIGRATIONS);
}

#[tokio::test]
async fn what_a_run_that_failed_has_left_outlives_the_server() {
    let Some(mut server) = lazy().start().await else { return };
    let db = oarlock::connect(&server.url()).await.unwrap();
    let error = Migrator::new(migrations("CREATE TABLE t1 (x INT)")).run(&db).await.unwrap_err();
    server.kill().await;
    assert_eq!(error.kind(), ErrorKind::Statement);
    server.start().await;
    let db = oarlock::connect(&server.url()).await.unwrap();
    assert_eq!(whole(&db).await, MIGRATIONS - 1);
}

#[tokio::test]
async fn a_server_that_dies_in_a_run_has_a_beginning_of_it() {
    let Some(mut server) = lazy().start().await else { return };
    let db = oarlock::connect(&server.url()).await.unwrap();
    let migrator = Migrator::new(migrations("SELECT pg_sleep(60)"));
    let (ran, sleeps) = tokio::join!(migrator.run(&db), async {
        let admin = oarlock::connect(&server.url()).await.unwrap();
        let asked = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        let sleeps = until(async || admin.fetch_value(asked, ()).await).await.unwrap();
        server.kill().await;
        sleeps
    });
    assert!(sleeps && ran.is_err(), "the last was under way");
    server.start().await;
    let db = oarlock::connect(&server.url()).await.unwrap();
    let left = whole(&db).await;
    assert!(left < MIGRATIONS - 1, "{left} were waited for, one by one");
    Migrator::new(migrations("CREATE TABLE last (x INT)")).run(&db).await.unwrap();
    assert_eq!(whole(&db).await, MIGRATIONS);
}

/// What SQLite is told, in its order, of all that decides which commits are synced.
fn syncs(log: &Log) -> Vec<String> {
    let log = log.lock().unwrap();
    let told = log.iter().filter_map(|sql| match &**sql {
        "BEGIN IMMEDIATE" => Some("begin".to_owned()),
        sql => sql.strip_prefix("PRAGMA main.synchronous = ").map(str::to_owned),
    });
    told.collect()
}

#[tokio::test]
async fn sqlite_syncs_the_last_commit_of_a_run() {
    let database = Database::make(Engine::Sqlite).await.unwrap().unwrap();
    let (db, log) = traced_at(&database.url).await;
    let files =
        [("1_a.sql", "CREATE TABLE a (x)"), ("2_b.sql", "CREATE TABLE b (x)"), ("3_c.sql", "CREATE TABLE c (x)")];
    let of = |files: &[(&str, &str)]| Migrator::new(Source::embedded("m", files));
    of(&files).run(&db).await.unwrap();
    assert_eq!(syncs(&log), ["NORMAL", "begin", "begin", "2", "begin"]);

    // A run that fails syncs what it leaves by a commit that changes nothing.
    log.lock().unwrap().clear();
    let more = [files[0], files[1], files[2], ("4_d.sql", "CREATE TABLE d (x)"), ("5_a.sql", "CREATE TABLE a (x)")];
    let and_more = [&more[..], &[("6_e.sql", "CREATE TABLE e (x)")]].concat();
    of(&and_more).run(&db).await.unwrap_err();
    assert_eq!(syncs(&log), ["NORMAL", "begin", "begin", "2", "begin"]);
    let touch = log.lock().unwrap().iter().filter(|sql| sql.contains("_journal\" (done,")).count();
    assert_eq!(touch, 1);
    assert_eq!(db.fetch_value::<i64>("SELECT COUNT(*) FROM oarlock_migrations_journal", ()).await.unwrap(), 0);

    // One that does not sync as it is set is left alone, and so is one where that would not be safe.
    for option in ["synchronous=normal", "journal_mode=delete"] {
        let database = Database::make(Engine::Sqlite).await.unwrap().unwrap();
        let (db, log) = traced_at(&format!("{}?{option}", database.url)).await;
        of(&files).run(&db).await.unwrap();
        assert_eq!(syncs(&log), ["begin"; 3], "{option}");
    }
}

/// How the session's commits wait for the disk.
async fn waits(db: &dyn Db, engine: Engine) -> oarlock::Result<String> {
    match engine {
        Engine::Postgres => db.fetch_value("SELECT current_setting('synchronous_commit')", ()).await,
        Engine::Sqlite => db.fetch_value::<i64>("PRAGMA synchronous", ()).await.map(|level| level.to_string()),
        Engine::MySql => db.fetch_value::<i64>("SELECT @@autocommit", ()).await.map(|on| on.to_string()),
    }
}

/// A session is given back as it was, whether a run ends well or not.
async fn a_session_waits_for_the_disk_as_before(database: Database) -> Verdict {
    let engine = database.engine;
    let files = ["CREATE TABLE a (x INT)", "CREATE TABLE b (x INT)", "CREATE TABLE b (x INT)"];
    let files: Vec<(String, &str)> =
        files.iter().enumerate().map(|(n, sql)| (format!("{}_a.sql", n + 1), *sql)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, sql)| (&**name, *sql)).collect();
    let db = oarlock::connect(&database.url).await?;
    match engine {
        Engine::Postgres => db.script("SET synchronous_commit = local").await?,
        Engine::Sqlite => db.script("PRAGMA synchronous = EXTRA").await?,
        Engine::MySql => {}
    }
    let before = waits(&db, engine).await?;
    Migrator::new(Source::embedded("m", &files[..2])).run(&db).await.unwrap();
    assert_eq!(waits(&db, engine).await?, before);
    Migrator::new(Source::embedded("m", &files)).run(&db).await.unwrap_err();
    assert_eq!(waits(&db, engine).await?, before);
    Ok(())
}

/// A run that is dropped on its way leaves nothing in the session: neither what it has set, nor the lock.
async fn a_session_is_as_good_as_new_after_a_run_that_was_dropped(database: Database) -> Verdict {
    let engine = database.engine;
    let slow = match engine {
        Engine::Postgres => "SELECT pg_sleep(60)",
        Engine::MySql => "DO SLEEP(60)",
        Engine::Sqlite => {
            "CREATE TABLE b AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
        }
    };
    let source = |second: &str| {
        let files = [("1_a.sql", "CREATE TABLE a (x INT)"), ("2_b.sql", second), ("3_c.sql", "CREATE TABLE c (x INT)")];
        Migrator::new(Source::embedded("m", &files)).lock_timeout(Duration::from_secs(20))
    };
    let db = oarlock::connect(&database.url).await?;
    let before = waits(&db, engine).await?;
    let at_work = Arc::new(Notify::new());
    let tell = Arc::clone(&at_work);
    let migrator = source(slow).on_event(move |event| {
        if matches!(event, Event::Statement { migration, .. } if migration.name() == "b") {
            tell.notify_one();
        }
    });
    tokio::select! {
        ran = migrator.run(&db) => panic!("it ended: {ran:?}"),
        () = at_work.notified() => {}
    }
    assert_eq!(waits(&db, engine).await?, before);
    // The session lives on, and another one gets the lock.
    let other = oarlock::connect(&database.url).await?;
    let report = source("CREATE TABLE b (x INT)").run(&other).await.unwrap();
    assert_eq!(report.steps.len(), 2, "{report:?}");
    Ok(db.close().await?)
}

on_engines! {
    a_session_waits_for_the_disk_as_before on Sqlite Postgres MySql;
    a_session_is_as_good_as_new_after_a_run_that_was_dropped on Sqlite Postgres MySql;
}
