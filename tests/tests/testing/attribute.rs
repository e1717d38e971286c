//! What `#[oarlock::test]` makes of a function.

use oarlock::testing::{Database, Engine, FromDatabase, QueryLog};
use oarlock::{Conn, DbExt, ErrorKind, Pool, Result};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{cities, found};

#[oarlock::test(engines = [sqlite, postgres, mysql])]
async fn an_empty_database(db: Pool) -> Result<()> {
    assert_eq!(db.table_names(None).await?, [""; 0]);
    Ok(())
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = crate::schema)]
async fn a_setup(db: Pool) {
    found(&db, "Oslo").await.expect("the table is there");
    assert_eq!(cities(&db).await.expect("and can be read"), ["Oslo"]);
}

/// The same table and the same row as in the test before: each has its own database, and both run at the same time.
#[oarlock::test(engines = [sqlite, postgres, mysql], setup = crate::schema)]
async fn a_setup_again(db: Pool) -> Result<()> {
    found(&db, "Oslo").await?;
    assert_eq!(cities(&db).await?, ["Oslo"]);
    Ok(())
}

#[oarlock::test(
    engines = [sqlite, postgres, mysql],
    setup = crate::schema,
    fixtures("fixtures/cities.sql", "fixtures/more.sql")
)]
async fn fixtures_in_their_order(db: Pool) -> Result<()> {
    assert_eq!(cities(&db).await?, ["Bergen", "Oslo", "Tromsø"]);
    Ok(())
}

/// A client of an application, made from the test's database.
struct App {
    db: Pool,
}

impl FromDatabase for App {
    async fn from_database(database: &Database) -> Result<Self> {
        Ok(Self { db: database.pool() })
    }
}

#[oarlock::test(engines = [sqlite, postgres, mysql], setup = crate::schema)]
async fn arguments_of_each_kind(conn: Conn, app: App, database: Database, log: QueryLog) -> Result<()> {
    found(&app.db, "Oslo").await?;
    assert_eq!(cities(&conn).await?, ["Oslo"]);
    let own = oarlock::connect(database.url()).await?;
    assert_eq!(cities(&own).await?, ["Oslo"]);
    assert_eq!(log.statements(), ["INSERT INTO city (name) VALUES (?)", "SELECT name FROM city ORDER BY name"]);
    Ok(())
}

#[oarlock::test(engines = [sqlite])]
async fn an_engine_by_its_name(database: Database) {
    assert_eq!(database.engine(), Engine::Sqlite);
    assert!(format!("{database:?}").contains("sqlite:"), "{database:?}");
}

#[oarlock::test(url = format!("sqlite:{}?foreign_keys=off", "some.db"))]
async fn an_engine_by_its_url_whose_options_stay(db: Pool) -> Result<()> {
    assert_eq!(db.fetch_value::<i64>("PRAGMA foreign_keys", ()).await?, 0);
    assert!(!std::path::Path::new("some.db").exists());
    Ok(())
}

#[oarlock::test(engines = [sqlite])]
async fn one_thread(_db: Pool) {
    assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
}

#[oarlock::test(engines = [sqlite], flavor = "multi_thread", worker_threads = 3)]
async fn several_threads(mut db: Pool) {
    let handle = Handle::current();
    assert_eq!(handle.runtime_flavor(), RuntimeFlavor::MultiThread);
    assert_eq!(handle.metrics().num_workers(), 3);
    let other = db.clone();
    db = tokio::spawn(async move { other }).await.expect("a task runs");
    assert_eq!(db.fetch_value::<i64>("SELECT 1", ()).await.expect("so does a statement"), 1);
}

#[oarlock::test(engines = [sqlite])]
#[should_panic(expected = "no such table")]
async fn a_panic_that_is_expected(db: Pool) {
    let error = cities(&db).await.expect_err("no setup, no table");
    assert_eq!(error.kind(), ErrorKind::TableNotFound);
    panic!("{error}");
}

#[oarlock::test(engines = [sqlite])]
#[should_panic(expected = "ColumnNotFound")]
async fn an_error_is_a_failure(db: Pool) -> Result<()> {
    let row: oarlock::Row = db.require_one("SELECT 1 AS a", ()).await?;
    row.get::<i64>("b").map(drop)
}
