//! Measures the ORM beside the raw drivers and other libraries, by the shapes of diesel's own benchmarks.

mod contract;
mod models;
mod raw_mysql;
mod raw_postgres;
mod raw_sqlite;
mod rows;

use std::time::Duration;

use oarlock_bench_protocol::{Engine, OrmShape, orm_tables, serve_orm};

use crate::Failure;
use crate::runner::Measured;
use crate::worker::{Worker, chosen, median, memory, url};

/// How often each peer runs each shape.
const PASSES: usize = 9;

/// How long one pass of a peer should take: eight peers, ten shapes and three engines are then measured in ten minutes.
const PASS: Duration = Duration::from_millis(200);

/// The peers of other programs: the name, the program's ending, and what it is called with before the engine and its URL.
const PEERS: [(&str, &str, &[&str]); 5] = [
    ("diesel", "diesel", &["sync"]),
    ("diesel-async", "diesel", &["async"]),
    ("sqlx", "sqlx", &["orm"]),
    ("sea-orm", "sea-orm", &[]),
    ("toasty", "toasty", &[]),
];

/// Answers as one of our peers.
pub fn serve(peer: &str, engine: Engine, url: String) -> Result<(), Failure> {
    match (peer, engine) {
        ("raw", Engine::Sqlite) => serve_orm(engine, raw_sqlite::Raw::open)?,
        ("raw", Engine::Postgres) => serve_orm(engine, || raw_postgres::Raw::open(url))?,
        ("raw", Engine::Mysql) => serve_orm(engine, || raw_mysql::Raw::open(url))?,
        ("oarlock", _) => serve_orm(engine, || contract::Contract::open(engine, url))?,
        ("oarlock-orm", _) => serve_orm(engine, || models::Models::open(url))?,
        _ => return Err("unknown peer".into()),
    }
    Ok(())
}

/// Measures all peers; those of other programs are `PREFIX-ENDING`.
pub fn orm(prefix: &str, out: &str) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let own = own.to_str().ok_or("the program's path is not UTF-8")?;
    let wanted = |name: &str| std::env::var(name).unwrap_or_default();
    let (engines, shapes, peers) =
        (wanted("OARLOCK_BENCH_ENGINES"), wanted("OARLOCK_BENCH_SHAPES"), wanted("OARLOCK_BENCH_PEERS"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let directory = memory()?;
    let mut table = Vec::new();
    for engine in Engine::ALL.into_iter().filter(|engine| chosen(&engines, engine.name())) {
        let name = engine.name();
        let url = if engine == Engine::Sqlite {
            "sqlite::memory:".to_owned()
        } else {
            let url = url(engine, directory.path())?;
            runtime.block_on(create_tables(engine, &url))?;
            url
        };
        let mut workers = Vec::new();
        for peer in ["raw", "oarlock", "oarlock-orm"] {
            if peer == "raw" || chosen(&peers, peer) {
                workers.push(Worker::start(peer, own, &["orm-worker", peer, name, &url])?);
            }
        }
        for (peer, ending, words) in PEERS {
            if chosen(&peers, peer) {
                workers.push(Worker::start(peer, &format!("{prefix}-{ending}"), &[words, &[name, &url]].concat())?);
            }
        }
        for shape in OrmShape::ALL.into_iter().filter(|shape| chosen(&shapes, shape.name())) {
            let rows = measure(engine, shape, &mut workers)?;
            for row in &rows {
                row.print();
            }
            table.extend(rows);
        }
    }
    std::fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

async fn create_tables(engine: Engine, url: &str) -> Result<(), Failure> {
    use oarlock::DbExt;
    let db = oarlock::connect(url).await?;
    db.script(&orm_tables(engine).join(";\n")).await?;
    db.close().await?;
    Ok(())
}

/// Gives the nanoseconds of one iteration, and the sum of what was read.
fn run(peer: &mut Worker, shape: OrmShape, iterations: u64) -> Result<(f64, u64), Failure> {
    let [nanos, sum] = peer.ask(shape.name(), &iterations.to_string())?;
    Ok((nanos.parse::<f64>()? / iterations as f64, sum.parse()?))
}

fn measure(engine: Engine, shape: OrmShape, workers: &mut [Worker]) -> Result<Vec<Measured>, Failure> {
    let (mut peers, mut lacking) = (Vec::new(), Vec::new());
    for worker in workers {
        let [can] = worker.ask::<1>("can", shape.name())?;
        if can == "yes" {
            peers.push(worker);
        } else {
            lacking.push(Measured::lacking(engine, shape.name(), worker.name));
        }
    }
    let fillers = if engine == Engine::Sqlite { peers.len() } else { 1 };
    for peer in &mut peers[..fillers] {
        let [_] = peer.ask::<1>("fill", shape.name())?;
    }
    // The sums of the same number of iterations must agree before anything is timed.
    let probe = match shape {
        OrmShape::Trivial(10_000) | OrmShape::Medium(10_000) | OrmShape::Associations => 2,
        _ => 50,
    };
    let mut sums = Vec::new();
    for peer in &mut peers {
        sums.push((peer.name, run(peer, shape, probe)?.1));
    }
    if sums.iter().any(|sum| sum.1 != sums[0].1) {
        return Err(format!("{} {}: the peers read different rows: {sums:?}", engine.name(), shape.name()).into());
    }
    // The first run prepared the statements; the second one tells how many iterations fill a pass, for each peer by its own
    // speed, as some need a hundred times what others do. The table that is written must not grow without end.
    let most = if let OrmShape::Insert(rows) = shape { 50_000 / rows } else { 500_000 };
    let mut iterations = Vec::new();
    for peer in &mut peers {
        let nanos = run(peer, shape, probe)?.0;
        iterations.push(((PASS.as_nanos() as f64 / nanos) as u64).clamp(2, most));
    }
    let mut times = vec![Vec::with_capacity(PASSES); peers.len()];
    for pass in 0..PASSES {
        for turn in 0..peers.len() {
            let index = (pass + turn) % peers.len();
            times[index].push(run(peers[index], shape, iterations[index])?.0);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let measured =
        |(peer, nanos): (&&mut Worker, &f64)| Measured::new(engine, shape.name(), peer.name, *nanos, medians[0]);
    let mut rows: Vec<Measured> = peers.iter().zip(&medians).map(measured).collect();
    rows.append(&mut lacking);
    Ok(rows)
}
