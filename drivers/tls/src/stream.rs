//! The encrypted stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client;

use crate::failure;
use crate::options::TlsOptions;

/// A stream to a server on which everything is encrypted.
#[derive(Debug)]
pub struct TlsStream<S> {
    stream: client::TlsStream<S>,
    end_point: Option<Vec<u8>>,
    /// For the errors: a server may refuse the client's certificate after the handshake.
    options: TlsOptions,
}

impl<S> TlsStream<S> {
    pub(crate) fn new(stream: client::TlsStream<S>, end_point: Option<Vec<u8>>, options: TlsOptions) -> Self {
        Self { stream, end_point, options }
    }

    /// Gives the hash of the server's certificate that binds a login to this stream (RFC 5929, `tls-server-end-point`);
    /// `None` where the certificate's signature has no hash function of its own.
    pub fn server_end_point(&self) -> Option<&[u8]> {
        self.end_point.as_deref()
    }

    /// Gives what is beneath the encryption.
    pub fn beneath(&self) -> &S {
        self.stream.get_ref().0
    }
}

/// A server that breaks off is told of by an [`io::Error`] around an [`Error`](oarlock_core::Error) of the kind `Tls`.
impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Pin::new(&mut this.stream).poll_read(cx, buf).map_err(|error| failure::broken_off(error, &this.options))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
