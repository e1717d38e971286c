//! Measures the contract beside the raw drivers and peers. `bench/run` is the way in.

mod build;
mod bulk;
mod cli;
mod oarlock_peer;
mod orm;
mod pool;
mod raw_mysql;
mod raw_postgres;
mod raw_sqlite;
mod runner;
mod setup;
mod worker;

use oarlock_bench_protocol::{Engine, serve, serve_pool};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["overhead", sqlx, out] => runner::overhead(sqlx, out),
        ["pool", sqlx, out] => pool::pool(sqlx, out),
        ["pool-worker", peer, engine, url] => {
            let engine = Engine::named(engine).ok_or("unknown engine")?;
            let url = url.to_owned();
            match peer {
                "oarlock" => serve_pool(engine, || pool::Oarlock::open(url))?,
                "direct" => serve_pool(engine, || pool::Direct::open(url))?,
                _ => return Err("unknown peer".into()),
            }
            Ok(())
        }
        ["orm", prefix, out] => orm::orm(prefix, out),
        ["orm-worker", peer, engine, url] => {
            orm::serve(peer, Engine::named(engine).ok_or("unknown engine")?, url.to_owned())
        }
        ["bulk", out] => bulk::bulk(out),
        ["build", out] => build::build(out),
        ["cli", program, prefix, out] => cli::cli(program, prefix, out),
        ["worker", peer, engine, url] => {
            let engine = Engine::named(engine).ok_or("unknown engine")?;
            let url = url.to_owned();
            match (peer, engine) {
                ("raw", Engine::Sqlite) => serve(engine, || raw_sqlite::Raw::open(url))?,
                ("raw", Engine::Postgres) => serve(engine, || raw_postgres::Raw::open(url))?,
                ("raw", Engine::Mysql) => serve(engine, || raw_mysql::Raw::open(url))?,
                ("oarlock", _) => serve(engine, move || oarlock_peer::Oarlock::open(engine, url))?,
                _ => return Err("unknown peer".into()),
            }
            Ok(())
        }
        _ => {
            Err("usage: oarlock-bench overhead|pool SQLX-BINARY OUT.json, orm PEERS-PREFIX OUT.json, cli OARLOCK PEERS-PREFIX OUT.json, or \
                 bulk|build OUT.json"
                .into())
        }
    }
}
