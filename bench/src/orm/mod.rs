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
const PASSES: usize = 5;

/// How long one pass of the fastest peer should take.
const PASS: Duration = Duration::from_millis(100);

/// The peers of other processes: the name, which ends the program's, and what it is called with.
const PEERS: [(&str, &str); 1] = [("sqlx", "orm")];

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

/// Measures all peers; those of other processes are the programs `PREFIX-NAME`.
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
        for (peer, word) in PEERS {
            if chosen(&peers, peer) {
                workers.push(Worker::start(peer, &format!("{prefix}-{peer}"), &[word, name, &url])?);
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

fn measure(engine: Engine, shape: OrmShape, peers: &mut [Worker]) -> Result<Vec<Measured>, Failure> {
    let fillers = if engine == Engine::Sqlite { peers.len() } else { 1 };
    for peer in &mut peers[..fillers] {
        let [_] = peer.ask::<1>("fill", shape.name())?;
    }
    // The same number of iterations for all, by the fastest one's speed; the sums must agree before anything is timed.
    let probe = match shape {
        OrmShape::Trivial(10_000) | OrmShape::Medium(10_000) | OrmShape::Associations => 2,
        _ => 50,
    };
    let mut sums = Vec::new();
    let mut speed = f64::MAX;
    for peer in peers.iter_mut() {
        let (nanos, sum) = run(peer, shape, probe)?;
        sums.push((peer.name, sum));
        speed = speed.min(nanos);
    }
    if sums.iter().any(|sum| sum.1 != sums[0].1) {
        return Err(format!("{} {}: the peers read different rows: {sums:?}", engine.name(), shape.name()).into());
    }
    // The table that is written must not grow without end.
    let most = if let OrmShape::Insert(rows) = shape { 50_000 / rows } else { 20_000 };
    let iterations = ((PASS.as_nanos() as f64 / speed) as u64).clamp(2, most);
    let mut times = vec![Vec::with_capacity(PASSES); peers.len()];
    for pass in 0..PASSES {
        for turn in 0..peers.len() {
            let index = (pass + turn) % peers.len();
            times[index].push(run(&mut peers[index], shape, iterations)?.0);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let measured =
        |(peer, median): (&Worker, &f64)| Measured::new(engine, shape.name(), peer.name, *median, medians[0]);
    Ok(peers.iter().zip(&medians).map(measured).collect())
}
