//! Clients without a guard, each of which the proofs must find out.
//!
//! What finds them out is a panic, memory that is held or a call that hangs, which the other tests of this process must not have:
//! so each has a process of its own, in which its test fails.

use std::process::Command;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use oarlock::{BoxFuture, Error, ErrorKind, Result, Url};
use oarlock_conformance::require_server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::MOST_MEMORY;
use crate::scripted::{SECRET, asks_for_a_file, asks_for_the_password, lies_during_the_login};

#[test]
fn clients_without_a_guard_are_found_out() {
    let mut clients = vec![
        ("believes_a_length", "kB were held"),
        ("trusts_that_a_message_is_long_enough", "no panic"),
        ("waits_for_what_was_promised", "the login hangs"),
        ("says_the_password", "the password was sent"),
    ];
    if require_server("OARLOCK_TEST_MYSQL_URL").is_some() {
        clients.push(("sends_a_file", "the file was sent"));
    }
    for (client, words) in clients {
        let program = std::env::current_exe().expect("this test is a program");
        let ran = Command::new(program).args(["--exact", "--ignored", &format!("naive::{client}")]).output();
        let ran = ran.expect("the program of this test runs");
        let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(told.contains("1 failed"), "a client that {client} passes: {told}");
        assert!(told.contains(words), "a client that {client} is found out, but by another failure: {told}");
    }
}

/// Says something to the server of a URL, and gives the line.
async fn call(url: String, word: &[u8]) -> Result<TcpStream> {
    let url = Url::parse(&url)?;
    let host = &url.hosts()[0];
    let mut stream = TcpStream::connect((&*host.name, host.port.unwrap_or_default())).await.map_err(lost)?;
    stream.write_all(word).await.map_err(lost)?;
    Ok(stream)
}

fn lost(error: std::io::Error) -> Error {
    Error::new(ErrorKind::ConnectionLost, error.to_string())
}

/// A startup message of PostgreSQL's.
const HELLO: &[u8] = &[0, 0, 0, 8, 0, 3, 0, 0];

#[tokio::test]
#[ignore = "it must fail, and does so for `clients_without_a_guard_are_found_out`"]
async fn believes_a_length() {
    fn client(url: String) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut stream = call(url, HELLO).await?;
            stream.read_u8().await.map_err(lost)?;
            let length = u64::from(stream.read_u32().await.map_err(lost)?);
            let room = vec![1_u8; usize::try_from(length.min(MOST_MEMORY + 1)).unwrap_or_default()];
            Err(Error::new(ErrorKind::ConnectionLost, format!("room for {}", room.len())))
        })
    }
    lies_during_the_login(client).await;
}

#[tokio::test]
#[ignore = "it must fail, and does so for `clients_without_a_guard_are_found_out`"]
async fn trusts_that_a_message_is_long_enough() {
    fn client(url: String) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut stream = call(url, HELLO).await?;
            let mut message = Vec::new();
            stream.read_buf(&mut message).await.map_err(lost)?;
            let kind: [u8; 4] = message[5..9].try_into().expect("four bytes");
            Err(Error::new(ErrorKind::ConnectionLost, format!("{kind:?} is no kind of login")))
        })
    }
    lies_during_the_login(client).await;
}

#[tokio::test]
#[ignore = "it must fail, and does so for `clients_without_a_guard_are_found_out`"]
async fn waits_for_what_was_promised() {
    fn client(url: String) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut stream = call(url, HELLO).await?;
            let mut message = Vec::new();
            while message.len() < 1 << 20 {
                stream.read_buf(&mut message).await.map_err(lost)?;
            }
            Err(Error::new(ErrorKind::ConnectionLost, "more than that is no login"))
        })
    }
    lies_during_the_login(client).await;
}

#[tokio::test]
#[ignore = "it must fail, and does so for `clients_without_a_guard_are_found_out`"]
async fn says_the_password() {
    fn client(url: String) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            call(url, SECRET.as_bytes()).await?;
            Err(Error::new(ErrorKind::ConnectionLost, "there is no more to say"))
        })
    }
    asks_for_the_password(client).await;
}

#[tokio::test]
#[ignore = "it must fail, and does so for `clients_without_a_guard_are_found_out`"]
async fn sends_a_file() {
    asks_for_a_file(|connection| {
        let native = connection.native().downcast_mut::<mysql_async::Conn>().expect("MySQL's connection");
        native.set_infile_handler(async { Ok(stream::iter([Ok(Bytes::from("root:"))]).boxed()) });
    })
    .await;
}
