//! A notebook on the record store: notes in one file, each with its history, and every change can be undone.
//!
//! `cargo run --example notebook --features store` needs nothing but Rust. It keeps its notes in `notebook.store`; `NOTEBOOK_FILE` names another file, and
//! `NOTEBOOK_ADDRESS` says where it listens, `127.0.0.1:3000` unless it is set.

mod app;

use std::env;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to tell whom, where even this cannot be written.
            let _ = writeln!(stderr(), "notebook: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), String> {
    let file = env::var("NOTEBOOK_FILE").unwrap_or_else(|_| "notebook.store".to_owned());
    let address = env::var("NOTEBOOK_ADDRESS").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error}; set NOTEBOOK_ADDRESS to another address, such as 127.0.0.1:8080")
    })?;
    let store = app::open(&file).map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    writeln!(stdout(), "serving http://{address} from {file}; Ctrl-C ends it").map_err(|error| error.to_string())?;
    axum::serve(listener, app::router(store)).await.map_err(|error| error.to_string())
}
