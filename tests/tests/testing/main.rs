//! `oarlock::testing`: a database for each test, what becomes of it, and which statements ran.

mod attribute;
mod guide;
mod life;
mod log;
mod recorded;

use oarlock::{Db, DbExt, Result};

/// The setup of these tests.
async fn schema(db: &dyn Db) -> Result<()> {
    db.execute("CREATE TABLE city (name VARCHAR(80) NOT NULL PRIMARY KEY)", ()).await.map(drop)
}

async fn cities(db: &dyn Db) -> Result<Vec<String>> {
    Ok(db
        .fetch_all::<(String,)>("SELECT name FROM city ORDER BY name", ())
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}

async fn found(db: &dyn Db, name: &str) -> Result<()> {
    db.execute("INSERT INTO city (name) VALUES (?)", (name,)).await.map(drop)
}
