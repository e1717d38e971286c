//! A tour of the ORM: a library of books, from its tables to its queries.
//!
//! `cargo run --example orm` keeps its data in memory. With `DATABASE_URL` set to an empty database of PostgreSQL, MySQL or MariaDB it runs
//! there, with the same results.

mod tour;

use std::env;
use std::error::Error;
use std::io::{Write, stdout};

use oarlock::Pool;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite::memory:".to_owned());
    let db = Pool::connect(&database).await?;
    for line in tour::run(&db).await? {
        writeln!(stdout(), "{line}")?;
    }
    Ok(db.close().await?)
}
