//! What becomes of a test's database: dropped, kept, swept; and when a template is made.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;

use oarlock::testing::{Case, Database, Engine};
use oarlock::{Db, DbExt, ErrorKind, Result};
use oarlock_tests::{on_every_engine, until};

use crate::{cities, found, schema};

on_every_engine!(
    by crate::life::on;
    the_database_of_a_test_that_passes_is_dropped,
    the_database_of_a_test_that_fails_is_kept_until_it_runs_again,
    the_database_of_a_test_that_panics_is_kept,
    a_panic_that_is_expected_keeps_nothing,
    a_setup_that_fails_leaves_nothing_and_says_where,
    what_a_test_leaves_running_does_not_hold_up_its_end,
    what_a_killed_process_left_is_swept,
    tests_at_the_same_time_have_databases_of_their_own,
    a_changed_fixture_makes_a_new_template,
);

/// Runs a test with the engine by its public name.
fn on(engine: oarlock_tests::Engine, test: fn(Engine)) {
    test(match engine {
        oarlock_tests::Engine::Sqlite => Engine::Sqlite,
        oarlock_tests::Engine::Postgres => Engine::Postgres,
        oarlock_tests::Engine::MySql => Engine::MySql,
    });
}

/// Gives a text that no other test or run has, for as long as the process lives.
fn unique(text: &str) -> &'static str {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is past 1970").as_nanos();
    Box::leak(format!("{text}_{number}_{now}").into_boxed_str())
}

fn case(name: &'static str, engine: Engine) -> Case {
    Case::new(name).engine(engine).setup(schema)
}

/// Runs a case that is to fail; gives the message of its panic and the URL of its database, `None` where no server is there.
fn failing<R: oarlock::testing::TestResult>(
    case: Case,
    test: impl AsyncFnOnce(Database) -> R,
) -> Option<(String, String)> {
    let mut url = None;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        case.run(async |database| {
            url = Some(database.url().to_owned());
            test(database).await
        });
    }));
    let message = match ended {
        Ok(()) => None,
        Err(panic) => Some(*panic.downcast::<String>().expect("the message has arguments")),
    };
    match (message, url) {
        (Some(message), Some(url)) => Some((message, url)),
        (None, None) => None,
        (message, url) => panic!("the case was to run and to fail: {message:?}, {url:?}"),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(future)
}

/// Tells whether a database is there.
async fn exists(url: &str) -> Result<bool> {
    match oarlock::connect(url).await {
        Ok(conn) => conn.close().await.map(|()| true),
        // SQLite does not make the directory of a file.
        Err(error) if matches!(error.kind(), ErrorKind::ObjectNotFound | ErrorKind::Io) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_there(url: &str) -> bool {
    block_on(exists(url)).expect("the server answers")
}

fn the_database_of_a_test_that_passes_is_dropped(engine: Engine) {
    let mut url = None;
    case("life::passes", engine).run(async |database: Database| -> Result<()> {
        assert!(exists(database.url()).await?);
        url = Some(database.url().to_owned());
        found(&database.pool(), "Oslo").await
    });
    assert!(url.is_none_or(|url| !is_there(&url)));
}

fn the_database_of_a_test_that_fails_is_kept_until_it_runs_again(engine: Engine) {
    let name = unique("life::fails");
    let ended = failing(case(name, engine), async |database| -> Result<()> {
        found(&database.pool(), "Oslo").await?;
        found(&database.pool(), "Oslo").await
    });
    let Some((message, url)) = ended else { return };
    assert!(message.contains("UniqueViolation"), "{message}");
    let shown = oarlock::Url::parse(&url).expect("it is a URL").to_string();
    let last = format!("the test's database is kept until the test runs again: {shown}");
    assert_eq!(message.lines().last(), Some(&*last));
    let kept = block_on(async { cities(&oarlock::connect(&url).await?).await });
    assert_eq!(kept.expect("it can be looked into"), ["Oslo"]);

    case(unique("life::another"), engine).run(async |_| ());
    assert!(is_there(&url), "another test leaves it alone");
    case(name, engine).run(async |database: Database| assert_ne!(database.url(), url));
    assert!(!is_there(&url));
}

fn the_database_of_a_test_that_panics_is_kept(engine: Engine) {
    let name = unique("life::panics");
    let ended = failing(case(name, engine), async |database| {
        let cities = cities(&database.pool()).await.expect("the table is there");
        assert!(!cities.is_empty(), "there are {} cities", cities.len());
    });
    let Some((message, url)) = ended else { return };
    assert_eq!(message, "there are 0 cities");
    assert!(is_there(&url));
    case(name, engine).run(async |_| ());
    assert!(!is_there(&url));
}

fn a_panic_that_is_expected_keeps_nothing(engine: Engine) {
    let ended = failing(case("life::expected", engine).should_panic(), async |database| {
        assert!(!exists(database.url()).await.expect("the server answers"), "on {}", database.engine());
    });
    let Some((message, url)) = ended else { return };
    assert_eq!(message, format!("on {engine}"));
    assert!(!is_there(&url));
}

fn a_setup_that_fails_leaves_nothing_and_says_where(engine: Engine) {
    let mut ran = false;
    let script = "SELECT 1;\n\nINSERT INTO city (town) VALUES ('Oslo');";
    let ended = catch_unwind(AssertUnwindSafe(|| {
        case("life::wrong_fixture", engine).fixture("wrong.sql", script).run(async |_| ran = true);
    }));
    assert!(!ran);
    let Err(panic) = ended else { return };
    let message = panic.downcast::<String>().expect("the message has arguments");
    assert!(message.starts_with("no database for life::wrong_fixture: fixture wrong.sql"), "{message}");
    assert!(message.contains("town"), "{message}");
}

fn what_a_test_leaves_running_does_not_hold_up_its_end(engine: Engine) {
    let mut url = None;
    case("life::leaves", engine).run(async |database: Database| -> Result<()> {
        url = Some(database.url().to_owned());
        let tx = database.pool().begin().await?;
        found(&tx, "Oslo").await?;
        tokio::spawn(async move {
            let _tx = tx;
            std::future::pending::<()>().await;
        });
        Ok(())
    });
    assert!(url.is_none_or(|url| !is_there(&url)));
}

/// The variable by which the test below has a child, and the child knows that it is one.
const CHILD: &str = "OARLOCK_TEST_CHILD";

fn what_a_killed_process_left_is_swept(engine: Engine) {
    let me = std::env::current_exe().expect("the test has a file");
    let mut child = Command::new(me)
        .args(["--exact", "life::a_process_that_is_killed", "--ignored", "--nocapture"])
        .env(CHILD, format!("{engine:?}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts again");
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.read_to_string(&mut said).expect("it is text");
    child.wait().expect("it ends");
    let Some(url) = said.lines().find_map(|line| line.strip_prefix("url: ")) else {
        assert!(said.contains("1 passed"), "{said}");
        return;
    };
    // The server may take a moment to see that the session is gone, and its lock.
    let swept = block_on(until(async || {
        thread::spawn(move || case("life::sweeps", engine).run(async |_| ())).join().expect("it passes");
        exists(url).await.map(|exists| !exists)
    }));
    assert!(swept.expect("the server answers"), "{url}");
}

#[test]
#[ignore = "it is killed: the test above runs it in a process of its own"]
fn a_process_that_is_killed() {
    let engine = match std::env::var(CHILD).as_deref() {
        Ok("Sqlite") => Engine::Sqlite,
        Ok("Postgres") => Engine::Postgres,
        Ok("MySql") => Engine::MySql,
        _ => return,
    };
    case("life::killed", engine).run(async |database: Database| {
        found(&database.pool(), "Oslo").await.expect("the table is there");
        let mut out = std::io::stdout();
        if writeln!(out, "\nurl: {}", database.url()).and_then(|()| out.flush()).is_ok() {
            std::process::abort();
        }
    });
}

fn tests_at_the_same_time_have_databases_of_their_own(engine: Engine) {
    static SETUPS: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];
    const TESTS: usize = 6;
    let runs = match engine {
        Engine::Sqlite => &SETUPS[0],
        Engine::Postgres => &SETUPS[1],
        _ => &SETUPS[2],
    };
    // A text that no run before had, so that the template is to be made, by one of them.
    let fixture = unique("INSERT INTO city (name) VALUES ('Oslo') -- run");
    let (come, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let all = async |count: &AtomicUsize| {
        count.fetch_add(1, Ordering::AcqRel);
        until(async || Ok(count.load(Ordering::Acquire) == TESTS)).await
    };
    let databases: Vec<Option<String>> = thread::scope(|scope| {
        let tests: Vec<_> = (0..TESTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut url = None;
                    Case::new("life::together")
                        .engine(engine)
                        .setup(async move |db: &dyn Db| {
                            runs.fetch_add(1, Ordering::Relaxed);
                            schema(db).await
                        })
                        .fixture("together.sql", fixture)
                        .run(async |database: Database| -> Result<()> {
                            let db = database.pool();
                            found(&db, "Bergen").await?;
                            url = Some(database.url().to_owned());
                            assert!(all(&come).await?, "all of them are there at the same time");
                            assert_eq!(cities(&db).await?, ["Bergen", "Oslo"]);
                            assert!(all(&done).await?, "and stay");
                            Ok(())
                        });
                    url
                })
            })
            .collect();
        tests.into_iter().map(|test| test.join().expect("each of them passes")).collect()
    });
    let distinct: HashSet<&String> = databases.iter().flatten().collect();
    if databases.iter().any(Option::is_some) {
        assert_eq!(distinct.len(), TESTS);
        let expected = if engine == Engine::MySql { TESTS } else { 1 };
        assert_eq!(runs.load(Ordering::Relaxed), u32::try_from(expected).expect("it is small"));
    }
}

fn a_changed_fixture_makes_a_new_template(engine: Engine) {
    let mut templates = Vec::new();
    let oslo = unique("INSERT INTO city (name) VALUES ('Oslo') -- run");
    let bergen = unique("INSERT INTO city (name) VALUES ('Bergen') -- run");
    for (name, script) in [("Oslo", oslo), ("Bergen", bergen), ("Oslo", oslo)] {
        case("life::changes", engine).fixture("changing.sql", script).run(async |database: Database| -> Result<()> {
            assert_eq!(cities(&database.pool()).await?, [name]);
            templates.push(templates_of(&database).await?);
            Ok(())
        });
    }
    let [first, second, third] = &templates[..] else { return };
    // Templates of one recipe have one beginning. Other tests make templates, too, but drop none of another recipe's.
    let replaced = first.difference(second).any(|old| {
        let origin = &old[..old.rfind('_').expect("there is a version")];
        second.iter().any(|new| new.starts_with(origin)) && third.contains(old)
    });
    assert!(replaced || engine == Engine::MySql, "{templates:?}");
}

/// Gives the names of all templates.
async fn templates_of(database: &Database) -> Result<HashSet<String>> {
    let names: Vec<String> = match database.engine() {
        Engine::Postgres => {
            let sql = "SELECT CAST(datname AS text) FROM pg_database";
            database.pool().fetch_all::<(String,)>(sql, ()).await?.into_iter().map(|row| row.0).collect()
        }
        Engine::Sqlite => {
            let root = std::env::current_exe().expect("the test has a file").with_file_name("oarlock-test");
            let entries = std::fs::read_dir(root).expect("it has the databases");
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
        }
        _ => Vec::new(),
    };
    Ok(names.into_iter().filter(|name| name.starts_with("oarlock_template_")).collect())
}
