//! What stands here without the feature `rustls`: a stream that nobody has, so that drivers are written once.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use oarlock_core::{Error, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::options::TlsOptions;

/// An encrypted stream, of which this build has none.
#[derive(Debug)]
pub struct TlsStream<S> {
    never: Infallible,
    stream: PhantomData<S>,
}

impl<S> TlsStream<S> {
    /// Gives the hash of the server's certificate that binds a login to this stream (RFC 5929, `tls-server-end-point`).
    pub fn server_end_point(&self) -> Option<&[u8]> {
        match self.never {}
    }

    /// Gives what is beneath the encryption.
    pub fn beneath(&self) -> &S {
        match self.never {}
    }
}

/// Encrypts a stream, which this build cannot.
///
/// # Errors
///
/// `NotSupported`, always.
pub async fn encrypt<S>(_: S, _: &str, options: &TlsOptions) -> Result<TlsStream<S>> {
    Err(Error::not_supported(format!("{options} cannot be had: this build leaves TLS out"))
        .with_hint("add the feature tls of oarlock in Cargo.toml"))
}

impl<S: Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }
}

impl<S: Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.never {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.never {}
    }
}
