//! The proxy between two sockets of the test's own: what it does, and that it is found out when it does not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use oarlock_test_support::{At, Direction, Fault, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A startup message, and a query.
const HELLO: &[u8] = &[0, 0, 0, 8, 0, 3, 0, 0];
const QUERY: &[u8] = b"Q\0\0\0\x08abc\0";
/// A row, an end, and the server's last word.
const REPLY: &[u8] = b"D\0\0\0\x06xyC\0\0\0\x04Z\0\0\0\x05I";

struct Line {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

async fn line() -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::to(&format!("postgres://{}/db", listener.local_addr().unwrap())).await;
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(HELLO).await.unwrap();
    let mut hello = [0; HELLO.len()];
    server.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, HELLO);
    Line { proxy, listener, client, server }
}

/// Reads what comes before the end.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn everything_passes_and_is_counted() {
    let mut line = line().await;
    line.client.write_all(QUERY).await.unwrap();
    assert_eq!(read(&mut line.server, QUERY.len()).await, QUERY);
    line.server.write_all(REPLY).await.unwrap();
    assert_eq!(read(&mut line.client, REPLY.len()).await, REPLY);
    let counts = |direction| (line.proxy.bytes(direction), line.proxy.messages(direction));
    assert_eq!(counts(Direction::ToServer), (17, 2));
    assert_eq!(counts(Direction::ToClient), (18, 3));
    assert_eq!(line.proxy.connections(), 1);
    drop(line.client);
    assert_eq!(rest(&mut line.server).await, b"");
}

#[tokio::test]
async fn a_cut_is_where_it_was_placed() {
    for (at, passes) in [
        (At::Byte(0), 0),
        (At::Byte(1), 1),
        (At::Byte(9), 9),
        (At::Byte(17), 17),
        (At::Message(0), 0),
        (At::Message(1), 7),
        (At::Message(3), 18),
        (At::Before(b'D'), 0),
        (At::Before(b'Z'), 12),
    ] {
        for size in [1, 5, REPLY.len()] {
            let mut line = line().await;
            line.proxy.arm(Fault::cut(Direction::ToClient, at));
            for piece in REPLY.chunks(size) {
                // Once it is cut, writing may fail.
                let _ = line.server.write_all(piece).await;
            }
            assert_eq!(rest(&mut line.client).await, &REPLY[..passes], "{at:?} in pieces of {size}");
            line.proxy.fired().await;
            assert_eq!(line.proxy.bytes(Direction::ToClient), u64::try_from(passes).unwrap());
            assert!(!line.proxy.disarm());
            assert_eq!(rest(&mut line.server).await, b"");
        }
    }
}

#[tokio::test]
async fn messages_and_bytes_count_from_the_arming() {
    let mut line = line().await;
    line.server.write_all(&REPLY[..6]).await.unwrap();
    assert_eq!(read(&mut line.client, 6).await, &REPLY[..6]);
    // The row that is passing does not count; the end is the first message, and the last word the second.
    line.proxy.arm(Fault::cut(Direction::ToClient, At::Message(1)));
    line.server.write_all(&REPLY[6..]).await.unwrap();
    assert_eq!(rest(&mut line.client).await, &REPLY[6..12]);
}

#[tokio::test]
async fn a_stall_keeps_what_comes_and_lets_it_go() {
    let mut line = line().await;
    line.proxy.arm(Fault::stall(Direction::ToServer, At::Byte(4)));
    line.client.write_all(QUERY).await.unwrap();
    line.proxy.fired().await;
    assert_eq!(read(&mut line.server, 4).await, &QUERY[..4]);
    assert_eq!(line.proxy.bytes(Direction::ToServer), 12);
    // The other direction is as free as ever.
    line.server.write_all(REPLY).await.unwrap();
    assert_eq!(read(&mut line.client, REPLY.len()).await, REPLY);
    assert!(line.server.try_read(&mut [0]).is_err());
    line.proxy.resume();
    assert_eq!(read(&mut line.server, QUERY.len() - 4).await, &QUERY[4..]);
    assert_eq!(line.proxy.bytes(Direction::ToServer), 17);
}

#[tokio::test]
async fn what_is_tampered_with_passes_as_it_is_then() {
    let mut line = line().await;
    line.proxy.tamper(|direction, bytes| {
        if direction == Direction::ToClient {
            bytes.retain(|byte| *byte != b'x');
            bytes.push(b'!');
        }
    });
    line.client.write_all(QUERY).await.unwrap();
    assert_eq!(read(&mut line.server, QUERY.len()).await, QUERY);
    line.server.write_all(b"D\0\0\0\x06xy").await.unwrap();
    assert_eq!(read(&mut line.client, 7).await, b"D\0\0\0\x06y!");
}

#[tokio::test]
async fn a_pause_holds_both_directions() {
    let mut line = line().await;
    line.proxy.pause();
    line.client.write_all(QUERY).await.unwrap();
    line.server.write_all(REPLY).await.unwrap();
    assert_eq!(line.proxy.bytes(Direction::ToClient), 0);
    line.proxy.resume();
    assert_eq!(read(&mut line.server, QUERY.len()).await, QUERY);
    assert_eq!(read(&mut line.client, REPLY.len()).await, REPLY);
}

#[tokio::test]
async fn a_black_hole_tells_nobody_anything() {
    let mut line = line().await;
    line.proxy.swallow();
    line.client.write_all(QUERY).await.unwrap();
    drop(line.client);
    let mut late = TcpStream::connect(("127.0.0.1", line.proxy.port())).await.unwrap();
    late.write_all(HELLO).await.unwrap();
    // A third connection passes again, and by then the others would have.
    while line.proxy.lost() < 16 {
        tokio::task::yield_now().await;
    }
    line.proxy.resume();
    let mut third = TcpStream::connect(("127.0.0.1", line.proxy.port())).await.unwrap();
    let (mut server, _) = line.listener.accept().await.unwrap();
    third.write_all(HELLO).await.unwrap();
    assert_eq!(read(&mut server, HELLO.len()).await, HELLO);
    assert!(line.server.try_read(&mut [0]).is_err());
}

#[tokio::test]
async fn a_cut_of_all_ends_what_there_is_and_no_more() {
    let mut line = line().await;
    line.proxy.cut();
    assert_eq!(rest(&mut line.client).await, b"");
    assert_eq!(rest(&mut line.server).await, b"");
    let mut again = TcpStream::connect(("127.0.0.1", line.proxy.port())).await.unwrap();
    let (mut server, _) = line.listener.accept().await.unwrap();
    again.write_all(HELLO).await.unwrap();
    assert_eq!(read(&mut server, HELLO.len()).await, HELLO);
}

#[test]
fn a_drip_is_read_byte_by_byte() {
    let runtime = tokio::runtime::Builder::new_current_thread().event_interval(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut line = line().await;
        line.proxy.drip(Direction::ToClient, true);
        line.server.write_all(REPLY).await.unwrap();
        let (mut found, mut reads) = (Vec::new(), 0);
        while found.len() < REPLY.len() {
            line.client.read_buf(&mut found).await.unwrap();
            reads += 1;
        }
        assert_eq!(found, REPLY);
        assert!(reads > REPLY.len() / 2, "{reads} reads of {} bytes", REPLY.len());
    });
}
