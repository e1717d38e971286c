//! The stream to a server, whatever it is made of.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use oarlock_core::{Error, ErrorKind, Result};
use oarlock_tls::{TlsOptions, TlsStream, encrypt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_postgres::tls::{self, ChannelBinding, TlsConnect};

use crate::tap::Tap;

/// A stream to a server.
#[derive(Debug)]
pub(crate) enum Line {
    /// One that others may read.
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// Tells whether others may read what is sent.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Gives our end of it.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Tls(stream) => stream.beneath().local_addr().ok(),
        }
    }
}

/// The message that asks for encryption: its length and a number in the place of the protocol's version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Asks the server for encryption.
///
/// Its answer is one byte, and no more is read of it: what comes after has to be part of the handshake, or else somebody
/// could put words of his own before it.
///
/// # Errors
///
/// `Tls` for another answer than yes or no, `ConnectionRefused` for none.
pub(crate) async fn offers_encryption(stream: &mut TcpStream, tls: &TlsOptions) -> Result<bool> {
    let broken = |error: io::Error| {
        Error::new(ErrorKind::ConnectionRefused, "the server did not answer the question for encryption")
            .with_source(error)
    };
    stream.write_all(&SSL_REQUEST).await.map_err(broken)?;
    match stream.read_u8().await.map_err(broken)? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(tls.failed("the server did not understand the question for encryption")),
    }
}

/// Encrypts a stream on which the server awaits it.
pub(crate) async fn encrypted(stream: TcpStream, host: &str, tls: &TlsOptions) -> Result<Line> {
    Ok(Line::Tls(Box::new(encrypt(stream, host, tls).await?)))
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Gives tokio-postgres a line as it is: where it is encrypted, that was done before.
///
/// To tokio-postgres this is TLS all the same, so that it asks for the channel's binding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AsItIs;

impl<S: tls::TlsStream + Unpin> TlsConnect<S> for AsItIs {
    type Stream = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(stream))
    }
}

impl tls::TlsStream for Line {
    fn channel_binding(&self) -> ChannelBinding {
        let end_point = match self {
            Self::Tls(stream) => stream.server_end_point(),
            _ => None,
        };
        end_point.map_or_else(ChannelBinding::none, |hash| ChannelBinding::tls_server_end_point(hash.to_vec()))
    }
}

/// A line for a request about a session: it is no session of its own, with nothing to bind.
///
/// tokio-postgres shuts the line down behind the request. pgbouncer takes that for a client who has gone, and before 1.19.1 it
/// falls over when it has forwarded the request (its #801). So the line stays open until the other side closes it.
pub(crate) struct ForRequest<'l>(pub(crate) &'l mut Line);

impl AsyncRead for ForRequest<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_read(cx, buf)
    }
}

impl AsyncWrite for ForRequest<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl tls::TlsStream for ForRequest<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl tls::TlsStream for Tap<Line> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream().channel_binding()
    }
}
