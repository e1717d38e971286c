//! A driver from outside of oarlock: registered once, it is found by its URLs like any other.
//!
//! `cargo run --example custom_driver`

mod tiny;

use std::error::Error;
use std::io::Write;

use oarlock::{DbExt, Pool};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    oarlock::register(&tiny::TinyFactory);

    let file = std::env::temp_dir().join(format!("tiny-{}.db", std::process::id()));
    let db = Pool::connect(&format!("tiny:{}", file.display())).await?;
    db.script("CREATE TABLE oar (length REAL NOT NULL, wood TEXT NOT NULL)").await?;
    db.execute_many("INSERT INTO oar VALUES (?, ?)", [(2.9, "ash"), (3.2, "spruce"), (2.6, "ash")]).await?;
    let (count, longest): (i64, f64) = db
        .require_one("SELECT count(*), max(length) FROM oar WHERE wood = :wood", oarlock::named! { wood: "ash" })
        .await?;
    db.close().await?;

    let mut out = std::io::stdout();
    writeln!(out, "{count} oars of ash, the longest of {longest} m")?;
    Ok(std::fs::remove_file(file)?)
}
