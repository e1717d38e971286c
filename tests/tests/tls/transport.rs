//! The encrypted line carries what the plain one does.

use futures_util::future::try_join_all;
use oarlock::{DbExt, Pool};
use oarlock_test_support::{Authority, Server};

use crate::{Engine, Servers, is_encrypted};

/// The URL of a server's superuser, for encrypted lines alone.
fn encrypted(engine: Engine, server: &Server) -> String {
    let [mode, ..] = engine.options();
    format!("{}?{mode}={}", server.url(), engine.mode(3))
}

/// Large values both ways, many at a time, from a pool.
async fn large_values_pass(engine: Engine) {
    let Some(server) = Servers::good(engine, &Authority::new("ours")).await else { return };
    let pool = Pool::connect(&encrypted(engine, &server)).await.unwrap();
    let table = match engine {
        Engine::Postgres => "CREATE TABLE blob (id int PRIMARY KEY, data bytea NOT NULL)",
        Engine::Mysql => "CREATE TABLE `blob` (id int PRIMARY KEY, data longblob NOT NULL)",
    };
    pool.execute(table, ()).await.unwrap();
    let quote = if engine == Engine::Mysql { '`' } else { '"' };
    let data = |id: i32| -> Vec<u8> {
        (0..3_000_000_u32)
            .map(|at| u8::try_from(at.wrapping_mul(7919).wrapping_add(id.unsigned_abs()) >> 5 & 0xff).unwrap())
            .collect()
    };
    let tasks = (0..4).map(|id| {
        let (pool, data) = (pool.clone(), data(id));
        async move {
            pool.execute(&format!("INSERT INTO {quote}blob{quote} VALUES (?, ?)"), (id, &data[..])).await?;
            let back: Vec<u8> =
                pool.fetch_value(&format!("SELECT data FROM {quote}blob{quote} WHERE id = ?"), (id,)).await?;
            assert!(back == data, "blob {id}");
            Ok::<_, oarlock::Error>(())
        }
    });
    try_join_all(tasks).await.unwrap();
    pool.close().await.unwrap();
}

#[tokio::test]
async fn large_values_pass_to_postgres() {
    large_values_pass(Engine::Postgres).await;
}

#[tokio::test]
async fn large_values_pass_to_mysql() {
    large_values_pass(Engine::Mysql).await;
}

/// A session that is dropped ends on the server, although a task of its own stands between.
async fn dropped_sessions_end(engine: Engine) {
    let Some(server) = Servers::good(engine, &Authority::new("ours")).await else { return };
    let url = encrypted(engine, &server);
    let admin = oarlock::connect(&url).await.unwrap();
    let (id, count) = match engine {
        Engine::Postgres => (
            "SELECT CAST(pg_backend_pid() AS int8)",
            "SELECT count(*) FROM pg_stat_activity WHERE pid = CAST(? AS int8)",
        ),
        Engine::Mysql => ("SELECT CONNECTION_ID()", "SELECT count(*) FROM information_schema.processlist WHERE id = ?"),
    };
    let conn = oarlock::connect(&url).await.unwrap();
    assert!(is_encrypted(&conn).await.unwrap());
    let id: i64 = conn.fetch_value(id, ()).await.unwrap();
    assert_eq!(admin.fetch_value::<i64>(count, (id,)).await.unwrap(), 1);
    drop(conn);
    while admin.fetch_value::<i64>(count, (id,)).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn dropped_sessions_end_on_postgres() {
    dropped_sessions_end(Engine::Postgres).await;
}

#[tokio::test]
async fn dropped_sessions_end_on_mysql() {
    dropped_sessions_end(Engine::Mysql).await;
}

/// What never leaves the machine needs no encryption, whatever the mode.
#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_as_good_as_encrypted() {
    let Some(server) = Servers::good(Engine::Mysql, &Authority::new("ours")).await else { return };
    let socket = server.data().with_file_name("mysql.sock");
    let admin = oarlock::connect(&server.url()).await.unwrap();
    admin.script("CREATE USER IF NOT EXISTS root@localhost; GRANT ALL ON *.* TO root@localhost").await.unwrap();
    let url = format!("mysql://root@/test?socket={}&ssl-mode=required", socket.display());
    let conn = oarlock::connect(&url).await.unwrap();
    assert!(!is_encrypted(&conn).await.unwrap());
}
