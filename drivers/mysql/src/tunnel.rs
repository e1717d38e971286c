//! An encrypted line for `mysql_async`, which opens its streams itself and encrypts them by rules that are not ours.
//!
//! `mysql_async` talks to a Unix socket in a directory that is only ours, for as long as it takes to connect. Behind it we
//! stand: we read the server's greeting, put the request for encryption in, make the handshake, see the login through, and
//! from then on move bytes. Within the login the server counts one packet more than `mysql_async` does.
//!
//! To `mysql_async` a Unix socket is safe from listeners, as this line is: what it may send there, it may send here.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use mysql_async::{Conn, OptsBuilder, ServerError};
use oarlock_core::{Error, ErrorKind, Result};
use oarlock_tls::{TlsOptions, TlsStream, encrypt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};

use crate::error::{Stage, convert};

/// A server that was reached and has greeted us; nothing was said to it yet.
pub(crate) struct Greeted {
    server: TcpStream,
    greeting: Vec<u8>,
}

/// The flag for encryption, in the second byte of the capabilities.
const CLIENT_SSL: u8 = 0x08;

/// The part of a login that stands before the user's name: all there is to a request for encryption.
const PREFIX: usize = 32;

/// The longest packet of a login.
const LONGEST: usize = 1 << 16;

impl Greeted {
    /// Connects, and reads the greeting.
    pub(crate) async fn by(host: &str, port: u16, keepalive: Option<Duration>) -> Result<Self> {
        let unreachable = |error: io::Error| {
            Error::new(ErrorKind::ConnectionRefused, format!("the server cannot be reached: {error}"))
                .with_source(error)
        };
        let mut server = TcpStream::connect((host, port)).await.map_err(unreachable)?;
        server.set_nodelay(true).map_err(unreachable)?;
        if let Some(idle) = keepalive {
            let probes = socket2::TcpKeepalive::new().with_time(idle);
            socket2::SockRef::from(&server).set_tcp_keepalive(&probes).map_err(unreachable)?;
        }
        let (_, greeting) = read(&mut server).await.map_err(unreachable)?;
        match refusal(&greeting) {
            Some(error) => Err(convert(mysql_async::Error::Server(error), Stage::Connecting)),
            None => Ok(Self { server, greeting }),
        }
    }

    /// Tells whether the server can encrypt.
    pub(crate) fn offers_encryption(&self) -> bool {
        // The protocol's version, the server's up to a NUL, the connection's number, half of a nonce, and a NUL.
        let rest = self.greeting.iter().position(|byte| *byte == 0).map(|nul| nul + 1 + 4 + 8 + 1);
        rest.and_then(|rest| self.greeting.get(rest + 1)).is_some_and(|flags| flags & CLIENT_SSL != 0)
    }

    /// Encrypts the line, and lets `mysql_async` log in over it.
    pub(crate) async fn login(self, host: &str, tls: &TlsOptions, target: OptsBuilder) -> Result<Conn> {
        let place = Place::make().map_err(broken)?;
        let listener = UnixListener::bind(&place.socket).map_err(broken)?;
        let mut conn = pin!(Conn::new(target.socket(place.socket.to_str())));
        let mut login = pin!(async {
            let (client, _) = listener.accept().await.map_err(broken)?;
            drop((listener, place));
            let line = self.see_through(client, host, tls).await?;
            tokio::spawn(line.carry());
            Ok::<_, Error>(())
        });
        let connected = tokio::select! {
            result = &mut login => {
                result?;
                conn.await
            }
            result = &mut conn => {
                if result.is_ok() {
                    login.await?;
                }
                result
            }
        };
        connected.map_err(|error| convert(error, Stage::Connecting))
    }

    /// Puts the encryption into a login, up to the server's verdict.
    async fn see_through(self, mut client: UnixStream, host: &str, tls: &TlsOptions) -> Result<Line> {
        write(&mut client, 0, &self.greeting).await.map_err(broken)?;
        let (number, mut answer) = read(&mut client).await.map_err(broken)?;
        let mut plain = self.server;
        match answer.get_mut(..PREFIX) {
            Some(prefix) => {
                prefix[1] |= CLIENT_SSL;
                write(&mut plain, number, prefix).await.map_err(broken)?;
            }
            None => return Err(Error::new(ErrorKind::Internal, "mysql_async's login is too short")),
        }
        let mut server = encrypt(plain, host, tls).await?;
        write(&mut server, number.wrapping_add(1), &answer).await.map_err(broken)?;
        loop {
            let (number, word) = read(&mut server).await.map_err(broken)?;
            write(&mut client, number.wrapping_sub(1), &word).await.map_err(broken)?;
            match word[..] {
                // Yes, or no.
                [0x00 | 0xff, ..] => return Ok(Line { client, server }),
                // A password that the server remembered: its yes follows at once.
                [0x01, 0x03] => {}
                _ => {
                    let (number, answer) = read(&mut client).await.map_err(broken)?;
                    write(&mut server, number.wrapping_add(1), &answer).await.map_err(broken)?;
                }
            }
        }
    }
}

/// The two ends between which bytes are moved.
struct Line {
    client: UnixStream,
    server: TlsStream<TcpStream>,
}

impl Line {
    /// Moves bytes until either end is gone, and the other goes with it.
    async fn carry(self) {
        let (mut from_client, mut to_client) = self.client.into_split();
        let (mut from_server, mut to_server) = tokio::io::split(self.server);
        let ended = tokio::select! {
            result = relay(&mut from_client, &mut to_server) => result,
            result = relay(&mut from_server, &mut to_client) => result,
        };
        if let Err(error) = ended {
            tracing::debug!(error = %error, "the encrypted line has ended");
        }
    }
}

/// Moves bytes one way. What has come is sent at once: the other side may be waiting for it.
async fn relay(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let mut buffer = vec![0; 32 << 10];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(()),
            length => {
                to.write_all(&buffer[..length]).await?;
                to.flush().await?;
            }
        }
    }
}

/// A directory that nobody else can enter, with the socket in it; both go when it is dropped.
struct Place {
    directory: PathBuf,
    socket: PathBuf,
}

impl Place {
    fn make() -> io::Result<Self> {
        use std::hash::{BuildHasher, RandomState};
        use std::os::unix::fs::DirBuilderExt;
        let name = format!("oarlock-{:016x}", RandomState::new().hash_one(std::process::id()));
        let directory = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
        let socket = directory.join("mysql");
        Ok(Self { directory, socket })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is empty and nobody else's.
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_dir(&self.directory);
    }
}

/// Reads a packet of a login: its number and its contents.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await?;
    let [low, middle, high, number] = header;
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet of the login is too long"));
    }
    let mut contents = vec![0; length];
    stream.read_exact(&mut contents).await?;
    Ok((number, contents))
}

/// Writes a packet.
async fn write(stream: &mut (impl AsyncWrite + Unpin), number: u8, contents: &[u8]) -> io::Result<()> {
    let [low, middle, high, ..] = contents.len().to_le_bytes();
    let packet = [&[low, middle, high, number], contents].concat();
    stream.write_all(&packet).await?;
    stream.flush().await
}

/// Reads the error with which a server greets whom it does not let in.
fn refusal(greeting: &[u8]) -> Option<ServerError> {
    let [0xff, low, high, message @ ..] = greeting else { return None };
    let (state, message) = match message {
        [b'#', rest @ ..] if rest.len() >= 5 => rest.split_at(5),
        message => (&b"HY000"[..], message),
    };
    Some(ServerError {
        code: u16::from_le_bytes([*low, *high]),
        message: String::from_utf8_lossy(message).into_owned(),
        state: String::from_utf8_lossy(state).into_owned(),
    })
}

/// Converts the end of a line during the login; what our own stream says of it goes first.
fn broken(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) => {
            Error::new(ErrorKind::ConnectionRefused, format!("the connection broke during the login: {error}"))
                .with_source(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn greeted(greeting: &[u8]) -> Greeted {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        Greeted { server, greeting: greeting.to_vec() }
    }

    #[tokio::test]
    async fn the_greeting_tells_of_encryption() {
        let greeting = |flags: [u8; 2]| [b"\x0a8.4.3\0", &[1; 4][..], &[2; 8], &[0], &flags].concat();
        assert!(greeted(&greeting([0xff, 0xff])).await.offers_encryption());
        assert!(!greeted(&greeting([0xff, 0xf7])).await.offers_encryption());
        for end in 0..21 {
            assert!(!greeted(&greeting([0xff, 0xff])[..end]).await.offers_encryption(), "cut at {end}");
        }
    }

    #[test]
    fn a_greeting_may_be_a_refusal() {
        let error = refusal(b"\xff\x10\x04Too many connections").expect("a refusal");
        assert_eq!((error.code, &*error.state, &*error.message), (1040, "HY000", "Too many connections"));
        let error = refusal(b"\xff\x10\x04#08004Too many connections").expect("a refusal");
        assert_eq!((&*error.state, &*error.message), ("08004", "Too many connections"));
        assert!(refusal(b"\x0a8.4.3\0").is_none());
    }

    #[test]
    fn the_place_is_only_ours_and_goes() {
        use std::os::unix::fs::MetadataExt;
        let place = Place::make().expect("a directory");
        let directory = place.directory.clone();
        assert_eq!(directory.metadata().map(|about| about.mode() & 0o777).ok(), Some(0o700));
        drop(place);
        assert!(!directory.exists());
    }
}
