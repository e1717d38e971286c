//! Measures the record store beside SQLite, redb, native_db and fjall. `bench/run store` is the way in.
//!
//! All peers are in one process, which does one thing at a time with each in turn: what a sync costs swings by the minute, so a round's times are
//! compared with each other and never with another round's.

mod fjall;
mod measure;
mod million;
mod native;
mod ours;
mod peer;
mod redb;
mod report;
mod sqlite;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [out] => measure::all(out.as_ref()),
        ["million", step, directory] => million::step(step, directory.as_ref()),
        _ => Err("usage: oarlock-bench-store OUT.json".into()),
    }
}
