//! The code of docs/testing.md.

use oarlock::testing::{Case, Database, Engine, FromDatabase, Mock, QueryLog};
use oarlock::{Conn, Db, DbExt, ErrorKind, Pool, Result, assert_queries};

/// Adds a city, and tells how many there are.
async fn add(db: &dyn Db, name: &str) -> Result<i64> {
    db.execute("INSERT INTO city (name) VALUES (?)", (name,)).await?;
    db.fetch_value("SELECT COUNT(*) FROM city", ()).await
}

async fn schema(db: &dyn Db) -> Result<()> {
    db.script("CREATE TABLE city (name VARCHAR(80) NOT NULL PRIMARY KEY)").await
}

#[oarlock::test(setup = schema)]
async fn adding_counts(db: Pool) -> Result<()> {
    assert_eq!(add(&db, "Oslo").await?, 1);
    assert_eq!(add(&db, "Bergen").await?, 2);
    Ok(())
}

#[oarlock::test(setup = schema, fixtures("fixtures/cities.sql"))]
async fn the_same_city_twice_is_refused(db: Pool) {
    let error = add(&db, "Oslo").await.expect_err("cities.sql has it");
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
}

#[oarlock::test(setup = schema, engines = [sqlite, postgres, mysql])]
async fn an_uncommitted_city_is_not_seen(db: Pool, other: Conn) -> Result<()> {
    let tx = db.begin().await?;
    add(&tx, "Oslo").await?;
    assert_eq!(other.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await?, 0);
    tx.rollback().await
}

/// The application, as its tests use it.
struct App {
    db: Pool,
}

impl FromDatabase for App {
    async fn from_database(database: &Database) -> Result<Self> {
        Ok(Self { db: database.pool() })
    }
}

#[oarlock::test(setup = schema)]
async fn the_application_adds(app: App) -> Result<()> {
    assert_eq!(add(&app.db, "Oslo").await?, 1);
    Ok(())
}

#[oarlock::test(setup = schema)]
async fn adding_takes_two_statements(db: Pool, log: QueryLog) -> Result<()> {
    let count = assert_queries!(log, 2, { add(&db, "Oslo").await? });
    assert_eq!(count, 1);
    assert_eq!(log.statements()[1], "SELECT COUNT(*) FROM city");
    Ok(())
}

#[test]
fn every_name_is_taken_as_it_is() {
    for name in ["Oslo", "Tromsø", "'; DROP TABLE city; --"] {
        Case::new("every_name").engine(Engine::Sqlite).setup(schema).run(async |database: Database| -> Result<()> {
            assert_eq!(add(&database.pool(), name).await?, 1);
            Ok(())
        });
    }
}

#[tokio::test]
async fn a_lost_connection_is_passed_on() {
    let mock = Mock::new();
    let lost = oarlock::Error::new(ErrorKind::ConnectionLost, "the server went away");
    mock.expect("INSERT INTO city (name) VALUES (?)").with(("Oslo",)).fails(lost);

    let error = add(&mock.conn(), "Oslo").await.expect_err("the connection is lost");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    mock.verify();
}
