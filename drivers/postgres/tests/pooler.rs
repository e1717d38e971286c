//! Behind a pooler that shares the server's sessions between transactions, as pgbouncer does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::sync::Arc;

use futures_util::future::try_join_all;
use oarlock_core::{Conn, Db, DbExt, ErrorKind, Result, Url};
use oarlock_postgres::tokio_postgres::{Client, SimpleQueryMessage};
use oarlock_postgres::{PostgresConnection, PostgresOptions};
use oarlock_test_support::{Server, ServerOptions};

/// A private pgbouncer before a private server.
struct Pooler {
    pooler: Server,
    server: Server,
}

impl Pooler {
    /// Starts it with settings of one's own; `None` where a program is missing, which was reported then.
    async fn start(set: impl FnOnce(ServerOptions) -> ServerOptions) -> Option<Self> {
        // The zone is one that nobody asks for.
        let server = Server::postgres().setting("TimeZone", "Asia/Tokyo").start().await?;
        let pooler = Server::pgbouncer(&server).setting("default_pool_size", "2").setting("server_round_robin", "1");
        Some(Self { pooler: set(pooler).start().await?, server })
    }

    async fn conn(&self, statements: &str) -> Result<Conn> {
        let url = Url::parse(&self.pooler.url())?.with_option("statements", statements);
        Ok(Conn::new(Box::new(PostgresConnection::connect(&PostgresOptions::parse(&url)?).await?)))
    }

    /// Asks the pooler itself.
    async fn ask(&self, question: &str) -> Vec<Vec<Option<String>>> {
        let url = Url::parse(&self.pooler.url()).unwrap().with_path("/pgbouncer").with_option("statements", "unnamed");
        let conn =
            Conn::new(Box::new(PostgresConnection::connect(&PostgresOptions::parse(&url).unwrap()).await.unwrap()));
        let mut lease = conn.lease().await.unwrap();
        let client = lease.connection().native().downcast_mut::<Client>().unwrap();
        let messages = client.simple_query(question).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
            _ => None,
        });
        rows.collect()
    }

    /// Tells whether this pgbouncer keeps track of prepared statements by itself, as 1.21 and later may.
    async fn tracks_statements(&self) -> bool {
        let config = self.ask("SHOW CONFIG").await;
        let most = config.iter().find(|row| row[0].as_deref() == Some("max_prepared_statements"));
        most.is_some_and(|row| row[1].as_deref() != Some("0"))
    }

    async fn direct(&self) -> Conn {
        let options = PostgresOptions::parse(&Url::parse(&self.server.url()).unwrap()).unwrap();
        Conn::new(Box::new(PostgresConnection::connect(&options).await.unwrap()))
    }
}

const TASKS: i64 = 8;
const ROUNDS: i64 = 200;

/// Statements and transactions of all sorts, each of which has to give what this task alone has put in.
async fn work(conn: Conn, task: i64) -> Result<()> {
    for round in 0..ROUNDS {
        let nonce = task * 1_000_000 + round;
        match round % 8 {
            0 | 1 => assert_eq!(conn.fetch_value::<i64>("SELECT CAST(? AS int8)", (nonce,)).await?, nonce),
            2 => {
                let (text, mood): (String, String) =
                    conn.require_one("SELECT CAST(? AS text), CAST(? AS mood)", (format!("n{nonce}"), "glad")).await?;
                assert_eq!((text, &*mood), (format!("n{nonce}"), "glad"));
            }
            3 => {
                let tx = conn.begin().await?;
                let pid: i64 = tx.fetch_value("SELECT pg_backend_pid() + 0 * CAST(? AS int4)", (7,)).await?;
                tx.execute("INSERT INTO t (nonce, task) VALUES (?, ?)", (nonce, task)).await?;
                let again: (i64, i64) =
                    tx.require_one("SELECT nonce, pg_backend_pid() FROM t WHERE nonce = ?", (nonce,)).await?;
                assert_eq!(again, (nonce, pid), "a transaction stays in its session");
                if round % 16 == 3 { tx.commit().await? } else { tx.rollback().await? }
            }
            4 => {
                let insert = "INSERT INTO many (nonce, task) VALUES (?, ?)";
                let inserted = conn.execute_many(insert, vec![(nonce, task); 20]).await?;
                assert_eq!(inserted.rows_affected, Some(20));
            }
            5 => {
                // A half-read result.
                let mut cursor = conn.query("SELECT n FROM generate_series(1, 3000) AS n WHERE n > ?", (5,)).await?;
                assert_eq!(cursor.fetch_one::<(i64,)>().await?, Some((6,)));
            }
            6 => {
                let replies = conn
                    .pipeline()
                    .add("SELECT CAST(? AS int8)", (nonce,))
                    .add("INSERT INTO t (nonce, task) VALUES (?, ?)", (nonce, task))
                    .run()
                    .await?;
                assert_eq!(replies.len(), 2);
            }
            _ => {
                let error = conn.execute("INSERT INTO t (nonce, task) SELECT 1 / CAST(? AS int8), 0", (0,)).await.err();
                let error = error.unwrap_or_else(|| panic!("a division by nought"));
                if error.sqlstate() != Some("22012") {
                    return Err(error);
                }
            }
        }
    }
    let kept: i64 = conn.fetch_value("SELECT count(*) FROM t WHERE task = ?", (task,)).await?;
    let many: i64 = conn.fetch_value("SELECT count(*) FROM many WHERE task = ?", (task,)).await?;
    // Half of the transactions were committed, and all of the pipelines.
    assert_eq!((kept, many), (13 + 25, 25 * 20));
    conn.close().await
}

async fn all_work(pooler: &Pooler, statements: &'static str) -> Result<()> {
    let admin = pooler.direct().await;
    admin
        .script(
            "CREATE TYPE mood AS ENUM ('glad', 'sad'); \
             CREATE TABLE t (nonce int8 PRIMARY KEY, task int8); CREATE TABLE many (nonce int8, task int8)",
        )
        .await?;
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let conn = pooler.conn(statements).await?;
        tasks.push(tokio::spawn(work(conn, task)));
    }
    let done = try_join_all(tasks).await;
    for result in done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
        result?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_share_two_sessions() {
    let Some(pooler) = Pooler::start(|pooler| pooler).await else { return };
    all_work(&pooler, "unnamed").await.unwrap();
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    assert_eq!(pooler.direct().await.fetch_value::<i64>(sessions, ()).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_names_the_error_says_what_to_set() {
    let pooler = Pooler::start(|pooler| pooler.setting("ignore_startup_parameters", "options")).await;
    let Some(pooler) = pooler else { return };
    match all_work(&pooler, "named").await {
        Ok(()) => assert!(pooler.tracks_statements().await, "nothing went wrong"),
        Err(error) => {
            assert!(matches!(error.sqlstate(), Some("26000" | "42P05")), "{error:?}");
            assert!(error.to_string().contains("set statements=unnamed in the URL"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_startup_parameter_that_is_refused_is_explained() {
    let Some(pooler) = Pooler::start(|pooler| pooler).await else { return };
    // pgbouncer 1.20 and later takes it.
    if let Err(error) = pooler.conn("named").await {
        assert!(error.to_string().contains("statements=unnamed"), "{error:?}");
    }
    let url = Url::parse(&pooler.pooler.url()).unwrap().with_option("statements", "unnamed");
    let limited = PostgresOptions::parse(&url.with_option("lock_timeout", "1s")).unwrap();
    let error = PostgresConnection::connect(&limited).await.unwrap_err();
    assert!(error.to_string().contains("ignore_startup_parameters"), "{error}");
}

/// The time zone is among what pgbouncer keeps for each client, and each client has asked for its own.
#[tokio::test]
async fn the_time_zone_is_utc_in_every_session_and_after_a_reset() {
    let Some(pooler) = Pooler::start(|pooler| pooler).await else { return };
    let (one, two) = (pooler.conn("unnamed").await.unwrap(), pooler.conn("unnamed").await.unwrap());
    let zone = "SELECT current_setting('TimeZone')";
    for round in 0..4 {
        let held = two.begin().await.unwrap();
        assert_eq!(one.fetch_value::<String>(zone, ()).await.unwrap(), "UTC", "round {round}");
        held.execute("SET LOCAL TIME ZONE 'Europe/Helsinki'", ()).await.unwrap();
        assert_eq!(held.fetch_value::<String>(zone, ()).await.unwrap(), "Europe/Helsinki");
        held.commit().await.unwrap();
        // Something of which the driver cannot know what it leaves behind.
        two.execute("DO $$ BEGIN END $$", ()).await.unwrap();
        two.reset().await.unwrap();
        assert_eq!(two.fetch_value::<String>(zone, ()).await.unwrap(), "UTC", "round {round}");
    }
    assert_eq!(pooler.direct().await.fetch_value::<String>("SHOW TimeZone", ()).await.unwrap(), "UTC");
}

#[tokio::test]
async fn a_limit_of_time_stops_a_statement_through_the_pooler() {
    let Some(pooler) = Pooler::start(|pooler| pooler).await else { return };
    let conn = Arc::new(pooler.conn("unnamed").await.unwrap());
    for round in 0..3 {
        let slow = conn.with_timeout(std::time::Duration::from_millis(50));
        let error = slow.execute("SELECT pg_sleep(30)", ()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StatementTimeout, "round {round}: {error:?}");
        assert_eq!(conn.fetch_value::<i64>("SELECT CAST(? AS int8)", (round,)).await.unwrap(), round);
    }
}
