//! The log of slow statements.

use std::time::Duration;

use oarlock::{DbExt, ErrorKind, PoolOptions, Result};
use oarlock_tests::{Database, Verdict, on_every_engine, refused};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::capture::{Capture, Note, namespace};
use crate::{ENDLESS, LIMIT, create_item};

on_every_engine!(
    a_slow_statement_is_told_with_its_text,
    a_slow_reader_makes_no_slow_statement,
    a_limit_is_the_pools_the_connections_or_the_transactions,
);

const TOLD: &str = "a call to the database was slow";

/// Gives the warnings about calls to a database.
fn warnings(heard: &Capture, database: &Database) -> Vec<Note> {
    let (notes, namespace) = (heard.notes(), namespace(database));
    let mut told = heard.events("oarlock::slow", TOLD);
    told.retain(|event| event.parent.is_some_and(|place| notes[place].find("db.namespace") == Some(&namespace)));
    told
}

async fn a_slow_statement_is_told_with_its_text(database: Database) -> Verdict {
    let heard = Capture::everything();
    let options = PoolOptions::new().slow_statement(LIMIT);
    let pool = options.connect(&database.url).await?;
    create_item(&pool, 2000).await?;
    let before = warnings(heard, &database).len();
    let sql = format!("{ENDLESS} WHERE a.name <> 'a literal' AND b.id > ?");
    let slow = pool.with_timeout(LIMIT * 2).fetch_value::<i64>(&sql, (1,)).await;
    refused(slow, ErrorKind::StatementTimeout);
    let told = warnings(heard, &database).split_off(before);
    let [warning] = &told[..] else { panic!("{told:?}") };
    assert_eq!(warning.level, Level::WARN);
    assert_eq!(warning.get("db.query.summary"), "SELECT item");
    assert!(warning.get("db.query.text").ends_with("WHERE a.name <> ? AND b.id > ?"), "{warning:?}");
    assert_eq!(warning.get("limit_ms"), LIMIT.as_millis().to_string());
    let elapsed: u128 = warning.get("elapsed_ms").parse().expect("a number");
    assert!(elapsed >= LIMIT.as_millis(), "{elapsed}");
    // What is fast enough is not told.
    pool.execute("SELECT 1", ()).await?;
    assert_eq!(warnings(heard, &database).len(), before + 1);
    Ok(())
}

/// What counts is the wait for the database, not the time that a reader takes over its rows.
async fn a_slow_reader_makes_no_slow_statement(database: Database) -> Verdict {
    let heard = Capture::everything();
    let conn = oarlock::connect(&database.url).await?;
    create_item(&conn, 2000).await?;
    conn.set_slow_statement(LIMIT * 5);
    let mut cursor = conn.query("SELECT id, name FROM item ORDER BY name", ()).await?;
    cursor.set_array_size(10);
    assert!(cursor.fetch_one::<(i64, String)>().await?.is_some());
    tokio::time::sleep(LIMIT * 8).await;
    assert_eq!(cursor.fetch_all::<(i64, String)>().await?.len(), 1999);
    assert_eq!(warnings(heard, &database).len(), 0);
    Ok(())
}

async fn a_limit_is_the_pools_the_connections_or_the_transactions(database: Database) -> Verdict {
    let heard = Capture::everything();
    // The URL stands above the program.
    let url = database.url_with("pool_slow_statement=off");
    let pool = PoolOptions::new().slow_statement(Duration::ZERO).connect(&url).await?;
    create_item(&pool, 10).await?;
    assert_eq!(warnings(heard, &database).len(), 0);
    let conn = pool.acquire().await?;
    assert_eq!(conn.slow_statement(), None);
    conn.set_slow_statement(Duration::ZERO);
    conn.fetch_all::<(i64,)>("SELECT id FROM item ORDER BY id", ()).await?;
    let told = warnings(heard, &database);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].get("rows"), "10");
    let mut tx = conn.begin().await?;
    tx.set_slow_statement(None);
    tx.execute("DELETE FROM item", ()).await?;
    tx.set_slow_statement(Duration::ZERO);
    tx.commit().await?;
    let told: Vec<_> = warnings(heard, &database).iter().map(|one| one.get("db.query.summary").to_owned()).collect();
    assert_eq!(told, ["SELECT item", "BEGIN", "COMMIT"]);
    Ok(())
}

/// Where only warnings are heard, there is no span, and the warning tells all by itself.
#[tokio::test(flavor = "current_thread")]
async fn a_warning_needs_no_span() -> Result<()> {
    let heard = Capture::default();
    let _guard =
        tracing::subscriber::set_default(Registry::default().with(heard.clone().with_filter(LevelFilter::WARN)));
    let conn = oarlock::connect("sqlite::memory:").await?;
    conn.set_slow_statement(Duration::ZERO);
    conn.execute("CREATE TABLE item (id INTEGER)", ()).await?;
    let notes = heard.notes();
    let [warning] = &notes[..] else { panic!("{notes:?}") };
    assert_eq!(warning.get("db.query.text"), "CREATE TABLE item (id INTEGER)");
    assert_eq!(warning.parent, None);
    Ok(())
}
