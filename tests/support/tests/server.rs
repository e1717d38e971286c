//! Private servers: what a test can do to them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::PathBuf;

use oarlock_test_support::{Server, ServerOptions};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Tells whether somebody answers: MySQL speaks first, and PostgreSQL to nobody who has not spoken.
async fn answers(server: &Server) -> bool {
    TcpStream::connect(("127.0.0.1", server.port())).await.is_ok()
}

async fn lives_and_dies(options: ServerOptions) {
    let Some(mut server) = options.file("note", "kept").start().await else { return };
    assert!(answers(&server).await);
    let (port, first) = (server.port(), server.pid());
    server.restart().await;
    assert!(answers(&server).await);
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), first);
    server.kill().await;
    assert!(!answers(&server).await);
    assert_eq!(server.pid(), None);
    server.start().await;
    assert!(answers(&server).await);
    assert_eq!(std::fs::read(server.data().join("note")).unwrap(), b"kept");
    let pid = server.pid().unwrap();
    let data = server.data();
    drop(server);
    assert!(!data.exists());
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn a_server_of_postgres_lives_and_dies() {
    lives_and_dies(Server::postgres().setting("max_connections", "7")).await;
}

#[tokio::test]
async fn a_server_of_mysql_lives_and_dies() {
    lives_and_dies(Server::mysql().setting("max-connections", "7")).await;
}

#[tokio::test]
async fn a_pgbouncer_lives_and_dies() {
    let Some(server) = Server::postgres().start().await else { return };
    lives_and_dies(Server::pgbouncer(&server).setting("default_pool_size", "2")).await;
}

#[tokio::test]
async fn a_frozen_server_answers_when_it_thaws() {
    let Some(server) = Server::mysql().start().await else { return };
    server.freeze().await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    assert!(stream.try_read(&mut [0]).is_err());
    server.thaw();
    assert!(stream.read_u8().await.unwrap() > 0);
}
