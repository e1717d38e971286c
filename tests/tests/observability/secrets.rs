//! What is never told, by anybody, at any level: passwords, and the values of parameters. Literals in texts are told by nobody of
//! ours; the crates underneath write texts as they are. What a column holds is told in one case only, which the documentation
//! names: a number that does not fit the type it is read into.
//!
//! Everything that the tests of this process tell is searched, so each of them is a test of this as well.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use oarlock::blocking;
use oarlock::postgres::PostgresExt;
use oarlock::{Db, DbExt, Error, ErrorKind, Json, Pool, PoolOptions, Result, Url};
use oarlock_test_support::{Server, ServerOptions};
use oarlock_tests::{Database, Engine, Liar, Lie, Verdict, on_every_engine, refused};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::capture::{Capture, Whose};

/// In two halves, so that a statement can make it without holding it.
const HALVES: [&str; 2] = ["s3ntinel", "-w0rd"];
const PASSWORD: &str = "s3ntinel-w0rd";
const VALUE: &str = "v4lue@sentinel";
const NUMBER: i64 = 987_654_321_098_765;

on_every_engine!(no_parameter_is_told, a_driver_that_tells_parameters_is_found_out);

/// All that can be printed of an error, a panic with it included.
fn printed(error: &Error) -> String {
    let mut texts = vec![format!("{error} {error:?} {error:#?} {}", error.message())];
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        texts.push(format!("{inner} {inner:?} {inner:#?}"));
        source = inner.source();
    }
    texts.join(" ")
}

/// What a program prints that unwraps an error.
fn panic_of(error: Error) -> String {
    let unwrap = || Some(error).map_or(Ok(()), Err).expect("the database answers");
    let panicked = catch_unwind(AssertUnwindSafe(unwrap)).expect_err("it is an error");
    *panicked.downcast::<String>().expect("a message")
}

fn holds_value(text: &str) -> bool {
    text.contains(VALUE) || text.contains(&NUMBER.to_string())
}

#[track_caller]
fn assert_clean(text: &str) {
    let line = text.lines().find(|line| holds_value(line) || line.contains(PASSWORD) || line.contains("l1teral"));
    assert_eq!(line, None);
}

/// Runs statements of all sorts with the value among their parameters, and gives the errors of those that fail.
async fn use_values(db: &dyn Db, engine: Engine) -> Result<Vec<Error>> {
    let insert = "INSERT INTO person (id, mail, age) VALUES (?, ?, 7)";
    db.execute(insert, (NUMBER, VALUE)).await?;
    let found: Vec<(i64,)> = db
        .fetch_all("SELECT id FROM person WHERE mail = :mail AND mail <> 'l1teral'", oarlock::named! { mail: VALUE })
        .await?;
    assert_eq!(found, [(NUMBER,)]);
    db.execute_many("UPDATE person SET age = ? WHERE mail = ?", [(1, VALUE), (2, VALUE)]).await?;
    db.pipeline().add("SELECT id FROM person WHERE mail = ?", (VALUE,)).run().await?;
    let mut errors = Vec::new();
    let mut fails = |error: Option<Error>| errors.push(error.expect("the statement fails"));
    fails(db.execute(insert, (NUMBER, "other")).await.err());
    fails(db.execute(insert, (1, VALUE)).await.err());
    fails(db.execute_many(insert, [(2, "other"), (3, VALUE)]).await.err());
    fails(db.pipeline().add(insert, (1, VALUE)).run().await.err());
    fails(db.execute("UPDATE person SET age = -1 WHERE mail = ?", (VALUE,)).await.err());
    fails(db.execute(insert, (VALUE,)).await.err());
    fails(db.fetch_value::<i64>("SELECT mail FROM person WHERE mail = ?", (VALUE,)).await.err());
    fails(db.fetch_value::<Json<i64>>("SELECT mail FROM person", ()).await.err());
    fails(db.execute("SELECT * FROM nowhere WHERE mail = ?", (VALUE,)).await.err());
    fails(db.transaction(|tx| async move { tx.execute(insert, (4, VALUE)).await.map(drop) }).await.err());
    if engine != Engine::Sqlite {
        // The server reads the text, and tells that it cannot; SQLite reads what it can.
        let cast = match engine {
            Engine::Postgres => "INSERT INTO person (id, mail, age) VALUES (5, ?, CAST(? AS int))",
            _ => "INSERT INTO person (id, mail, age) VALUES (5, ?, ?)",
        };
        fails(db.execute(cast, ("other", VALUE)).await.err());
        fails(db.execute("INSERT INTO person (id, mail) VALUES (6, ?)", (VALUE.repeat(9),)).await.err());
    }
    if engine == Engine::Postgres {
        fails(db.copy_rows("person (id, mail)", [(7_i64, VALUE)]).await.err());
    }
    Ok(errors)
}

const PERSON: &str = "CREATE TABLE person (id BIGINT NOT NULL PRIMARY KEY, mail VARCHAR(40) NOT NULL UNIQUE, \
     age INTEGER CHECK (age >= 0))";

async fn no_parameter_is_told(database: Database) -> Verdict {
    let heard = Capture::everything();
    // Every statement is slow, so that its warning is looked at too.
    let pool = PoolOptions::new().slow_statement(std::time::Duration::ZERO).connect(&database.url).await?;
    pool.execute(PERSON, ()).await?;
    for error in use_values(&pool, database.engine).await? {
        assert!(!holds_value(&printed(&error)), "{}", printed(&error));
        // A program that unwraps prints as much.
        let message = panic_of(error);
        assert!(!holds_value(&message), "{message}");
    }
    let conn = pool.acquire().await?;
    let mut cursor = conn.query("SELECT mail FROM person WHERE mail = ?", (VALUE,)).await?;
    let pipeline = format!("{:?}", conn.pipeline().add("SELECT ?", (VALUE,)));
    let shown = format!("{pool:?} {conn:?} {cursor:?} {:?} {pipeline}", cursor.description());
    assert!(!holds_value(&shown), "{shown}");
    cursor.finish().await?;
    drop((cursor, conn, pool));

    let ours = heard.text(Whose::Ours);
    assert!(ours.contains("INSERT INTO person") && ours.contains("oarlock::slow"), "the capture hears");
    assert_clean(&ours);
    // The crates underneath tell no parameter either.
    let all = heard.text(Whose::All);
    assert!(database.engine != Engine::Postgres || all.contains("tokio_postgres"), "the capture hears other crates");
    assert_eq!(all.lines().find(|line| holds_value(line)), None);
    Ok(())
}

/// The proof's own proof: a driver that writes parameters to the log and into errors does not get by.
async fn a_driver_that_tells_parameters_is_found_out(database: Database) -> Verdict {
    // On a thread of its own, so that no other test hears of it.
    let lies = move || {
        let heard = Capture::default();
        let _guard = tracing::subscriber::set_default(Registry::default().with(heard.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async {
            let pool = Pool::new(Arc::new(Liar::new(&database.url, Lie::Tells)?), PoolOptions::new());
            pool.execute(PERSON, ()).await?;
            assert!(!holds_value(&heard.text(Whose::All)));
            let insert = "INSERT INTO person (id, mail) VALUES (?, ?)";
            pool.execute(insert, (NUMBER, VALUE)).await?;
            assert!(holds_value(&heard.text(Whose::Ours)), "the log is searched");
            let missing = pool.execute("SELECT * FROM nowhere WHERE mail = ?", (VALUE,)).await;
            let error = refused(missing, ErrorKind::TableNotFound);
            assert!(holds_value(&printed(&error)), "errors are searched");
            pool.close().await
        })
    };
    std::thread::spawn(lies).join().expect("no panic").map_err(Into::into)
}

/// A user who logs in by the password, and the server that asks for it.
async fn guarded(engine: Engine) -> Option<(Server, String)> {
    let [first, second] = HALVES;
    let (options, make): (ServerOptions, String) = match engine {
        Engine::Postgres => (
            Server::postgres().file(
                "pg_hba.conf",
                "host all clerk 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n",
            ),
            format!(
                "DO $$ BEGIN EXECUTE format('CREATE ROLE clerk LOGIN PASSWORD %L', '{first}' || '{second}'); END $$"
            ),
        ),
        _ => (
            Server::mysql(),
            format!(
                "SET @make = CONCAT('CREATE USER clerk@''127.0.0.1'' IDENTIFIED BY ''', '{first}', '{second}', ''''); \
                 PREPARE make FROM @make; EXECUTE make; GRANT ALL ON test.* TO clerk@'127.0.0.1'"
            ),
        ),
    };
    let server = options.start().await?;
    let admin = oarlock::connect(&server.url()).await.expect("the server lets us in");
    admin.script(&make).await.expect("the user is made");
    admin.close().await.expect("the connection is closed");
    let url = match engine {
        Engine::Postgres => format!("postgres://clerk:PASSWORD@127.0.0.1:{}/postgres", server.port()),
        _ => format!("mysql://clerk:PASSWORD@127.0.0.1:{}/test", server.port()),
    };
    Some((server, url))
}

/// Logs in with the password and with a wrong one that holds it, in every way that a program can, and gives what is printed.
async fn log_in(url: &str) -> Result<String> {
    let right = url.replace("PASSWORD", PASSWORD);
    let wrong = url.replace("PASSWORD", &format!("{PASSWORD}-not"));
    let parsed = Url::parse(&right)?;
    let mut shown = vec![format!("{parsed} {parsed:?} {parsed:#?}")];
    let conn = oarlock::connect(&right).await?;
    assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    let pool = Pool::connect(&right).await?;
    let tx = pool.begin().await?;
    shown.push(format!("{conn:?} {conn:#?} {pool:?} {pool:#?} {tx:?} {:?} {:?}", conn.info(), pool.status()));
    tx.rollback().await?;
    pool.close().await?;
    refused(oarlock::connect(&wrong).await, ErrorKind::Authentication);
    let options = PoolOptions::new().acquire_timeout(std::time::Duration::from_millis(500));
    for failed in [
        oarlock::connect(&wrong).await.err(),
        options.clone().connect(&wrong).await.err(),
        oarlock::connect(&format!("{right}?colour=red")).await.err(),
        oarlock::connect(&right.replacen("127.0.0.1", "no.such.host.invalid", 1)).await.err(),
        options.connect(&right.replacen("127.0.0.1:", "127.0.0.1:1", 1)).await.err(),
    ] {
        let error = failed.expect("it cannot be connected to");
        shown.push(printed(&error));
        shown.push(panic_of(error));
    }
    let blocked =
        tokio::task::spawn_blocking(move || std::thread::spawn(move || blocking::Pool::connect(&wrong)).join());
    let error = refused(blocked.await.expect("no panic").expect("no panic"), ErrorKind::Authentication);
    shown.push(printed(&error));
    Ok(shown.join("\n"))
}

async fn no_password_is_told(engine: Engine) {
    let heard = Capture::everything();
    let Some((server, url)) = guarded(engine).await else { return };
    let shown = log_in(&url).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_clean(&shown);
    let told = heard.text(Whose::All);
    let port = server.port().to_string();
    assert!(told.lines().any(|line| line.contains("CONNECT") && line.contains(&port)), "the capture hears");
    assert_eq!(told.lines().find(|line| line.contains(PASSWORD)), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_is_told_of_postgres() {
    no_password_is_told(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_is_told_of_mysql() {
    no_password_is_told(Engine::MySql).await;
}

#[tokio::test]
async fn no_failed_connection_tells_the_password() {
    for url in [
        "postgres://ada:s3ntinel-w0rd@127.0.0.1:1/db",
        "postgres://ada:s3ntinel-w0rd@127.0.0.1:1/db?colour=red",
        "postgres://ada@127.0.0.1:1/db?password=s3ntinel-w0rd",
        "postgres://ada:s3ntinel-w0rd/x@127.0.0.1:1/db",
        "postgres://no.such.host.invalid:1/db?password=s3ntinel-w0rd",
        "mysql://ada:s3ntinel-w0rd@127.0.0.1:1/db",
        "mysql://ada:s3ntinel-w0rd@127.0.0.1:1/db?colour=red",
        "mysql://ada:s3ntinel-w0rd@127.0.0.1:port/db",
        "oracle://ada:s3ntinel-w0rd@127.0.0.1/db",
    ] {
        assert_clean(&printed(&oarlock::connect(url).await.expect_err(url)));
        assert_clean(&printed(&PoolOptions::new().connect(url).await.expect_err(url)));
        if let Ok(url) = Url::parse(url) {
            assert_clean(&format!("{url} {url:?} {url:#?}"));
        }
    }
}

#[test]
fn the_drivers_options_print_no_password() -> oarlock::Result<()> {
    let url = Url::parse("postgres://ada:s3ntinel-w0rd@h/db")?;
    let postgres = oarlock::postgres::PostgresOptions::parse(&url)?;
    let url = Url::parse("mysql://ada:s3ntinel-w0rd@h/db")?;
    let mysql = oarlock::mysql::MysqlOptions::parse(&url)?;
    assert_clean(&format!("{postgres:?} {postgres:#?} {mysql:?} {mysql:#?}"));
    Ok(())
}
