//! The runner is killed: at each of its calls, before the server has it or after it is done, and the next run finishes.
//!
//! What is killed is the connection, without a goodbye, with all that stands on it: to the server it is a killed process. Some
//! runs are processes indeed, which a signal ends.

use std::future::{pending, poll_fn};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use oarlock::connection::{BoxFuture, Query};
use oarlock::decorate::{Decorate, Decorated};
use oarlock::factory::{Purpose, find};
use oarlock::lex::split;
use oarlock::migrate::{ErrorKind, Migrator, Source, State, Version};
use oarlock::{Conn, Connection, Db, DbExt, DriverFactory, TxOptions, TxState, Url};
use oarlock_conformance::Verdict;
use oarlock_tests::{Database, Dice, Engine, is_full, on_engines, report, until};
use tokio::sync::Notify;

use crate::history::{contents, source};

/// On which side of the call the runner dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// How long a connection lives, and whether its journal is kept.
struct Life {
    /// Calls that were made.
    calls: AtomicUsize,
    /// The call at which it dies, from 1.
    last: usize,
    side: Side,
    dead: Notify,
    /// What is written to the journal is lost.
    forgets: bool,
    /// It dies between messages only, or while the server is at work on one, and not between the statements of one.
    sends_whole: bool,
    /// The process dies with it.
    is_a_process: bool,
}

impl Life {
    fn new(last: usize, side: Side) -> Arc<Self> {
        Arc::new(Self::until(last, side))
    }

    fn until(last: usize, side: Side) -> Self {
        let (calls, dead) = (AtomicUsize::new(0), Notify::new());
        Self { calls, last, side, dead, forgets: false, sends_whole: false, is_a_process: false }
    }

    /// Makes a call, and does not come back from the last.
    async fn call<T>(&self, call: impl Future<Output = oarlock::Result<T>>) -> oarlock::Result<T> {
        let last = self.calls.fetch_add(1, Ordering::Relaxed) + 1 == self.last;
        if last && self.side == Side::Before {
            self.die().await
        } else {
            let result = call.await;
            if last { self.die().await } else { result }
        }
    }

    async fn die(&self) -> ! {
        if self.is_a_process {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        self.dead.notify_one();
        pending::<()>().await;
        unreachable!("a pending future does not end")
    }
}

/// What is run in the place of what would be written to the journal.
const FORGOTTEN: &str = "DELETE FROM oarlock_migrations WHERE 0 = 1";

/// Tells whether a text only writes how long a migration took. It does where that was long, so it is not counted.
fn is_timed(sql: &str) -> bool {
    sql.starts_with("UPDATE ") && sql.contains(" SET duration_ms = ")
}

fn writes_journal(sql: &str) -> bool {
    let words: Vec<&str> = sql.split_whitespace().take(3).collect();
    words.iter().any(|word| word.contains("_journal")) && words[0] != "CREATE"
}

/// A connection that dies at a call.
struct Mortal {
    connection: Box<dyn Connection>,
    life: Arc<Life>,
}

impl Decorate for Mortal {
    fn inner(&self) -> &dyn Connection {
        &*self.connection
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut *self.connection
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        let life = Arc::clone(&self.life);
        let is_last = life.calls.load(Ordering::Relaxed) + 1 == life.last;
        Box::pin(async move {
            let start = async {
                self.connection.start(query).await?;
                if is_last && life.side == Side::After {
                    poll_fn(|cx| self.connection.poll_finish(cx)).await?;
                }
                Ok(())
            };
            life.call(start).await
        })
    }

    /// A script goes to the server statement by statement, so that it can die between any two, unless messages are to stay whole.
    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        let life = Arc::clone(&self.life);
        Box::pin(async move {
            if is_timed(text) {
                return self.connection.script(text).await;
            }
            if life.sends_whole {
                return life.call(self.connection.script(text)).await;
            }
            let dialect = self.connection.info().dialect;
            for span in split(text, &dialect) {
                let sql = span.text(text);
                let sql = if life.forgets && writes_journal(sql) { FORGOTTEN } else { sql };
                let ran = life.call(self.connection.script(sql)).await;
                ran.map_err(|error| {
                    let place = span.start + error.position().unwrap_or(0);
                    error.with_position(place)
                })?;
            }
            Ok(())
        })
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        let life = Arc::clone(&self.life);
        Box::pin(async move { life.call(self.connection.begin(options)).await })
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        let life = Arc::clone(&self.life);
        Box::pin(async move { life.call(self.connection.commit()).await })
    }
}

fn driver(engine: Engine) -> &'static dyn DriverFactory {
    match engine {
        Engine::Sqlite => &oarlock_sqlite::SqliteFactory,
        Engine::Postgres => &oarlock_postgres::PostgresFactory,
        Engine::MySql => &oarlock_mysql::MysqlFactory,
    }
}

/// Migrates on a connection that dies; tells whether it lived to the end.
async fn run(database: &Database, life: &Arc<Life>) -> oarlock::Result<bool> {
    run_at(database.engine, &database.url, life).await
}

async fn run_at(engine: Engine, url: &str, life: &Arc<Life>) -> oarlock::Result<bool> {
    run_of(source(engine), engine, url, life).await
}

async fn run_of(source: Source, engine: Engine, url: &str, life: &Arc<Life>) -> oarlock::Result<bool> {
    let url = Url::parse(url)?;
    let driver = find(url.scheme()).unwrap_or_else(|| driver(engine));
    let connection = driver.connector(&url, Purpose::Single)?.connect().await?;
    let conn = Conn::new(Box::new(Decorated(Mortal { connection, life: Arc::clone(life) })));
    let migrator = Migrator::new(source).lock_timeout(Duration::from_secs(20));
    tokio::select! {
        ran = migrator.run(&conn) => {
            ran?;
            conn.close().await?;
            Ok(true)
        }
        () = life.dead.notified() => Ok(false),
    }
}

async fn found(database: &Database) -> oarlock::Result<String> {
    let db = oarlock::connect(&database.url).await?;
    let left: i64 = db.fetch_value("SELECT COUNT(*) FROM oarlock_migrations_journal", ()).await?;
    assert_eq!(left, 0, "lines are left in the journal");
    let found = contents(&db, database.engine).await?;
    db.close().await?;
    Ok(found)
}

/// Migrates without an interruption; gives what is in the database then, and the number of calls.
async fn reference(database: &Database) -> oarlock::Result<(String, usize)> {
    let life = Life::new(0, Side::Before);
    assert!(run(database, &life).await?, "nobody dies");
    Ok((found(database).await?, life.calls.load(Ordering::Relaxed)))
}

fn same(found: &str, wanted: &str, killed: &str) {
    if found != wanted {
        let line = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
        panic!("killed {killed}, the database differs; the first line found and wanted: {line:#?}");
    }
}

/// Each run is killed some calls after its beginning, until one lives to the end.
async fn a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been(database: Database) -> Verdict {
    let (wanted, _) = reference(&database).await?;
    let mut killed = 0;
    let seeds = if is_full() { 25 } else { 1 };
    for (side, seed) in (1..=seeds).flat_map(|seed| [(Side::Before, seed), (Side::After, seed)]) {
        let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
        let mut dice = Dice::new(seed);
        let mut last = 0;
        while !run(&database, &Life::new(last + 1, side)).await? {
            killed += 1;
            assert!(killed < 6000, "no progress is made");
            last = usize::try_from(3 + dice.below(36)).unwrap_or(3);
        }
        same(&found(&database).await?, &wanted, &format!("again and again {side:?} its calls"));
        database.remove().await?;
    }
    report(&format!("migrations on {:?}: {killed} kills, one after the other", database.engine));
    Ok(())
}

/// A run is killed once, at each of its calls; in a full run of the proofs that is all of them.
async fn a_run_that_is_killed_once_is_finished_by_the_next(database: Database) -> Verdict {
    let (wanted, calls) = reference(&database).await?;
    let step = if is_full() { 1 } else { calls / 3 };
    let mut killed = 0;
    for last in (1..=calls).rev().step_by(step) {
        for side in [Side::Before, Side::After] {
            let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
            assert!(!run(&database, &Life::new(last, side)).await?, "call {last} of {calls} is reached");
            let finished = run(&database, &Life::new(0, side)).await;
            let place = format!("{side:?} call {last} of {calls}");
            finished.unwrap_or_else(|error| panic!("killed {place}, the next run fails: {error}"));
            same(&found(&database).await?, &wanted, &place);
            killed += 1;
            database.remove().await?;
        }
    }
    report(&format!("migrations on {:?}: {killed} kills, each in a database of its own", database.engine));
    Ok(())
}

/// The variable by which a process knows where it dies: the engine, the call, and the URL.
const KILLED: &str = "OARLOCK_TEST_KILLED";

/// As before, with processes that are killed by a signal.
async fn a_process_that_is_killed_again_and_again_is_finished_by_the_next(database: Database) -> Verdict {
    let (wanted, calls) = reference(&database).await?;
    let me = std::env::current_exe().expect("the test has a file");
    let mut killed = 0;
    for (seed, side) in [(31, Side::Before), (32, Side::After)] {
        let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
        let most = if is_full() { 36 } else { u64::try_from(calls / 4).unwrap_or(36) };
        let mut dice = Dice::new(seed);
        loop {
            let last = 4 + dice.below(most);
            let mut child = Command::new(&me);
            child.args(["--exact", "interrupted::a_process_that_is_killed", "--ignored", "--nocapture"]);
            child.env(KILLED, format!("{:?} {side:?} {last} {}", database.engine, database.url));
            let ended = tokio::task::spawn_blocking(move || child.output())
                .await
                .expect("no panic")
                .expect("the test starts again");
            if ended.status.success() {
                break;
            }
            let said = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(ended.status.signal(), Some(9), "{said}{}", String::from_utf8_lossy(&ended.stderr));
            killed += 1;
            assert!(killed < 3000, "no progress is made");
        }
        same(&found(&database).await?, &wanted, &format!("again and again {side:?} its calls, as a process"));
        database.remove().await?;
    }
    assert!(killed > 4, "{killed} processes were killed");
    report(&format!("migrations on {:?}: {killed} processes killed, one after the other", database.engine));
    Ok(())
}

#[tokio::test]
#[ignore = "it is killed: the test above runs it in a process of its own"]
async fn a_process_that_is_killed() {
    let Ok(told) = std::env::var(KILLED) else { return };
    let [engine, side, last, url] = told.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let engine = Engine::ALL.into_iter().find(|known| format!("{known:?}") == engine).unwrap();
    let side = if side == "Before" { Side::Before } else { Side::After };
    let life =
        Life { is_a_process: true, sends_whole: side == Side::Before, ..Life::until(last.parse().unwrap(), side) };
    assert!(run_at(engine, url, &Arc::new(life)).await.unwrap(), "who is killed says nothing");
}

/// The runner goes away while the server is at work on a statement, which may be stopped by that, or go on to its end.
async fn what_the_server_was_at_work_on_is_done_once(database: Database) -> Verdict {
    let (change, at_work) = match database.engine {
        Engine::Postgres => (
            "-- oarlock: no-transaction\nCREATE INDEX CONCURRENTLY a_x ON a (x)",
            "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
        ),
        _ => (
            "ALTER TABLE a ADD COLUMN y INT",
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND STATE LIKE 'Waiting for table metadata%'",
        ),
    };
    let files =
        [("1_a.sql", "CREATE TABLE a (x INT)"), ("2_change.sql", change), ("3_b.sql", "CREATE TABLE b (x INT)")];
    let migrator = Migrator::new(Source::embedded("m", &files));
    let admin = oarlock::connect(&database.url).await?;
    migrator.up(&admin, Version::new(1)).await.unwrap();

    let other = oarlock::connect(&database.url).await?;
    let in_the_way = other.begin().await?;
    in_the_way.execute("INSERT INTO a (x) VALUES (1)", ()).await?;
    let runner = {
        let (migrator, url) = (migrator.clone(), database.url.clone());
        tokio::spawn(async move { migrator.run(&oarlock::connect(&url).await.unwrap()).await })
    };
    let begun = until(async || Ok(admin.fetch_value::<i64>(at_work, ()).await? > 0)).await?;
    assert!(begun, "the server is at work");
    runner.abort();
    assert!(runner.await.unwrap_err().is_cancelled(), "the runner is gone");
    in_the_way.commit().await?;

    let steps = migrator.run(&admin).await.unwrap_or_else(|error| panic!("{error:?}")).steps;
    assert_eq!(steps.iter().map(|step| &*step.title).collect::<Vec<_>>(), ["2_change", "3_b"]);
    let changed = match database.engine {
        Engine::Postgres => "SELECT count(*) FROM pg_index WHERE indrelid = CAST('a' AS regclass) AND indisvalid",
        _ => {
            "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'a' \
             AND COLUMN_NAME = 'y'"
        }
    };
    assert_eq!(admin.fetch_value::<i64>(changed, ()).await?, 1);
    assert_eq!(admin.fetch_value::<i64>(&at_work.replace("Waiting", "-"), ()).await?, 0, "nothing half done is left");
    Ok(())
}

/// A whole transaction may be one message: who goes away while the server is at work on it leaves none open.
async fn a_script_that_nobody_waits_for_leaves_no_transaction(database: Database) -> Verdict {
    let (begin, slow) = match database.engine {
        Engine::Sqlite => (
            "BEGIN IMMEDIATE",
            "INSERT INTO a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT max(i) FROM n",
        ),
        Engine::Postgres => ("BEGIN", "INSERT INTO a SELECT 2 FROM pg_sleep(60)"),
        Engine::MySql => ("START TRANSACTION", "INSERT INTO a SELECT SLEEP(60)"),
    };
    let conn = oarlock::connect(&database.url).await?;
    conn.execute("CREATE TABLE a (x BIGINT)", ()).await?;
    for _ in 0..3 {
        let script = format!("{begin}; INSERT INTO a VALUES (1); {slow}; COMMIT");
        let waited = tokio::time::timeout(Duration::from_millis(100), conn.script(&script)).await;
        assert!(waited.is_err(), "the server is at work: {waited:?}");
        assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM a", ()).await?, 0, "nothing remains");
        assert_eq!(conn.lease().await?.connection().tx_state(), TxState::Auto);
        conn.script(&format!("{begin}; INSERT INTO a VALUES (1); DELETE FROM a; COMMIT")).await?;
    }
    let failed =
        conn.script(&format!("{begin}; INSERT INTO a VALUES (1); INSERT INTO nowhere VALUES (1); COMMIT")).await;
    let place = begin.len() + "; INSERT INTO a VALUES (1); ".len();
    let error = failed.unwrap_err();
    let told = error.position().expect("the place of the statement that failed");
    assert!((place..place + 20).contains(&told), "{told}: {error:?}");
    conn.rollback().await?;
    assert_eq!(conn.fetch_value::<i64>("SELECT COUNT(*) FROM a", ()).await?, 0);
    Ok(())
}

/// An account is the server's, and others make theirs meanwhile.
async fn an_account_is_made_once(database: Database) -> Verdict {
    let admin = oarlock::connect(&database.url).await?;
    let name = database.url.rsplit('/').next().unwrap_or_default().to_owned();
    let [ours, theirs] = ["a", "b"].map(|end| format!("{name}{end}"));
    let text = format!("CREATE USER '{ours}'@'localhost' IDENTIFIED BY 'secret'");
    let files = [("1_a.sql", "CREATE TABLE a (x INT)"), ("2_account.sql", &*text)];
    let source = Source::embedded("m", &files);
    let mut killed = 0;
    'lives: for last in 1.. {
        for side in [Side::Before, Side::After] {
            let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
            let lived = run_of(source.clone(), database.engine, &database.url, &Life::new(last, side)).await?;
            admin.execute(&format!("CREATE USER '{theirs}'@'localhost'"), ()).await?;
            let finished = run_of(source.clone(), database.engine, &database.url, &Life::new(0, side)).await;
            let made: i64 =
                admin.fetch_value("SELECT COUNT(*) FROM mysql.user WHERE User = ?", (ours.as_str(),)).await?;
            for account in [&ours, &theirs] {
                admin.execute(&format!("DROP USER IF EXISTS '{account}'@'localhost'"), ()).await?;
            }
            finished.unwrap_or_else(|error| panic!("killed {side:?} call {last}, the next run fails: {error:?}"));
            assert_eq!(made, 1, "killed {side:?} call {last}");
            database.remove().await?;
            if lived {
                break 'lives;
            }
            killed += 1;
        }
    }
    assert!(killed > 20, "{killed} kills");
    Ok(())
}

/// Migrations of which the journal has one line.
const SERIES: [(&str, &str); 5] = [
    ("1_a.sql", "CREATE TABLE a (x INT PRIMARY KEY)"),
    ("2_b.sql", "CREATE TABLE b (x INT, FOREIGN KEY (x) REFERENCES a (x))"),
    ("3_c.sql", "CREATE TABLE c (x INT)"),
    ("4_d.sql", "CREATE TABLE d (x INT)"),
    ("5_row.sql", "INSERT INTO a VALUES (1)"),
];

async fn a_series_of_tables_that_is_killed_once_is_finished_by_the_next(database: Database) -> Verdict {
    let source = Source::embedded("m", &SERIES);
    assert!(run_of(source.clone(), database.engine, &database.url, &Life::new(0, Side::Before)).await?);
    let wanted = found(&database).await?;
    let mut killed = 0;
    'lives: for last in 1.. {
        for side in [Side::Before, Side::After] {
            let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
            let lived = run_of(source.clone(), database.engine, &database.url, &Life::new(last, side)).await?;
            let admin = oarlock::connect(&database.url).await?;
            let place = format!("{side:?} call {last}");
            let looked = Migrator::new(source.clone()).status(&admin).await;
            let looked = looked.unwrap_or_else(|error| panic!("killed {place}, the status fails: {error}"));
            let interrupted = looked.entries.iter().filter(|entry| entry.state == State::Interrupted).count();
            assert!(interrupted <= 1, "killed {place}, {interrupted} are told to be interrupted");
            let has_history = looked.entries.iter().any(|entry| entry.state == State::Applied);
            if side == Side::After && has_history {
                // It has the lock, too, and leaves what was interrupted to the next run.
                let repaired = Migrator::new(source.clone()).repair(&admin).await;
                assert_eq!(repaired.unwrap_or_else(|error| panic!("killed {place}: {error}")), [""; 0]);
            }
            let finished = run_of(source.clone(), database.engine, &database.url, &Life::new(0, side)).await;
            finished.unwrap_or_else(|error| panic!("killed {place}, the next run fails: {error}"));
            same(&found(&database).await?, &wanted, &place);
            database.remove().await?;
            if lived {
                break 'lives;
            }
            killed += 1;
        }
    }
    assert!(killed > 30, "{killed} kills");
    Ok(())
}

/// A table of somebody else's is no sign that a migration of a series ran.
async fn a_table_that_was_there_before_is_not_taken_for_the_migrations_own(database: Database) -> Verdict {
    let source = Source::embedded("m", &SERIES);
    let mut killed = 0;
    'lives: for last in 1.. {
        for side in [Side::Before, Side::After] {
            let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
            let admin = oarlock::connect(&database.url).await?;
            admin.execute("CREATE TABLE c (other INT)", ()).await?;
            let ran = run_of(source.clone(), database.engine, &database.url, &Life::new(last, side)).await;
            let refused = ran.is_err();
            let place = format!("{side:?} call {last}");
            let error = Migrator::new(source.clone()).run(&admin).await.unwrap_err();
            assert_eq!((error.kind(), error.migration()), (ErrorKind::Statement, Some("3_c")), "killed {place}");
            let left: i64 = admin.fetch_value("SELECT COUNT(*) FROM oarlock_migrations_journal", ()).await?;
            // What goes on from an interruption is by itself, and its line says then that nothing of it has run.
            assert!(left == 0 || !refused, "the journal after a statement that did nothing");
            let other: i64 = admin.fetch_value("SELECT COUNT(other) FROM c", ()).await?;
            assert_eq!(other, 0, "killed {place}: it stays as it was");
            admin.execute("DROP TABLE c", ()).await?;
            let finished = Migrator::new(source.clone()).run(&admin).await;
            let finished = finished.unwrap_or_else(|error| panic!("killed {place}, the next run fails: {error}"));
            assert_eq!(finished.steps.iter().map(|step| &*step.title).collect::<Vec<_>>(), ["3_c", "4_d", "5_row"]);
            database.remove().await?;
            if refused {
                break 'lives;
            }
            killed += 1;
        }
    }
    assert!(killed > 12, "{killed} kills");
    Ok(())
}

/// A life without a memory.
fn forgetful(last: usize) -> Arc<Life> {
    Arc::new(Life { forgets: true, ..Life::until(last, Side::After) })
}

/// The proof's own proof: without the journal, it finds interruptions that do harm.
async fn a_journal_that_forgets_is_found_out(database: Database) -> Verdict {
    let (wanted, calls) = reference(&database).await?;
    for last in (calls / 8..calls).step_by(7) {
        let Some(database) = Database::make(database.engine).await? else { return Ok(()) };
        assert!(!run(&database, &forgetful(last)).await?, "call {last} is reached");
        let finished = run(&database, &forgetful(0)).await;
        let harmless = finished.is_ok() && found(&database).await? == wanted;
        database.remove().await?;
        if !harmless {
            return Ok(());
        }
    }
    panic!("no interruption does harm without a journal")
}

on_engines! {
    within crate::limit();
    a_run_that_is_killed_again_and_again_ends_as_if_it_had_not_been on Sqlite Postgres MySql;
    a_run_that_is_killed_once_is_finished_by_the_next on Sqlite Postgres MySql;
    a_process_that_is_killed_again_and_again_is_finished_by_the_next on Sqlite Postgres MySql;
    what_the_server_was_at_work_on_is_done_once on Postgres MySql;
    an_account_is_made_once on MySql;
    a_series_of_tables_that_is_killed_once_is_finished_by_the_next on MySql;
    a_table_that_was_there_before_is_not_taken_for_the_migrations_own on MySql;
    a_script_that_nobody_waits_for_leaves_no_transaction on Sqlite Postgres MySql;
    a_journal_that_forgets_is_found_out on MySql;
}
