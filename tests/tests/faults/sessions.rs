//! Sessions that are taken away, and servers that give no more of them.

use std::time::{Duration, Instant};

use oarlock::{DbExt, Error, ErrorKind, PoolOptions, Result};
use oarlock_test_support::{Proxy, Server, ServerOptions};
use oarlock_tests::{Database, Engine, Verdict, create_item, ids, insert, on_engines, refused, until};
use tokio::net::{TcpListener, TcpStream};

on_engines! {
    a_transaction_that_idles_too_long_is_lost_as_a_whole on Postgres MySql;
    an_idle_connection_that_went_mute_is_replaced_within_its_bound on Postgres MySql;
}

/// The server ends a session whose transaction does nothing.
async fn a_transaction_that_idles_too_long_is_lost_as_a_whole(database: Database) -> Verdict {
    let (limit, me, alive) = if database.engine == Engine::Postgres {
        (
            "SET idle_in_transaction_session_timeout = '50ms'",
            "SELECT pg_backend_pid()",
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid = ?",
        )
    } else {
        (
            "SET SESSION wait_timeout = 1",
            "SELECT connection_id()",
            "SELECT count(*) FROM information_schema.processlist WHERE id = ?",
        )
    };
    let admin = oarlock::connect(&database.url).await?;
    create_item(&admin).await?;
    let options = PoolOptions::new().max_size(1);
    let options = options.after_connect(move |conn| Box::pin(async move { conn.execute(limit, ()).await.map(drop) }));
    let pool = options.connect(&database.url).await?;
    for commits in [false, true] {
        let tx = pool.begin().await?;
        insert(&tx, 1).await?;
        let id: i64 = tx.fetch_value(me, ()).await?;
        assert!(until(async || Ok(admin.fetch_value::<i64>(alive, (id,)).await? == 0)).await?, "the session goes on");
        if commits {
            refused(tx.commit().await, ErrorKind::ConnectionLost);
        } else {
            refused(insert(&tx, 2).await, ErrorKind::ConnectionLost);
            assert!(tx.commit().await.is_err(), "the transaction is lost");
        }
        assert_eq!(ids(&admin).await?, [0_i64; 0], "nothing of it is there");
        assert_ne!(pool.fetch_value::<i64>(me, ()).await?, id);
        assert_eq!(pool.status().size, 1);
    }
    Ok(())
}

/// The line of an idle connection is dead, and nobody has said so: what is sent is lost.
async fn an_idle_connection_that_went_mute_is_replaced_within_its_bound(database: Database) -> Verdict {
    let proxy = Proxy::to(&database.url).await;
    let pool = PoolOptions::new().max_size(1).validate_after(Duration::ZERO).connect(proxy.url()).await?;
    assert_eq!(pool.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    let (created, lost) = (pool.status().created, proxy.lost());
    proxy.swallow();
    let started = Instant::now();
    let asking = tokio::spawn({
        let pool = pool.clone();
        async move { pool.fetch_value::<i64>("SELECT 2", ()).await }
    });
    assert!(until(async || Ok(proxy.lost() > lost)).await?, "the connection was not asked for a sign of life");
    // The network is there again; the old connection stays mute.
    proxy.resume();
    assert_eq!(asking.await.expect("no panic")?, 2);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(3), "the pool waited {took:?} for a connection that is gone");
    assert_eq!((pool.status().created, pool.status().size), (created + 1, 1));

    // One that is not asked first is lent all the same: this test would notice.
    let blind = PoolOptions::new().max_size(1).connect(proxy.url()).await?;
    assert_eq!(blind.fetch_value::<i64>("SELECT 1", ()).await?, 1);
    proxy.swallow();
    let asked = tokio::time::timeout(Duration::from_secs(3), blind.fetch_value::<i64>("SELECT 2", ())).await;
    assert!(asked.is_err(), "a mute connection answers: {asked:?}");
    Ok(())
}

/// Fills a server with sessions of others, and requires a pool to say so and to go on once one of them ends.
async fn is_told_and_heals(options: ServerOptions, words: &str) -> Result<()> {
    const LIMIT: Duration = Duration::from_millis(600);
    let Some(server) = options.start().await else { return Ok(()) };
    // An attempt to encrypt would be a connection more, for a moment.
    let url = format!("{}?sslmode=disable", server.url());
    let pool = PoolOptions::new().max_size(2).acquire_timeout(LIMIT).connect(&url).await?;
    let kept = pool.acquire().await?;
    let mut others = Vec::new();
    let full = loop {
        match oarlock::connect(&url).await {
            Ok(conn) => others.push(conn),
            Err(error) => break error,
        }
        assert!(others.len() < 100, "the server takes everybody");
    };
    assert_eq!(full.kind(), ErrorKind::TooManyConnections, "{full:?}");
    let error = refused(pool.acquire().await, ErrorKind::PoolTimeout);
    let message = error.to_string();
    assert!(message.starts_with("no connection could be opened within 600 ms: "), "{message}");
    assert!(message.to_lowercase().contains(words), "{message}");
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<std::sync::Arc<Error>>());
    assert_eq!(cause.map(|cause| cause.kind()), Some(ErrorKind::TooManyConnections));
    assert_eq!(kept.fetch_value::<i64>("SELECT 1", ()).await?, 1, "what the pool has goes on");

    // Whoever waits gets what comes back.
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await }
    });
    assert!(until(async || Ok(pool.status().waiting == 1)).await?);
    drop(kept);
    let kept = waiter.await.expect("no panic")?;

    others.pop().expect("there were others").close().await?;
    let healed = until(async || match pool.acquire().await {
        Ok(conn) => Ok(conn.fetch_value::<i64>("SELECT 1", ()).await? == 1),
        Err(error) if error.kind() == ErrorKind::PoolTimeout => Ok(false),
        Err(error) => Err(error),
    });
    assert!(healed.await?, "a place is free, and the pool does not take it");
    assert_eq!(pool.status().size, 2);
    drop(kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_postgres_is_told_and_the_pool_heals() -> Result<()> {
    let options = Server::postgres().setting("max_connections", "6").setting("superuser_reserved_connections", "0");
    is_told_and_heals(options, "too many clients").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mysql_is_told_and_the_pool_heals() -> Result<()> {
    is_told_and_heals(Server::mysql().setting("max_connections", "10"), "too many connections").await
}

/// Nobody listens, or somebody who never answers: both surface without a pool, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_cannot_be_made_is_given_up() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let mute = silent.local_addr().expect("it is bound");
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let nobody = closed.local_addr().expect("it is bound");
    drop(closed);
    for scheme in ["postgres", "mysql"] {
        let started = Instant::now();
        refused(oarlock::connect(&format!("{scheme}://u@{nobody}/db")).await, ErrorKind::ConnectionRefused);
        assert!(started.elapsed() < Duration::from_secs(1), "{scheme}: {:?}", started.elapsed());

        let started = Instant::now();
        let url = format!("{scheme}://u@{mute}/db?connect_timeout=300ms");
        let error = refused(oarlock::connect(&url).await, ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains("the server let nobody in within 300ms"), "{error}");
        assert!(started.elapsed() < Duration::from_millis(900), "{scheme}: {:?}", started.elapsed());

        // Without a word, the limit is ten seconds; and 0 is none.
        let connecting = |option: &str| {
            let url = format!("{scheme}://u@{mute}/db{option}");
            tokio::spawn(async move { oarlock::connect(&url).await.map(drop) })
        };
        let (limited, patient) = (connecting(""), connecting("?connect_timeout=0"));
        let limited = tokio::time::timeout(Duration::from_secs(12), limited).await;
        refused(limited.expect("it is given up").expect("no panic"), ErrorKind::ConnectionRefused);
        assert!(!patient.is_finished(), "{scheme}: it is given up all the same");
        patient.abort();
    }
    Ok(())
}

/// A name or a balancer may lead to several servers, each of which numbers its sessions itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_stop_spares_another_servers_session_of_the_same_number() -> Result<()> {
    const ID: &str = "SELECT connection_id()";
    // With encryption looked for, each would take two numbers.
    let connect =
        async |port: u16| oarlock::connect(&format!("mysql://root@127.0.0.1:{port}/test?ssl-mode=disabled")).await;
    let Some(first) = Server::mysql().start().await else { return Ok(()) };
    let Some(second) = Server::mysql().start().await else { return Ok(()) };
    let admin = connect(second.port()).await?;
    let taken: i64 = admin.fetch_value(ID, ()).await?;
    while connect(first.port()).await?.fetch_value::<i64>(ID, ()).await? <= taken {}
    // The first session is the one server's, whatever comes after it the other's.
    let balancer = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let port = balancer.local_addr().expect("it is bound").port();
    let mut ports = std::iter::once(first.port()).chain(std::iter::repeat(second.port()));
    tokio::spawn(async move {
        while let (Ok((mut client, _)), Some(port)) = (balancer.accept().await, ports.next()) {
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server is there");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let conn = connect(port).await?;
    let id: i64 = conn.fetch_value(ID, ()).await?;
    let stranger = loop {
        let other = connect(second.port()).await?;
        let number: i64 = other.fetch_value(ID, ()).await?;
        assert!(number <= id, "the number is past");
        if number == id {
            break other;
        }
    };
    let sleeps = async || {
        let sleeping = "SELECT count(*) FROM information_schema.processlist WHERE id = ? AND info LIKE 'SELECT sleep%'";
        Ok(admin.fetch_value::<i64>(sleeping, (id,)).await? == 1)
    };
    let sleep = tokio::spawn(async move { stranger.fetch_value::<i64>("SELECT sleep(60)", ()).await });
    assert!(until(sleeps).await?, "the stranger sleeps");
    let asked = conn.canceller()?.cancel().await;
    assert!(sleeps().await?, "the stranger was woken: {asked:?}");
    refused(asked, ErrorKind::ConnectionRefused);
    sleep.abort();
    Ok(())
}
