//! A small web site on oarlock: the cities of the world, to list, search, add and edit.
//!
//! `cargo run --example site` needs nothing but Rust and a C compiler: it keeps its data in the SQLite file `cities.db`. With
//! `DATABASE_URL` set to a PostgreSQL or MySQL/MariaDB URL it serves the same pages from there. `SITE_ADDRESS` says where it
//! listens, `127.0.0.1:3000` unless it is set.

mod app;

use std::env;
use std::error::Error;
use std::io::Write;

use oarlock::{Pool, PoolOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite:cities.db".to_owned());
    let address = env::var("SITE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());

    let pool: Pool = PoolOptions::new().max_size(8).connect(&url).await?;
    let imported = app::setup::prepare(&pool).await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;

    let mut out = std::io::stdout().lock();
    if imported > 0 {
        writeln!(out, "imported {imported} cities")?;
    }
    writeln!(out, "serving http://{}", listener.local_addr()?)?;
    drop(out);

    axum::serve(listener, app::router(pool)).await?;
    Ok(())
}
