//! diesel, and diesel-async: the same models and queries, which differ in the connection and in who waits for the answer.

mod asynchronous;
mod models;
mod peer;
mod synchronous;

use oarlock_bench_protocol::Engine;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mode, engine, url] = &words[..] else {
        return Err("usage: oarlock-bench-diesel sync|async ENGINE URL".into());
    };
    let engine = Engine::named(engine).ok_or("unknown engine")?;
    match mode.as_str() {
        "sync" => synchronous::serve(engine, url.clone())?,
        "async" => asynchronous::serve(engine, url.clone())?,
        _ => return Err("neither sync nor async".into()),
    }
    Ok(())
}
