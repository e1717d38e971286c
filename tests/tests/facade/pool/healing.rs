//! A pool survives what happens to its server and to the futures of its callers.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oarlock::{Db, DbExt, Error, Pool, PoolOptions, Result};
use oarlock_test_support::Server;
use oarlock_tests::{Database, Liar, Lie, Verdict, create_item, on_every_engine, until};

on_every_engine!(ten_thousand_dropped_calls_lose_no_connection);

const SIZE: usize = 5;

/// How long the first success may take after the server is back.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Lets tasks use a pool while its server is restarted, and gives how long after that the first call succeeded, or `None`
/// where none did within three seconds.
async fn restart(server: &mut Server, pool: &Pool) -> Option<Duration> {
    let over = Arc::new(AtomicBool::new(false));
    let (sender, mut succeeded) = tokio::sync::mpsc::unbounded_channel();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (pool, over, sender) = (pool.clone(), Arc::clone(&over), sender.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    // What they get in the meantime are errors, but no hang.
                    if pool.fetch_value::<i64>("SELECT 1", ()).await.is_ok() {
                        let _ = sender.send(Instant::now());
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    succeeded.recv().await.expect("the tasks are at work");
    server.stop().await;
    server.start().await;
    let ready = Instant::now();
    let first = tokio::time::timeout(AT_ONCE * 3, async {
        loop {
            match succeeded.recv().await {
                Some(at) if at >= ready => return at - ready,
                _ => {}
            }
        }
    })
    .await
    .ok();
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.abort();
        let _ = task.await;
    }
    first
}

async fn heals(mut server: Server, sessions: &str) -> Result<()> {
    let options = || PoolOptions::new().max_size(SIZE).acquire_timeout(Duration::from_secs(5));
    let pool = options().connect(&server.url()).await?;
    let first = restart(&mut server, &pool).await;
    assert!(first.is_some_and(|first| first <= AT_ONCE), "the first success came {first:?} after the server was back");
    // The size is exact, on both sides.
    let held: Vec<_> = {
        let mut held = Vec::new();
        for _ in 0..SIZE {
            held.push(pool.acquire().await?);
        }
        held
    };
    for conn in &held {
        assert_eq!(conn.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    }
    assert_eq!((pool.status().size, pool.status().in_use), (SIZE, SIZE));
    let wanted = i64::try_from(SIZE).expect("small");
    assert!(until(async || Ok(held[0].fetch_value::<i64>(sessions, ()).await? == wanted)).await?);
    drop(held);
    pool.close().await?;

    // A driver that says its lost connections live keeps the pool from healing, and that is noticed.
    // A connection that is just being opened when the server goes heals it all the same, so there are some tries.
    for _ in 0..4 {
        let blind = Pool::new(Arc::new(Liar::new(&server.url(), Lie::Alive)?), options());
        if restart(&mut server, &blind).await.is_none() {
            return Ok(());
        }
    }
    panic!("lost connections that are said to live were not noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_heals_after_a_restart_of_postgres() -> Result<()> {
    let Some(server) = Server::postgres().start().await else { return Ok(()) };
    heals(server, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_heals_after_a_restart_of_mysql() -> Result<()> {
    let Some(server) = Server::mysql().start().await else { return Ok(()) };
    heals(server, "SELECT count(*) FROM information_schema.processlist WHERE user = 'root'").await
}

/// Polls a future at most so often, and drops it then.
async fn dropped_after<T>(polls: u64, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut left) = (pin!(call), polls);
    std::future::poll_fn(|cx| match call.as_mut().poll(cx) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            left -= 1;
            std::task::Poll::Pending
        }
    })
    .await
}

/// Numbers as good as random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn ten_thousand_dropped_calls_lose_no_connection(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(4).connect(&database.url).await?;
    create_item(&pool).await?;
    let tasks: Vec<_> = (0..8_u64)
        .map(|task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut dice = Dice(task);
                for turn in 0..1250_u64 {
                    let (polls, nonce) = (dice.roll(4), i64::try_from(task * 10_000 + turn).expect("small"));
                    match dice.roll(4) {
                        0 => drop(dropped_after(polls, pool.acquire()).await),
                        1 => {
                            let read = pool.fetch_value::<i64>("SELECT ? + 0", (nonce,));
                            if let Some(Ok(value)) = dropped_after(polls, read).await {
                                assert_eq!(value, nonce, "the result of another statement");
                            }
                        }
                        2 => drop(dropped_after(polls, pool.query("SELECT id FROM item", ())).await),
                        _ => {
                            let write = async {
                                let tx = pool.begin().await?;
                                tx.execute("INSERT INTO item (id) VALUES (?)", (nonce,)).await?;
                                Ok::<_, Error>(tx)
                            };
                            drop(dropped_after(polls, write).await);
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let settled = until(async || {
        let status = pool.status();
        Ok(status.in_use == 0 && status.waiting == 0 && status.opening == 0 && status.size == status.idle)
    });
    assert!(settled.await?, "{:?}", pool.status());
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(pool.acquire().await?);
    }
    assert_eq!(pool.status().in_use, 4);
    for conn in &all {
        let state = conn.lease().await?.connection().tx_state();
        assert_eq!(state, oarlock::TxState::Auto);
        assert_eq!(conn.fetch_value::<i64>("SELECT count(*) FROM item", ()).await?, 0, "nothing was committed");
    }
    Ok(())
}
