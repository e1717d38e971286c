//! The API on axum.
//!
//! `cargo run -p oarlock-example-api --bin api_axum` keeps its data in memory; with `DATABASE_URL` it keeps it there. `API_ADDRESS` says
//! where it listens, `127.0.0.1:3001` unless it is set.
//!
//! ```text
//! curl -H 'Content-Type: application/json' -d '{"sku": "A1", "name": "oar", "quantity": 4}' http://127.0.0.1:3001/items
//! ```

use std::env;
use std::error::Error;

use oarlock::Pool;
use oarlock_example_api::{on_axum, store};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let database = env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite::memory:".to_owned());
    let address = env::var("API_ADDRESS").unwrap_or_else(|_| "127.0.0.1:3001".to_owned());
    let pool = Pool::connect(&database).await?;
    store::create_tables(&pool).await?;
    Ok(axum::serve(TcpListener::bind(address).await?, on_axum::router(pool)).await?)
}
