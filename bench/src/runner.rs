//! Runs the peers in turn, pass by pass, and writes what came of it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use oarlock_bench_protocol::{Engine, Shape};
use serde::Serialize;

use crate::{Failure, setup};

/// How often each peer runs each shape.
const PASSES: usize = 9;

/// How long one pass of one peer should take.
const PASS: Duration = Duration::from_millis(250);

#[derive(Serialize)]
struct Measured {
    engine: &'static str,
    shape: &'static str,
    peer: &'static str,
    median_ns: u64,
    ratio: f64,
}

struct Worker {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(name: &'static str, program: &str, words: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut worker = Self { name, child, input, output };
        match worker.line()?.as_str() {
            "ready" => Ok(worker),
            other => Err(format!("{name} said {other:?} instead of ready").into()),
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("{} ended: {}", self.name, self.child.wait()?).into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Gives the nanoseconds of one iteration, and the sum of what was read.
    fn run(&mut self, shape: Shape, iterations: u64) -> Result<(f64, u64), Failure> {
        writeln!(self.input, "{} {iterations}", shape.name())?;
        let line = self.line()?;
        let (nanos, checksum) = line.split_once(' ').ok_or("expected NANOSECONDS CHECKSUM")?;
        Ok((nanos.parse::<f64>()? / iterations as f64, checksum.parse()?))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a directory in memory where there is such a file system: a commit then costs what the libraries make it cost, and not
/// what the disk's swings do.
pub fn memory() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
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
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", file.display()),
            Engine::Postgres => std::env::var("OARLOCK_TEST_POSTGRES_URL")?,
            Engine::Mysql => std::env::var("OARLOCK_TEST_MYSQL_URL")?,
        };
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
                println!(
                    "{:10} {:18} {:8} {:>14.2} µs {:>8.3}",
                    row.engine,
                    row.shape,
                    row.peer,
                    row.median_ns as f64 / 1000.0,
                    row.ratio
                );
            }
            table.extend(rows);
        }
    }
    std::fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

/// Tells whether a list of names has this one; an empty list has all.
fn chosen(list: &str, name: &str) -> bool {
    list.is_empty() || list.split(',').any(|chosen| chosen == name)
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
        let (nanos, sum) = peer.run(shape, probe)?;
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
            times[index].push(peers[index].run(shape, iterations)?.0);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    Ok(peers
        .iter()
        .zip(&medians)
        .map(|(peer, median)| Measured {
            engine: engine.name(),
            shape: shape.name(),
            peer: peer.name,
            median_ns: *median as u64,
            ratio: (median / medians[0] * 1000.0).round() / 1000.0,
        })
        .collect())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
