//! The handshake.

use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, Result};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion, version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::certificate::Certificate;
use crate::failure;
use crate::files;
use crate::options::{Roots, SslMode, TlsOptions};
use crate::stream::TlsStream;
use crate::verify::Verifier;

static VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

/// Encrypts a stream to a server, and checks the server as the mode says.
///
/// The files are read anew each time, so that a certificate which is renewed on disk counts from the next connection on;
/// the system's authorities are read once. The mode decides how far the server is checked, and nothing else: that there is
/// encryption at all is the caller's to negotiate.
///
/// # Errors
///
/// As [`TlsOptions::check`]; `Configuration` for files that cannot be read or used, `Tls` for a handshake that fails, with the reason.
///
/// # Cancellation
///
/// Dropping the future drops the stream.
pub async fn encrypt<S>(stream: S, host: &str, options: &TlsOptions) -> Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    options.check()?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| {
        Error::new(ErrorKind::Configuration, format!("{options}: {host:?} is no host that a certificate could name"))
            .with_source(error)
    })?;
    let reading = options.clone();
    let config = tokio::task::spawn_blocking(move || configure(&reading)).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "the task that reads the certificates has ended").with_source(error)
    })??;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| failure::of_handshake(error, host, options))?;
    let (_, session) = stream.get_ref();
    if options.protocol.is_some() && session.alpn_protocol().is_none() {
        return Err(options.failed("the server did not agree on the protocol in the handshake"));
    }
    let end_point = session
        .peer_certificates()
        .and_then(|chain| Some((chain.first()?, Certificate::read(chain.first()?)?)))
        .and_then(|(der, certificate)| certificate.end_point(der));
    Ok(TlsStream::new(stream, end_point, options.clone()))
}

fn configure(options: &TlsOptions) -> Result<Arc<ClientConfig>> {
    let provider = CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone);
    let roots = match &options.roots {
        Roots::Unknown => None,
        Roots::File(path) => Some(files::roots(path, options)?),
        Roots::System => Some(files::system_roots()?),
    };
    let verifier =
        Verifier::new(roots, options.mode == SslMode::VerifyFull, provider.signature_verification_algorithms);
    let unusable = |error: rustls::Error| {
        Error::new(ErrorKind::Configuration, format!("{options} cannot be set up: {error}")).with_source(error)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&VERSIONS)
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = files::identity(identity, options)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                let key = identity.key.display();
                let message = format!("{}={key} is not the key of {}", options.words.key, options.words.certificate);
                Error::new(ErrorKind::Configuration, message).with_source(error)
            })?
        }
    };
    config.alpn_protocols = options.protocol.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}
