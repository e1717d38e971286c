//! Servers that were written to do harm.

use std::time::{Duration, Instant};

use oarlock::{BoxFuture, DbExt, Error, ErrorKind, Result};
use oarlock_test_support::{Direction, Proxy};
use oarlock_tests::{Database, Engine, count_panics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{BOUND, Dice, assert_unharmed, count};

pub(crate) const SECRET: &str = "s3ntinel";

/// What connects to the server of a URL.
pub(crate) type Client = fn(String) -> BoxFuture<'static, ()>;

fn ours(url: String) -> BoxFuture<'static, ()> {
    Box::pin(async move { oarlock::connect(&url).await.map(drop) })
}

/// Connects to a server that does as told, and gives the error and what the server was sent.
async fn meet<F>(scheme: &str, server: impl FnMut(TcpStream) -> F) -> (Error, Vec<u8>)
where
    F: Future<Output = std::io::Result<Vec<u8>>> + Send + 'static,
{
    introduce(ours, scheme, server).await
}

/// Lets a client meet a server.
pub(crate) async fn introduce<F>(
    client: Client,
    scheme: &str,
    mut server: impl FnMut(TcpStream) -> F,
) -> (Error, Vec<u8>)
where
    F: Future<Output = std::io::Result<Vec<u8>>> + Send + 'static,
{
    count_panics();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of the loopback");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    // In the clear, so that the first word is the server's or the login's.
    let clear = if scheme == "mysql" { "ssl-mode=disabled" } else { "sslmode=disable" };
    let url = format!("{scheme}://ada:{SECRET}@127.0.0.1:{port}/db?connect_timeout=2&{clear}");
    let client = tokio::spawn(client(url));
    let (stream, _) = listener.accept().await.expect("the client comes");
    let server = tokio::spawn(server(stream));
    let result: Result<()> = tokio::time::timeout(BOUND, client).await.expect("the login hangs").expect("no panic");
    let error = result.expect_err("such a server was accepted");
    assert!(!format!("{error:?} {error}").contains(SECRET), "{error:?}");
    // The client is gone, so there is an end to what it has said.
    let heard = tokio::time::timeout(BOUND, server).await.expect("the line is kept").expect("no panic");
    (error, heard.unwrap_or_default())
}

/// Reads one startup message or packet, says something, and reads what comes until the client goes away.
async fn say(mut stream: TcpStream, first: bool, words: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut heard = Vec::new();
    if !first {
        stream.read_buf(&mut heard).await?;
    }
    stream.write_all(&words).await?;
    while stream.read_buf(&mut heard).await? > 0 {}
    Ok(heard)
}

/// A message of PostgreSQL's, with a length that may be a lie.
fn message(kind: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[kind], &length.to_be_bytes()[..], body].concat()
}

fn told(kind: u8, body: &[u8]) -> Vec<u8> {
    message(kind, u32::try_from(body.len() + 4).unwrap_or(u32::MAX), body)
}

#[tokio::test]
async fn a_postgres_that_lies_during_the_login() {
    lies_during_the_login(ours).await;
}

pub(crate) async fn lies_during_the_login(client: Client) {
    let login_ok = told(b'R', &[0; 4]);
    for words in [
        message(b'R', 0, b""),
        message(b'R', 3, b""),
        message(b'R', u32::MAX, &[0; 64]),
        message(b'R', 0x7fff_ffff, &[0; 64]),
        told(b'R', b""),
        told(b'R', &[0, 0, 0, 10]),
        told(b'R', &[0, 0, 0, 99]),
        told(b'R', b"\0\0\0\x0aPLAIN\0\0"),
        told(b'R', b"\0\0\0\x0aSCRAM-SHA-256"),
        told(b'E', b""),
        told(b'E', b"SFATAL"),
        told(b'E', b"SFATAL\0\0"),
        message(b'E', u32::MAX, b"SFATAL\0\0"),
        told(b'Z', b""),
        told(b'D', b"\0\x01\0\0\0\x01a"),
        [&login_ok[..], &told(b'S', b"")].concat(),
        [&login_ok[..], &message(b'S', u32::MAX, b"x")].concat(),
        [&login_ok[..], &message(b'D', u32::MAX, b"x")].concat(),
        [&login_ok[..], &told(b'K', b"\0")].concat(),
        [&login_ok[..], &told(b'v', b"\0\0")].concat(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ] {
        let place = format!("{words:?}");
        introduce(client, "postgres", |stream| say(stream, false, words.clone())).await;
        assert_unharmed(&place);
    }
}

#[tokio::test]
async fn a_postgres_whose_password_takes_for_ever_to_hash() {
    let scram = |mut stream: TcpStream| async move {
        let mut heard = Vec::new();
        stream.read_buf(&mut heard).await?;
        stream.write_all(&told(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")).await?;
        heard.clear();
        stream.read_buf(&mut heard).await?;
        let text = String::from_utf8_lossy(&heard).into_owned();
        let nonce = text.rsplit_once("r=").map(|(_, nonce)| nonce).unwrap_or_default();
        let reply = format!("\0\0\0\x0br={nonce}server,s=c2FsdHNhbHQ=,i=4294967295");
        stream.write_all(&told(b'R', reply.as_bytes())).await?;
        while stream.read_buf(&mut heard).await? > 0 {}
        Ok(heard)
    };
    let started = Instant::now();
    let (error, _) = meet("postgres", scram).await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(error.kind(), ErrorKind::Authentication, "{error:?}");
}

/// MySQL's greeting, of a server that wants a plugin.
fn greeting(plugin: &str) -> Vec<u8> {
    let mut body = b"\x0a8.0.99\0\x01\0\0\0abcdefgh\0\xff\xf7\xff\x02\0\xff\xc1\x15".to_vec();
    body.extend([0; 10]);
    body.extend(b"ijklmnopqrst\0");
    body.extend(plugin.as_bytes());
    body.push(0);
    packet(0, &body)
}

fn packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let [low, middle, high, _] = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&[low, middle, high, sequence], body].concat()
}

#[tokio::test]
async fn a_mysql_that_lies_during_the_login() {
    let hello = greeting("mysql_native_password");
    for words in [
        packet(0, b""),
        packet(0, b"\x0a"),
        packet(0, b"\x09"),
        packet(0, b"\xff"),
        packet(0, b"\xff\x15\x04"),
        packet(7, &hello[4..]),
        [255, 255, 255, 0].to_vec(),
        [&[255, 255, 255, 0], &hello[4..]].concat(),
        hello[..20].to_vec(),
        packet(0, &hello[4..20]),
        [&hello[..], &packet(2, b"")].concat(),
        [&hello[..], &packet(2, b"\xfe")].concat(),
        [&hello[..], &packet(2, b"\xfeno_such_plugin\0abcdefgh\0")].concat(),
        [&hello[..], &packet(2, b"\xfb/etc/passwd")].concat(),
        [&hello[..], &packet(2, b"\x00\xfe")].concat(),
        [&hello[..], &packet(9, b"\x00\0\0\x02\0\0\0")].concat(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
    ] {
        let place = format!("{words:?}");
        meet("mysql", |stream| say(stream, true, words.clone())).await;
        assert_unharmed(&place);
    }
}

/// A server that asks for the password as it is does not get it.
#[tokio::test]
async fn a_mysql_that_asks_for_the_password_in_the_clear() {
    asks_for_the_password(ours).await;
}

pub(crate) async fn asks_for_the_password(client: Client) {
    let hello = greeting("mysql_native_password");
    for words in [
        greeting("mysql_clear_password"),
        [&hello[..], &packet(2, b"\xfemysql_clear_password\0")].concat(),
        // "Prove it in full", which is for encrypted lines.
        [&greeting("caching_sha2_password")[..], &packet(2, b"\x01\x04")].concat(),
    ] {
        let (_, heard) = introduce(client, "mysql", |stream| say(stream, true, words.clone())).await;
        assert!(!String::from_utf8_lossy(&heard).contains(SECRET), "the password was sent: {heard:?}");
    }
}

#[tokio::test]
async fn noise_instead_of_a_protocol() {
    for seed in 0..count(60, 2_000) {
        for scheme in ["postgres", "mysql"] {
            let mut dice = Dice::new(seed);
            let mut words: Vec<u8> = (0..dice.below(600)).map(|_| dice.byte()).collect();
            // Half of it begins as it should.
            if seed % 2 == 0 {
                let start = if scheme == "mysql" { greeting("mysql_native_password") } else { told(b'R', &[0; 4]) };
                words.splice(..0, start);
            }
            let noise = |mut stream: TcpStream| {
                let words = words.clone();
                async move {
                    stream.write_all(&words).await?;
                    stream.shutdown().await?;
                    let mut heard = Vec::new();
                    while stream.read_buf(&mut heard).await? > 0 {}
                    Ok(heard)
                }
            };
            meet(scheme, noise).await;
            assert_unharmed(&format!("{scheme}: noise {seed}"));
        }
    }
}

/// A server may answer any statement by asking for a file.
#[tokio::test]
async fn a_mysql_that_asks_for_a_file() {
    asks_for_a_file(|_| {}).await;
}

/// Does something to a connection whose server then asks for a file.
pub(crate) async fn asks_for_a_file(change: impl FnOnce(&mut dyn oarlock::Connection)) {
    let Some(database) = Database::make(Engine::MySql).await.expect("a database") else { return };
    let proxy = Proxy::to(&database.url).await;
    let conn = oarlock::connect(proxy.url()).await.expect("a connection");
    change(oarlock::Db::lease(&conn).await.expect("it is free").connection());
    let (line, hears) = std::sync::mpsc::channel();
    let mut armed = true;
    proxy.tamper(move |direction, bytes| match direction {
        Direction::ToClient if std::mem::take(&mut armed) => *bytes = packet(1, b"\xfb/etc/passwd"),
        Direction::ToClient => {}
        Direction::ToServer => drop(line.send(bytes.clone())),
    });
    let asked = conn.script("DO 1");
    let ended = tokio::time::timeout(Duration::from_millis(500), asked).await;
    proxy.cut();
    let result =
        if let Ok(result) = ended { result } else { tokio::time::timeout(BOUND, conn.ping()).await.expect("it hangs") };
    let sent: Vec<u8> = hears.try_iter().flatten().collect();
    assert!(!String::from_utf8_lossy(&sent).contains("root:"), "the file was sent");
    assert!(result.is_err(), "a file was asked for, and nobody was told");
    drop(conn);
    database.remove().await.expect("the database is removed");
}
