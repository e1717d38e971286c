//! A pooler that shares the server's sessions between transactions, as pgbouncer does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::io::Write as _;
use std::process::{Child, Command};

use oarlock_conformance::until;
use oarlock_core::{Conn, DbExt, ErrorKind, Result, Url};
use oarlock_postgres::{PostgresConnection, PostgresOptions};
use oarlock_test_support::Server;
use tempfile::TempDir;

/// A private pgbouncer before a private server.
struct Pooler {
    process: Child,
    url: Url,
    _directory: TempDir,
    _server: Server,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Pooler {
    /// Starts it with settings of one's own; `None` where a program is missing, which was reported then.
    async fn start(settings: &str) -> Option<Self> {
        let server = Server::postgres().start().await?;
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let Some(program) = program.into_iter().find(|path| fs::exists(path).is_ok_and(|there| there)) else {
            // tests/servers.sh does not provide it, so that its absence is told and is no failure.
            let _ = writeln!(std::io::stderr(), "skipped, all tests that need it: pgbouncer is not installed");
            return None;
        };
        let directory = TempDir::new().unwrap();
        let port = free_port();
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 4\n{settings}\n",
            server.port()
        );
        let file = directory.path().join("pgbouncer.ini");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        // As root it refuses to run; its file has to be readable for whom it becomes.
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, PermissionsExt};
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
            if fs::metadata(directory.path()).unwrap().uid() == 0 {
                command.args(["-u", "nobody"]);
            }
        }
        let process = command.arg("-q").arg(&file).spawn().unwrap();
        let url = Url::parse(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).unwrap();
        let pooler = Self { process, url, _directory: directory, _server: server };
        let up = until(async || Ok(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()));
        assert!(up.await.unwrap(), "pgbouncer did not start");
        Some(pooler)
    }

    async fn conn(&self, cache: &str) -> Result<Conn> {
        let url = self.url.clone().with_option("statement_cache", cache).with_option("column_origin", "off");
        Ok(Conn::new(Box::new(PostgresConnection::connect(&PostgresOptions::parse(&url)?).await?)))
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

const PID: &str = "SELECT pg_backend_pid() + ?";

#[tokio::test]
async fn without_a_cache_transactions_run_wherever_they_are_put() {
    let Some(pooler) = Pooler::start("ignore_startup_parameters = options").await else { return };
    let (one, two) = (pooler.conn("0").await.unwrap(), pooler.conn("0").await.unwrap());
    let mut sessions = Vec::new();
    for round in 0..6 {
        // Whoever begins first has the session that the other one had.
        let (first, second) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let (held, tx) = (first.begin().await.unwrap(), second.begin().await.unwrap());
        for tx in [&held, &tx, &held] {
            sessions.push(tx.fetch_value::<i64>(PID, (0,)).await.unwrap());
        }
        tx.commit().await.unwrap();
        held.rollback().await.unwrap();
    }
    sessions.sort_unstable();
    sessions.dedup();
    assert_eq!(sessions.len(), 2, "both clients were in both sessions");
}

#[tokio::test]
async fn with_a_cache_the_error_says_what_to_set() {
    let Some(pooler) = Pooler::start("ignore_startup_parameters = options").await else { return };
    let (one, two) = (pooler.conn("16").await.unwrap(), pooler.conn("16").await.unwrap());
    let first = one.fetch_value::<i64>(PID, (0,)).await.unwrap();
    let held = two.begin().await.unwrap();
    assert_eq!(held.fetch_value::<i64>(PID, (0,)).await.unwrap(), first, "the other client has its session now");
    let tx = one.begin().await.unwrap();
    match tx.fetch_value::<i64>(PID, (0,)).await {
        // This pgbouncer keeps track of statements.
        Ok(other) => assert_ne!(other, first),
        Err(error) => {
            assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::ObjectNotFound, Some("26000")));
            assert!(error.to_string().contains("set statement_cache=0 in the URL"), "{error}");
        }
    }
    drop(tx);
    // Outside of a transaction it is prepared again by itself.
    assert_ne!(one.fetch_value::<i64>(PID, (0,)).await.unwrap(), first);
    held.commit().await.unwrap();
}

#[tokio::test]
async fn a_startup_parameter_that_is_refused_is_explained() {
    let Some(pooler) = Pooler::start("").await else { return };
    // pgbouncer 1.20 and later takes it.
    if let Err(error) = pooler.conn("0").await {
        assert!(error.to_string().contains("ignore_startup_parameters = options"), "{error:?}");
    }
}
