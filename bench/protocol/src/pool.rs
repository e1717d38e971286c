//! What the runner and the peers say to each other about pools.
//!
//! A peer answers `burst TASKS` and `turn SELECTS`, with `NANOSECONDS P50 P99 OPENED CHECKSUM`: how long it took in all, how long
//! a task or a select took from when it was asked for until its row was there, and how many connections the pool has opened.

use std::future::Future;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Engine, key};

/// How many connections a pool has.
pub const POOL: u32 = 10;

/// One library's pool.
pub trait Pooled: Send + Sync + 'static {
    /// Selects one row by its key on a connection of the pool, and gives its checksum.
    fn select(&self, key: i64) -> impl Future<Output = u64> + Send;

    /// Gives how many connections were opened.
    fn opened(&self) -> u64;
}

/// Answers the runner until its end, on runtimes as [`serve`](crate::serve) has them.
pub fn serve_pool<P, F>(engine: Engine, open: impl FnOnce() -> F) -> io::Result<()>
where
    P: Pooled,
    F: Future<Output = P> + Send + 'static,
{
    let runtime = match engine {
        Engine::Sqlite => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        Engine::Postgres | Engine::Mysql => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    let pool = Arc::new(runtime.block_on(runtime.spawn(open())).map_err(io::Error::other)?);
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (shape, count) = line.split_once(' ').ok_or_else(|| io::Error::other("expected SHAPE COUNT"))?;
        let count = count.parse().map_err(io::Error::other)?;
        let db = Arc::clone(&pool);
        let started = Instant::now();
        let work = match shape {
            "burst" => runtime.block_on(runtime.spawn(burst(db, count))),
            "turn" => runtime.block_on(runtime.spawn(turn(db, count))),
            _ => return Err(io::Error::other("unknown shape")),
        };
        let (mut times, sum) = work.map_err(io::Error::other)?;
        let elapsed = started.elapsed();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_nanos();
        writeln!(out, "{} {} {} {} {sum}", elapsed.as_nanos(), at(50), at(99), pool.opened())?;
        out.flush()?;
    }
    Ok(())
}

/// All at once, each in a task of its own.
async fn burst<P: Pooled>(pool: Arc<P>, count: u64) -> (Vec<Duration>, u64) {
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let pool = Arc::clone(&pool);
            let asked = Instant::now();
            tokio::spawn(async move { (pool.select(key(index)).await, asked.elapsed()) })
        })
        .collect();
    let (mut times, mut sum) = (Vec::with_capacity(tasks.len()), 0_u64);
    for task in tasks {
        let (one, time) = task.await.expect("task");
        sum = sum.wrapping_add(one);
        times.push(time);
    }
    (times, sum)
}

/// One after the other.
async fn turn<P: Pooled>(pool: Arc<P>, count: u64) -> (Vec<Duration>, u64) {
    let (mut times, mut sum) = (Vec::with_capacity(count as usize), 0_u64);
    for index in 0..count {
        let asked = Instant::now();
        sum = sum.wrapping_add(pool.select(key(index)).await);
        times.push(asked.elapsed());
    }
    (times, sum)
}
