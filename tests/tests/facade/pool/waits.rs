//! Waiting for a connection: in order, within its time, and with an error that tells why there is none.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use oarlock::{Db, DbExt, Error, ErrorKind, Pool, PoolOptions, Result};
use oarlock_test_support::Proxy;
use oarlock_tests::{Database, Engine, Verdict, on_every_engine, refused, until};
use tokio::net::TcpListener;

on_every_engine!(
    who_comes_first_is_served_first,
    five_thousand_tasks_share_ten_connections,
    a_full_pool_tells_who_holds_its_connections,
    a_task_that_waits_for_itself_is_told,
    an_idle_connection_without_an_answer_is_told,
);

const LIMIT: Duration = Duration::from_millis(200);

/// How much later than its deadline an error may come.
const SLACK: Duration = Duration::from_millis(100);

/// Requires an error of a kind within a time, and gives it with the time it took.
async fn timed<T>(call: impl Future<Output = Result<T>>, kind: ErrorKind) -> (Error, Duration) {
    let started = Instant::now();
    let result = call.await;
    let took = started.elapsed();
    (refused(result, kind), took)
}

fn is_on_time(took: Duration) -> bool {
    took >= LIMIT && took < LIMIT + SLACK
}

fn assert_on_time(took: Duration) {
    assert!(is_on_time(took), "the error came after {took:?}, and is due after {LIMIT:?}");
}

async fn who_comes_first_is_served_first(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).connect(&database.url).await?;
    let held = pool.acquire().await?;
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiters = Vec::new();
    for number in 0..50 {
        let (db, order) = (pool.clone(), Arc::clone(&served));
        waiters.push(tokio::spawn(async move {
            let conn = db.acquire().await?;
            order.lock().expect("no panic").push(number);
            // Some leave the session dirty, and it has to be reset before the next.
            if number % 5 == 0 {
                conn.lease().await?.connection().begin(&oarlock::TxOptions::new()).await?;
            }
            Ok::<_, Error>(())
        }));
        assert!(until(async || Ok(pool.status().waiting == number + 1)).await?);
    }
    // One in the middle gives up.
    waiters.remove(20).abort();
    assert!(until(async || Ok(pool.status().waiting == 49)).await?);
    drop(held);
    for waiter in waiters {
        waiter.await.expect("no panic")?;
    }
    let order = served.lock().expect("no panic").clone();
    assert_eq!(order, (0..50).filter(|number| *number != 20).collect::<Vec<_>>());
    assert_eq!(pool.status().created, 1);
    Ok(())
}

async fn five_thousand_tasks_share_ten_connections(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(10).connect(&database.url).await?;
    let tasks: Vec<_> = (0..5000_i64)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.fetch_value::<i64>("SELECT ? + 0", (number,)).await })
        })
        .collect();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await.expect("no panic")?, number);
    }
    let status = pool.status();
    assert!(status.created <= 10 && status.size <= 10, "{status:?}");
    assert_eq!((status.discarded, status.timeouts, status.waiting, status.in_use), (0, 0, 0, 0));
    // One for the look at the URL.
    assert_eq!((status.acquired, status.waits.count()), (5001, 5001));
    Ok(())
}

async fn a_full_pool_tells_who_holds_its_connections(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(2).acquire_timeout(LIMIT).connect(&database.url).await?;
    let line = line!() + 1;
    let conn = pool.acquire().await?;
    let tx = (&pool as &dyn Db).begin().await?;
    let (error, took) = tokio::spawn({
        let pool = pool.clone();
        async move { timed(pool.execute("SELECT 1", ()), ErrorKind::PoolTimeout).await }
    })
    .await
    .expect("no panic");
    assert_on_time(took);
    let message = error.to_string();
    let start = "no connection was free within 200 ms: the pool has all 2, and 0 others wait; held by ";
    assert!(message.starts_with(start), "{message}");
    for line in [line, line + 1] {
        assert!(message.contains(&format!("{}:{line} for ", file!())), "{message}");
    }
    assert!(message.ends_with("(return connections sooner, or raise max_size or acquire_timeout)"), "{message}");
    assert_eq!(pool.status().timeouts, 1);
    drop((conn, tx));
    assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);

    // A pool that keeps its callers longer than that would be noticed.
    let slow = PoolOptions::new().max_size(1).acquire_timeout(LIMIT + SLACK).connect(&database.url).await?;
    let _held = slow.acquire().await?;
    let (_, took) = timed(slow.acquire(), ErrorKind::PoolTimeout).await;
    assert!(!is_on_time(took), "an error after {took:?} counts as one after {LIMIT:?}");
    Ok(())
}

async fn a_task_that_waits_for_itself_is_told(database: Database) -> Verdict {
    let pool = PoolOptions::new().max_size(1).acquire_timeout(LIMIT).connect(&database.url).await?;
    let _held = pool.begin().await?;
    let (error, took) = timed(pool.acquire(), ErrorKind::PoolTimeout).await;
    assert_on_time(took);
    let hint = error.hint().unwrap_or_default();
    assert!(hint.starts_with("this task holds 1 of them itself, and waits for itself"), "{error}");
    Ok(())
}

async fn an_idle_connection_without_an_answer_is_told(database: Database) -> Verdict {
    if database.engine == Engine::Sqlite {
        return Ok(());
    }
    let proxy = Proxy::to(&database.url).await;
    let options = PoolOptions::new().validate_after(Duration::ZERO).acquire_timeout(LIMIT);
    let pool = options.connect(proxy.url()).await?;
    proxy.swallow();
    let (error, took) = timed(pool.acquire(), ErrorKind::PoolTimeout).await;
    assert_on_time(took);
    let message = error.to_string();
    let start = "no connection was found to be alive within 200 ms: a check has had no answer for ";
    assert!(message.starts_with(start), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_within_a_second() -> Result<()> {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = closed.local_addr().expect("it is bound");
    drop(closed);
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://u@{address}/db");
        let (error, took) = timed(Pool::connect(&url), ErrorKind::ConnectionRefused).await;
        assert!(took < Duration::from_secs(1), "{scheme}: told after {took:?}");
        assert!(error.to_string().starts_with("the pool could not open a connection: "), "{error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_told_at_the_deadline() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = silent.local_addr().expect("it is bound");
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://u@{address}/db?pool_timeout=200ms");
        let (error, took) = timed(Pool::connect(&url), ErrorKind::PoolTimeout).await;
        assert_on_time(took);
        assert_eq!(
            error.to_string(),
            "no connection could be opened within 200 ms: the server has not answered yet; the pool has 0 of 10, and 0 \
             others wait (see whether the database answers, or raise acquire_timeout)"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_at_once_to_all_who_wait() -> Result<()> {
    for (engine, login) in [(Engine::Postgres, "nobody_here"), (Engine::MySql, "nobody_here:wrong")] {
        let Some(database) = Database::make(engine).await? else { continue };
        let host = database.url.split_once('@').map(|(_, host)| host).unwrap_or_default();
        let scheme = database.url.split(':').next().unwrap_or_default();
        let url = oarlock::Url::parse(&format!("{scheme}://{login}@{host}"))?;
        let connector: Arc<dyn oarlock::Connector> = match engine {
            Engine::Postgres => {
                oarlock::DriverFactory::connector(&oarlock::postgres::PostgresFactory, &url, oarlock::Purpose::Pool)?
            }
            _ => oarlock::DriverFactory::connector(&oarlock::mysql::MysqlFactory, &url, oarlock::Purpose::Pool)?,
        };
        let pool = Pool::new(connector, PoolOptions::new().max_size(2));
        let waiters: Vec<_> = (0..20)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { timed(pool.acquire(), ErrorKind::Authentication).await })
            })
            .collect();
        for waiter in waiters {
            let (_, took) = waiter.await.expect("no panic");
            assert!(took < Duration::from_millis(500), "{engine:?}: told after {took:?}");
        }
        // They did not storm the server.
        assert!(pool.status().failures <= 4, "{:?}", pool.status());
        assert!(until(async || Ok(pool.status().size == 0 && pool.status().waiting == 0)).await?);
        database.remove().await?;
    }
    Ok(())
}
