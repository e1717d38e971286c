//! Measures the pool: 5,000 tasks at once on ten connections, and what it adds to one statement after the other.

use oarlock::{Conn, DbExt, FromRow, Pool, PoolOptions};
use oarlock_bench_protocol::{Engine, POOL, Pooled, User};
use serde::Serialize;

use crate::worker::{Worker, chosen, median, memory, url};
use crate::{Failure, setup};

const POINT: &str = "SELECT id, name, hair_color FROM bench_users WHERE id = ?";

/// How often each peer runs each shape.
const PASSES: usize = 7;

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    hair_color: Option<String>,
}

impl Row {
    fn checksum(self) -> u64 {
        User { id: self.id, name: self.name, hair_color: self.hair_color }.checksum()
    }
}

/// oarlock's pool.
pub struct Oarlock(Pool);

impl Oarlock {
    pub async fn open(url: String) -> Self {
        Self(PoolOptions::new().max_size(POOL as usize).connect(&url).await.expect("the database is there"))
    }
}

impl Pooled for Oarlock {
    async fn select(&self, key: i64) -> u64 {
        self.0.require_one::<Row>(POINT, (key,)).await.expect("select").checksum()
    }

    fn opened(&self) -> u64 {
        self.0.status().created
    }
}

/// One connection, without a pool: for what the pool adds.
pub struct Direct(Conn);

impl Direct {
    pub async fn open(url: String) -> Self {
        Self(oarlock::connect(&url).await.expect("the database is there"))
    }
}

impl Pooled for Direct {
    async fn select(&self, key: i64) -> u64 {
        self.0.require_one::<Row>(POINT, (key,)).await.expect("select").checksum()
    }

    fn opened(&self) -> u64 {
        1
    }
}

#[derive(Serialize)]
struct Measured {
    engine: &'static str,
    shape: &'static str,
    peer: &'static str,
    /// Of one select, all time divided by their number.
    median_ns: u64,
    /// To sqlx, or to the same connection without a pool.
    ratio: f64,
    p50_ns: u64,
    p99_ns: u64,
    per_second: u64,
    opened: u64,
}

/// What a peer says of one pass.
#[derive(Clone, Copy)]
struct Pass {
    nanos: f64,
    p50: f64,
    p99: f64,
    opened: f64,
    sum: u64,
}

impl Pass {
    fn of(peer: &mut Worker, shape: &str, count: u64) -> Result<Self, Failure> {
        let [nanos, p50, p99, opened, sum] = peer.ask(shape, &count.to_string())?;
        Ok(Self {
            nanos: nanos.parse::<f64>()? / count as f64,
            p50: p50.parse()?,
            p99: p99.parse()?,
            opened: opened.parse()?,
            sum: sum.parse()?,
        })
    }
}

/// Measures the pool beside sqlx's, and beside a connection without one.
pub fn pool(sqlx: &str, out: &str) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let own = own.to_str().ok_or("the program's path is not UTF-8")?;
    let directory = memory()?;
    let file = directory.path().join("bench.db");
    let engines = std::env::var("OARLOCK_BENCH_ENGINES").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut table = Vec::new();
    println!(
        "{:10} {:12} {:14} {:>12} {:>12} {:>12} {:>10} {:>7} {:>7}",
        "engine", "shape", "peer", "per select", "p50", "p99", "selects/s", "opened", "ratio"
    );
    for engine in Engine::ALL.into_iter().filter(|engine| chosen(&engines, engine.name())) {
        let url = url(engine, &file)?;
        runtime.block_on(setup::fill(engine, &url))?;
        let name = engine.name();
        let mut peers = [
            Worker::start("sqlx", sqlx, &["pool", name, &url])?,
            Worker::start("oarlock", own, &["pool-worker", "oarlock", name, &url])?,
            Worker::start("oarlock-direct", own, &["pool-worker", "direct", name, &url])?,
        ];
        // A single connection has one caller at a time, so it takes no burst.
        let (pools, _) = peers.split_at_mut(2);
        table.extend(measure(engine, "burst", 5_000, pools)?);
        let base = table.len();
        table.extend(measure(engine, "turn", 3_000, &mut peers)?);
        let direct = table.last().map_or(1, |row: &Measured| row.median_ns);
        for row in &mut table[base..] {
            row.ratio = ratio(row.median_ns, direct);
        }
        for row in table.iter().filter(|row| row.engine == name) {
            let micros = |nanos: u64| nanos as f64 / 1000.0;
            println!(
                "{:10} {:12} {:14} {:>9.2} µs {:>9.1} µs {:>9.1} µs {:>10} {:>7} {:>7.3}",
                row.engine,
                row.shape,
                row.peer,
                micros(row.median_ns),
                micros(row.p50_ns),
                micros(row.p99_ns),
                row.per_second,
                row.opened,
                row.ratio
            );
        }
    }
    std::fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

fn ratio(one: u64, other: u64) -> f64 {
    (one as f64 / other as f64 * 1000.0).round() / 1000.0
}

fn measure(engine: Engine, shape: &'static str, count: u64, peers: &mut [Worker]) -> Result<Vec<Measured>, Failure> {
    let mut passes = vec![Vec::with_capacity(PASSES); peers.len()];
    // The first is to warm up and to compare.
    let mut sums = Vec::new();
    for peer in peers.iter_mut() {
        sums.push(Pass::of(peer, shape, count)?.sum);
    }
    if sums.iter().any(|sum| *sum != sums[0]) {
        return Err(format!("{} {shape}: the peers read different rows: {sums:?}", engine.name()).into());
    }
    for pass in 0..PASSES {
        for turn in 0..peers.len() {
            let index = (pass + turn) % peers.len();
            passes[index].push(Pass::of(&mut peers[index], shape, count)?);
        }
    }
    let of = |index: usize, what: fn(&Pass) -> f64| median(passes[index].iter().map(what).collect());
    let first = of(0, |pass| pass.nanos) as u64;
    Ok(peers
        .iter()
        .enumerate()
        .map(|(index, peer)| {
            let nanos = of(index, |pass| pass.nanos);
            Measured {
                engine: engine.name(),
                shape,
                peer: peer.name,
                median_ns: nanos as u64,
                ratio: ratio(nanos as u64, first),
                p50_ns: of(index, |pass| pass.p50) as u64,
                p99_ns: of(index, |pass| pass.p99) as u64,
                per_second: (1e9 / nanos) as u64,
                opened: of(index, |pass| pass.opened) as u64,
            }
        })
        .collect())
}
