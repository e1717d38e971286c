//! A small web site on oarlock: the cities of the world, to list, search, add and edit.
//!
//! `cargo run --example site` needs nothing but Rust and a C compiler: it keeps its data in the SQLite file `cities.db`. With
//! `DATABASE_URL` set to a PostgreSQL or MySQL/MariaDB URL it serves the same pages from there. `SITE_ADDRESS` says where it
//! listens, `127.0.0.1:3000` unless it is set.

mod app;

use std::env;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use oarlock::{PoolOptions, Url, embed_migrations};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(stderr).with_max_level(tracing::Level::WARN).init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to tell whom, where even this cannot be written.
            let _ = writeln!(stderr(), "site: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let database = env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite:cities.db".to_owned());
    let address = env::var("SITE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());

    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; set SITE_ADDRESS to another address, such as 127.0.0.1:8080")
    })?;

    // Unlike the text, a parsed URL is printed without its password.
    let url = Url::parse(&database).map_err(|error| format!("DATABASE_URL: {error}"))?;
    let unusable = |error| format!("cannot use the database {url}: {error}");
    let pool = PoolOptions::new().max_size(8).connect(&database).await.map_err(unusable)?;
    app::setup::migrate(&pool, embed_migrations!("examples/site/migrations")).await.map_err(unusable)?;
    let imported = app::setup::import(&pool).await.map_err(unusable)?;
    if imported > 0 {
        say(&format!("imported {imported} cities into {url}"))?;
    }

    let address = listener.local_addr().map_err(|error| error.to_string())?;
    say(&format!("serving http://{address} from {url}; Ctrl-C ends it"))?;
    axum::serve(listener, app::router(pool)).await.map_err(|error| error.to_string())
}

fn say(line: &str) -> Result<(), String> {
    writeln!(stdout(), "{line}").map_err(|error| error.to_string())
}
