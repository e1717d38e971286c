//! diesel, and diesel-async: the same models and queries, which differ in the connection and in who waits for the answer.

mod asynchronous;
mod migrate;
mod models;
mod peer;
mod synchronous;

use oarlock_bench_protocol::Engine;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let engine = Engine::named(words.get(1).unwrap_or(&"")).ok_or("unknown engine")?;
    match words[..] {
        ["sync", _, url] => synchronous::serve(engine, url.to_owned())?,
        ["async", _, url] => asynchronous::serve(engine, url.to_owned())?,
        ["migrate", _, directory, url] => migrate::run(engine, directory, url)?,
        _ => return Err("usage: oarlock-bench-diesel sync|async ENGINE URL, or migrate ENGINE DIRECTORY URL".into()),
    }
    Ok(())
}
