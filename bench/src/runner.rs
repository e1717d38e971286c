//! Runs the peers in turn, pass by pass, and writes what came of it.

use std::time::Duration;

use oarlock_bench_protocol::{Engine, Shape};
use serde::Serialize;

use crate::worker::{Worker, chosen, median, memory, url};
use crate::{Failure, setup};

/// How often each peer runs each shape.
const PASSES: usize = 9;

/// How long one pass of one peer should take.
const PASS: Duration = Duration::from_millis(250);

#[derive(Serialize)]
pub struct Measured {
    engine: &'static str,
    shape: &'static str,
    peer: &'static str,
    /// None, as the ratio, where the peer has no words for the shape.
    median_ns: Option<u64>,
    ratio: Option<f64>,
}

impl Measured {
    pub fn new(engine: Engine, shape: &'static str, peer: &'static str, nanos: f64, raw: f64) -> Self {
        let ratio = (nanos / raw * 1000.0).round() / 1000.0;
        Self { engine: engine.name(), shape, peer, median_ns: Some(nanos as u64), ratio: Some(ratio) }
    }

    /// A peer that cannot do the shape.
    pub fn lacking(engine: Engine, shape: &'static str, peer: &'static str) -> Self {
        Self { engine: engine.name(), shape, peer, median_ns: None, ratio: None }
    }

    pub fn print(&self) {
        let micros = self.median_ns.map_or("-".to_owned(), |nanos| format!("{:.2} µs", nanos as f64 / 1000.0));
        let ratio = self.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        println!("{:10} {:18} {:12} {micros:>17} {ratio:>8}", self.engine, self.shape, self.peer);
    }
}

/// Measures the contract over the raw drivers, and sqlx beside them.
pub fn overhead(sqlx: &str, out: &str) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let own = own.to_str().ok_or("the program's path is not UTF-8")?;
    let directory = memory()?;
    let file = directory.path().join("bench.db");
    let engines = std::env::var("OARLOCK_BENCH_ENGINES").unwrap_or_default();
    let shapes = std::env::var("OARLOCK_BENCH_SHAPES").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut table = Vec::new();
    for engine in Engine::ALL.into_iter().filter(|engine| chosen(&engines, engine.name())) {
        let url = url(engine, &file)?;
        runtime.block_on(setup::fill(engine, &url))?;
        let name = engine.name();
        let mut peers = [
            Worker::start("raw", own, &["worker", "raw", name, &url])?,
            Worker::start("oarlock", own, &["worker", "oarlock", name, &url])?,
            Worker::start("sqlx", sqlx, &[name, &url])?,
        ];
        for shape in Shape::ALL.into_iter().filter(|shape| shape.runs_on(engine) && chosen(&shapes, shape.name())) {
            let rows = measure(engine, shape, &mut peers)?;
            for row in &rows {
                row.print();
            }
            table.extend(rows);
        }
    }
    std::fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

/// Gives the nanoseconds of one iteration, and the sum of what was read.
fn run(peer: &mut Worker, shape: Shape, iterations: u64) -> Result<(f64, u64), Failure> {
    let [nanos, sum] = peer.ask(shape.name(), &iterations.to_string())?;
    Ok((nanos.parse::<f64>()? / iterations as f64, sum.parse()?))
}

fn measure(engine: Engine, shape: Shape, peers: &mut [Worker]) -> Result<Vec<Measured>, Failure> {
    // The same number of iterations for all, by the first one's speed; the sums must agree before anything is timed.
    let probe = match shape {
        Shape::PointSelect | Shape::PointSelect8x4 => 512,
        Shape::Insert1 => 64,
        _ => 2,
    };
    let mut sums = Vec::new();
    let mut speed = f64::MAX;
    for peer in peers.iter_mut() {
        let (nanos, sum) = run(peer, shape, probe)?;
        sums.push(sum);
        speed = speed.min(nanos);
    }
    if sums.iter().any(|sum| *sum != sums[0]) {
        return Err(format!("{} {}: the peers read different rows: {sums:?}", engine.name(), shape.name()).into());
    }
    let most = if shape == Shape::Insert1 { 2_000 } else { 200_000 };
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
