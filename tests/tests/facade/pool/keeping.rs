//! What a pool does by itself: connections kept warm, and ended when they are old; work on new ones; leaks reported.

use std::fmt::Write;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use oarlock::{BoxFuture, Db, DbExt, Error, ErrorKind, Lease, Pool, PoolOptions, Result, Tx, TxOptions};
use oarlock_tests::{Database, Engine, Verdict, caught, create_item, insert, on_every_engine, refused, until};

on_every_engine!(
    free_connections_are_kept_warm,
    idle_connections_end_down_to_those_kept_warm,
    old_connections_end,
    a_connection_that_does_not_come_back_is_reported_with_its_place,
    closing_waits_and_tells_who_holds_a_connection,
    closing_gives_up_what_is_being_opened,
    closing_ends_what_was_on_its_way_to_one_who_gave_up,
    a_hook_prepares_every_session,
    a_hook_may_refuse_a_connection,
    options_stand_in_the_url,
    many_writers_wait_for_their_turn,
);

async fn free_connections_are_kept_warm(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(4).min_idle(2).connect(&database.url).await?;
    assert!(until(async || Ok(pool.status().idle == 2)).await?);
    let held = (pool.acquire().await?, pool.acquire().await?, pool.acquire().await?);
    assert!(until(async || Ok(pool.status().size == 4)).await?, "as many as there may be: {:?}", pool.status());
    drop(held);
    assert!(until(async || Ok(pool.status().idle == 4)).await?);
    assert_eq!(pool.status().discarded, 0);
    Ok(())
}

async fn idle_connections_end_down_to_those_kept_warm(database: Database) -> Verdict {
    let options = PoolOptions::new().max_size(4).min_idle(1).idle_timeout(Duration::from_millis(50));
    let pool = options.connect(&database.url).await?;
    drop((pool.acquire().await?, pool.acquire().await?, pool.acquire().await?));
    assert!(until(async || Ok(pool.status().size == 1)).await?, "{:?}", pool.status());
    let created = pool.status().created;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((pool.status().idle, pool.status().created), (1, created), "the one kept warm is not replaced");
    Ok(())
}

async fn old_connections_end(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(2).max_lifetime(Duration::from_millis(100)).connect(&database.url).await?;
    let held = pool.acquire().await?;
    assert!(until(async || Ok(pool.status().discarded == 0 && pool.status().in_use == 1)).await?);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(held.fetch_value::<i64>("SELECT 1", ()).await?, 1, "one that is lent lives on");
    drop(held);
    assert!(until(async || Ok(pool.status().size == 0)).await?, "{:?}", pool.status());
    assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    assert_eq!(pool.status().created, 2);
    Ok(())
}

async fn a_connection_that_does_not_come_back_is_reported_with_its_place(database: Database) -> Verdict {
    let leak_after = Duration::from_millis(50);
    let pool = PoolOptions::new().max_size(3).leak_after(leak_after).connect(&database.url).await?;
    leaks_are_told(&pool, &pool).await?;
    // What stands between the caller and the pool, and forgets the caller, is no place.
    caught("a report of another place", &["left == right"], leaks_are_told(&pool, &Forgetful(pool.clone()))).await;
    let blind = PoolOptions::new().max_size(3).leak_after(None).connect(&database.url).await?;
    caught("no report", &["nobody was told"], leaks_are_told(&blind, &blind)).await;
    Ok(())
}

/// Takes connections and keeps them, and requires the pool to tell where.
async fn leaks_are_told(pool: &Pool, db: &dyn Db) -> Verdict {
    for _ in 0..20 {
        pool.execute("SELECT 1", ()).await?;
    }
    assert_eq!(pool.status().overdue, [], "those that come back are no leaks");
    let line = line!() + 1;
    let leaked = pool.acquire().await?;
    let cursor = db.query("SELECT 1", ()).await?;
    let through = db.begin().await?;
    let told = tokio::time::timeout(Duration::from_secs(2), async {
        while pool.status().overdue.len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(told.await.is_ok(), "nobody was told of a leak");
    let overdue = pool.status().overdue;
    let mut lines: Vec<_> = overdue.iter().map(|holder| (holder.site.file(), holder.site.line())).collect();
    lines.sort_unstable();
    assert_eq!(lines, [(file!(), line), (file!(), line + 1), (file!(), line + 2)]);
    assert!(overdue.iter().all(|holder| holder.held >= Duration::from_millis(50)));
    drop((leaked, cursor, through));
    assert!(until(async || Ok(pool.status().overdue.is_empty())).await?);
    Ok(())
}

/// Lends a pool's connections without a word of who asks.
struct Forgetful(Pool);

impl Db for Forgetful {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        self.0.lease()
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        self.0.begin_with(options)
    }
}

async fn closing_waits_and_tells_who_holds_a_connection(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(2).close_timeout(Duration::from_millis(50)).connect(&database.url).await?;
    let held = pool.acquire().await?;
    let line = line!() - 1;
    let error = refused(pool.close().await, ErrorKind::PoolTimeout);
    let message = error.to_string();
    assert!(message.starts_with("1 connections did not come back within 50 ms; held by "), "{message}");
    assert!(message.contains(&format!("{}:{line} for ", file!())), "{message}");
    refused(pool.acquire().await, ErrorKind::PoolClosed);
    assert_eq!(held.fetch_value::<i64>("SELECT 1", ()).await?, 1, "what is lent goes on");
    drop(held);
    pool.close().await?;
    assert_eq!(pool.status().size, 0);

    // It waits for what comes back in time.
    let pool = Pool::connect(&database.url).await?;
    let held = pool.acquire().await?;
    let closing = pool.close();
    refused(pool.acquire().await, ErrorKind::PoolClosed);
    drop(held);
    closing.await?;
    assert_eq!(pool.status().size, 0);
    Ok(())
}

/// It was given to one who waited, and came back when they went away, after the pool had closed what was free.
async fn closing_ends_what_was_on_its_way_to_one_who_gave_up(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    let held = pool.acquire().await?;
    let mut waiter = Box::pin(pool.acquire());
    assert!(poll_fn(|cx| Poll::Ready(waiter.as_mut().poll(cx).is_pending())).await);
    drop(held);
    let closing = pool.close();
    drop(waiter);
    tokio::time::timeout(Duration::from_secs(1), closing).await.expect("it ends at once")?;
    Ok(())
}

async fn closing_gives_up_what_is_being_opened(database: Database) -> Verdict {
    // The hook of the second connection never comes to its end: it is being opened for as long as it may be.
    let count = AtomicUsize::new(0);
    let options = PoolOptions::new().max_size(2).after_connect(move |_| {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move { if first { Ok(()) } else { std::future::pending().await } })
    });
    let pool = options.connect(&database.url).await?;
    let held = pool.acquire().await?;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(drop) }
    });
    assert!(until(async || Ok(pool.status().opening == 1)).await?, "{:?}", pool.status());
    drop(held);
    tokio::time::timeout(Duration::from_secs(2), pool.close()).await.expect("nothing is left to wait for")?;
    let status = pool.status();
    assert_eq!((status.size, status.opening, status.waiting), (0, 0, 0), "{status:?}");
    refused(waiting.await.expect("the task ends"), ErrorKind::PoolClosed);
    Ok(())
}

async fn a_hook_prepares_every_session(database: Database) -> Verdict {
    let (set, change, probe) = match database.engine {
        Engine::Sqlite => ("PRAGMA busy_timeout = 77", "PRAGMA busy_timeout = 5", "PRAGMA busy_timeout"),
        Engine::Postgres => (
            "SET statement_timeout = 77000",
            "SET statement_timeout = 5000",
            "SELECT CAST(setting AS int8) / 1000 FROM pg_settings WHERE name = 'statement_timeout'",
        ),
        Engine::MySql => (
            "SET SESSION innodb_lock_wait_timeout = 77",
            "SET SESSION innodb_lock_wait_timeout = 5",
            "SELECT CAST(@@innodb_lock_wait_timeout AS SIGNED)",
        ),
    };
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let options = PoolOptions::new().max_size(1).after_connect(move |conn| {
        counter.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { conn.execute(set, ()).await.map(drop) })
    });
    let pool = options.connect(&database.url).await?;
    for _ in 0..3 {
        assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1, "what it sets is no reason for a reset");
    let conn = pool.acquire().await?;
    assert_eq!(conn.fetch_value::<i64>(probe, ()).await?, 77);
    conn.execute(change, ()).await?;
    assert_eq!(conn.fetch_value::<i64>(probe, ()).await?, 5);
    drop(conn);
    assert_eq!(pool.fetch_value::<i64>(probe, ()).await?, 77, "after a reset it is set again");
    assert_eq!(pool.status().created, 1);

    let failing = PoolOptions::new()
        .after_connect(|conn| Box::pin(async move { conn.execute("SELECT nonsense", ()).await.map(drop) }));
    let error = refused(failing.connect(&database.url).await, ErrorKind::UnknownColumn);
    assert!(
        error.to_string().starts_with("the pool could not open a connection: the pool's after_connect: "),
        "{error}"
    );
    Ok(())
}

async fn a_hook_may_refuse_a_connection(database: Database) -> Verdict {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    // The second time it looks is at a connection that was used before.
    let options = PoolOptions::new().max_size(1).before_acquire(move |conn| {
        let look = counter.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            conn.ping().await?;
            if look == 1 { Err(Error::interface("not this one")) } else { Ok(()) }
        })
    });
    let pool = options.connect(&database.url).await?;
    assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    assert_eq!((count.load(Ordering::Relaxed), pool.status().created), (3, 2));

    let never = PoolOptions::new().before_acquire(|_| Box::pin(async { Err(Error::interface("none at all")) }));
    let error = refused(never.connect(&database.url).await, ErrorKind::Interface);
    assert_eq!(error.to_string(), "the pool's before_acquire refused a new connection: none at all");
    Ok(())
}

async fn options_stand_in_the_url(database: Database) -> Verdict {
    let url = database.url_with("pool_max=3&pool_min_idle=2");
    let pool = Pool::connect(&url).await?;
    assert_eq!(pool.status().max_size, 3);
    assert!(until(async || Ok(pool.status().idle == 2)).await?);
    // A tool that wants one connection takes the same URL.
    assert_eq!(oarlock::connect(&url).await?.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    let unknown = database.url_with("pool_colour=red");
    for error in [Pool::connect(&unknown).await.map(drop), oarlock::connect(&unknown).await.map(drop)] {
        let error = refused(error, ErrorKind::Configuration);
        assert!(error.to_string().starts_with("the pool has no option pool_colour (it knows pool_max, "), "{error}");
    }
    Ok(())
}

async fn many_writers_wait_for_their_turn(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(8).connect(&database.url).await?;
    create_item(&pool).await?;
    let tasks: Vec<_> = (0..64_i64)
        .map(|task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for turn in 0..5 {
                    let id = task * 1000 + turn;
                    insert(&pool, id).await?;
                    pool.transaction(|tx| async move {
                        let rows: i64 = tx.fetch_value("SELECT count(*) FROM item WHERE id = ?", (id,)).await?;
                        insert(&tx, id + 500).await.map(|()| rows)
                    })
                    .await?;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic")?;
    }
    assert_eq!(pool.fetch_value::<i64>("SELECT count(*) FROM item", ()).await?, 64 * 10);
    Ok(())
}

/// Hears the pool's warnings.
struct Ear(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Ear {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "oarlock::pool" && *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut words = format!("{}", event.metadata().level());
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            let _ = write!(words, " {field}={value:?}");
        });
        self.0.lock().expect("no panic").push(words);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(flavor = "current_thread")]
async fn a_leak_is_warned_of_once_with_its_place() -> Result<()> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let _ear = tracing::subscriber::set_default(Ear(Arc::clone(&heard)));
    let pool = PoolOptions::new().leak_after(Duration::from_millis(40)).connect("sqlite::memory:").await?;
    let line = line!() + 1;
    let leaked = pool.acquire().await?;
    assert!(until(async || Ok(!heard.lock().expect("no panic").is_empty())).await?);
    assert!(until(async || Ok(pool.status().overdue.first().is_some_and(|one| one.held.as_millis() > 150))).await?);
    drop(leaked);
    let warnings = heard.lock().expect("no panic").clone();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("WARN "), "{warnings:?}");
    assert!(warnings[0].contains(&format!("site={}:{line}:", file!())), "{warnings:?}");
    Ok(())
}
