//! What is told of connections and statements: spans by OpenTelemetry's conventions, events, the log of slow statements; and
//! what is never told.

mod capture;
mod pool;
mod secrets;
mod slow;
mod spans;

use std::time::Duration;

use oarlock::{Db, DbExt, Result};

/// A query over `item` that ends when the sun has gone out.
const ENDLESS: &str = "SELECT count(*) AS endless_told FROM item a, item b, item c, item d, item e, item f";

const LIMIT: Duration = Duration::from_millis(100);

/// Creates the table `item` with so many rows.
async fn create_item(db: &dyn Db, rows: i64) -> Result<()> {
    db.execute("CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40) UNIQUE)", ()).await?;
    let rows: Vec<_> = (1..=rows).map(|id| (id, format!("item {id}"))).collect();
    db.execute_many("INSERT INTO item (id, name) VALUES (?, ?)", rows).await.map(drop)
}
