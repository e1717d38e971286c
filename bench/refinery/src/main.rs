//! refinery's migrations, as its command line runs them: read from files, on one connection of each database's blocking client.

use oarlock_bench_protocol::Engine;
use postgres::NoTls;
use refinery::{Runner, load_sql_migrations};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [command, engine, directory, url] = &words[..] else {
        return Err("usage: oarlock-bench-refinery migrate ENGINE DIRECTORY URL".into());
    };
    let runner = Runner::new(&load_sql_migrations(directory)?);
    match (command.as_str(), Engine::named(engine).ok_or("unknown engine")?) {
        ("migrate", Engine::Sqlite) => {
            runner.run(&mut rusqlite::Connection::open(url.trim_start_matches("sqlite:"))?)?
        }
        ("migrate", Engine::Postgres) => runner.run(&mut postgres::Client::connect(url, NoTls)?)?,
        ("migrate", Engine::Mysql) => runner.run(&mut mysql::Conn::new(url.as_str())?)?,
        _ => return Err("unknown command".into()),
    };
    Ok(())
}
