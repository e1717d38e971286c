//! What a pool tells: who waits, what is opened and ends, and why.

use std::sync::Arc;
use std::time::Duration;

use oarlock::connection::BoxFuture;
use oarlock::{Connection, Connector, DbExt, Error, ErrorKind, Pool, PoolOptions, Result};
use oarlock_tests::{Database, Verdict, on_every_engine, refused, until};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::capture::{Capture, Note};

on_every_engine!(a_wait_is_a_span_and_a_timeout_a_warning);

const ENDS: &str = "a connection of the pool ends";

fn by_site(mut notes: Vec<Note>, line: u32) -> Vec<Note> {
    let site = format!("{}:{line}:", file!());
    notes.retain(|note| note.find("site").is_some_and(|told| told.starts_with(&site)));
    notes
}

async fn a_wait_is_a_span_and_a_timeout_a_warning(database: Database) -> Verdict {
    let heard = Capture::everything();
    let options = PoolOptions::new().max_size(1).acquire_timeout(Duration::from_millis(100));
    let pool = options.connect(&database.url).await?;
    let held = pool.acquire().await?;
    let (line, before) = (line!() + 1, by_site(heard.notes(), line!() + 1).len());
    refused(pool.execute("SELECT 1", ()).await, ErrorKind::PoolTimeout);
    let told = by_site(heard.notes(), line).split_off(before);
    let wait = told.iter().find(|note| note.name == "acquire").expect("the wait is told");
    assert_eq!((&*wait.target, wait.get("otel.kind"), wait.closed), ("oarlock::pool", "internal", true));
    assert_eq!((wait.get("otel.status_code"), wait.get("error.type")), ("ERROR", "PoolTimeout"));
    let warning = told.iter().find(|note| note.find("message").is_some()).expect("the timeout is told");
    assert_eq!(warning.level, Level::WARN);
    assert_eq!(warning.parent.map(|place| heard.notes()[place].name), Some("acquire"));
    let numbers = ["limit_ms", "size", "max", "in_use", "opening"].map(|field| warning.get(field));
    assert_eq!(numbers, ["100", "1", "1", "1", "0"]);
    drop(held);
    // Who has a connection at once has not waited.
    assert!(until(async || Ok(pool.status().idle == 1)).await?);
    let line = line!() + 1;
    pool.execute("SELECT 1", ()).await?;
    assert_eq!(by_site(heard.notes(), line).len(), 0);
    Ok(())
}

/// Listens on this thread alone, on which a runtime of one thread runs the pool's tasks too.
fn listen() -> (Capture, tracing::subscriber::DefaultGuard) {
    let heard = Capture::default();
    let guard = tracing::subscriber::set_default(Registry::default().with(heard.clone()));
    (heard, guard)
}

/// Waits for a connection to end, and tells why it did and whether it was lost.
async fn ending(heard: &Capture, count: usize) -> Result<(String, String)> {
    assert!(until(async || Ok(heard.events("oarlock::pool", ENDS).len() == count)).await?);
    let last = heard.events("oarlock::pool", ENDS).pop().expect("one ended");
    assert_eq!(last.level, Level::DEBUG);
    Ok((last.get("reason").to_owned(), last.get("lost").to_owned()))
}

fn because(reason: &str) -> (String, String) {
    (reason.to_owned(), "false".to_owned())
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_opened_and_ends_is_told_with_its_reason() -> Result<()> {
    let (heard, _guard) = listen();
    let pool = PoolOptions::new().idle_timeout(Duration::from_millis(20)).connect("sqlite::memory:").await?;
    assert_eq!(heard.events("oarlock::pool", "a connection of the pool was opened").len(), 1);
    assert_eq!(ending(&heard, 1).await?, because("Idle"));
    pool.close().await?;

    let pool = PoolOptions::new().max_lifetime(Duration::from_millis(20)).connect("sqlite::memory:").await?;
    assert_eq!(ending(&heard, 2).await?, because("Expired"));
    pool.close().await?;

    let pool = Pool::connect("sqlite::memory:").await?;
    pool.close().await?;
    assert_eq!(ending(&heard, 3).await?, because("Closed"));

    let pool = Pool::connect("sqlite::memory:").await?;
    pool.acquire().await?.close().await?;
    assert_eq!(ending(&heard, 4).await?.1, "true");
    Ok(())
}

/// That a connection was closed in good order is no reason to doubt the others.
#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_was_closed_casts_no_doubt_on_others() -> Result<()> {
    let (heard, _guard) = listen();
    let options = PoolOptions::new().idle_timeout(Duration::from_millis(20)).min_idle(1);
    let pool = options.connect("sqlite::memory:").await?;
    drop((pool.acquire().await?, pool.acquire().await?));
    assert_eq!(ending(&heard, 1).await?, because("Idle"));
    assert!(until(async || Ok(pool.status().size == 1)).await?);
    // One that is in doubt is asked for a sign of life, which is a wait.
    let line = line!() + 1;
    pool.execute("SELECT 1", ()).await?;
    assert_eq!(by_site(heard.notes(), line).len(), 0);
    Ok(())
}

/// A server that is away.
struct Away;

impl Connector for Away {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async {
            Err(Error::new(ErrorKind::Authentication, "the password of ada is wrong").with_sqlstate("28P01"))
        })
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_could_not_be_opened_is_told() {
    let (heard, _guard) = listen();
    let pool = Pool::new(Arc::new(Away), PoolOptions::new());
    refused(pool.execute("SELECT 1", ()).await, ErrorKind::Authentication);
    let notes = heard.notes();
    let connect = notes.iter().find(|note| note.name == "connect").expect("the attempt is told");
    assert_eq!((connect.get("error.type"), connect.get("db.response.status_code")), ("Authentication", "28P01"));
    let told = heard.events("oarlock::pool", "a connection of the pool could not be opened");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].get("kind"), "authentication");
}
