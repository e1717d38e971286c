//! The files of roots, certificates and keys.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use oarlock_core::{Error, ErrorKind, Result};
use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::options::{Identity, TlsOptions};

/// The authorities that may sign, and the servers' own certificates among them.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) authorities: RootCertStore,
    pub(crate) listed: Vec<CertificateDer<'static>>,
}

/// Reads a file of roots.
pub(crate) fn roots(path: &Path, options: &TlsOptions) -> Result<Arc<Trusted>> {
    let listed = certificates(options.words.roots, path)?;
    let mut authorities = RootCertStore::empty();
    for certificate in &listed {
        authorities.add(certificate.clone()).map_err(|error| {
            unusable(options.words.roots, path, "holds a certificate that cannot be read").with_source(error)
        })?;
    }
    Ok(Arc::new(Trusted { authorities, listed }))
}

/// Gives the authorities that the system trusts.
pub(crate) fn system_roots() -> Result<Arc<Trusted>> {
    static ROOTS: OnceLock<Arc<Trusted>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(found.certs);
    if authorities.is_empty() {
        let error = Error::new(ErrorKind::Configuration, "the system has no certificates of authorities")
            .with_hint("install its package of CA certificates, or name a file by SSL_CERT_FILE");
        return Err(match found.errors.into_iter().next() {
            Some(cause) => error.with_source(cause),
            None => error,
        });
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(Trusted { authorities, listed: Vec::new() }))))
}

/// Reads the client's certificate and its key.
pub(crate) fn identity(
    identity: &Identity,
    options: &TlsOptions,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(options.words.certificate, &identity.certificate)?;
    let option = options.words.key;
    let path = &identity.key;
    if is_open_to_others(path) {
        return Err(unusable(option, path, "can be read by others").with_hint("set its mode to 0600"));
    }
    let text = read(option, path)?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if String::from_utf8_lossy(&text).contains("ENCRYPTED PRIVATE KEY") => {
            unusable(option, path, "is encrypted, which is not supported")
                .with_hint("write it without a passphrase into a file of mode 0600")
        }
        error => unusable(option, path, "holds no private key in PEM").with_source(error),
    })?;
    Ok((chain, key))
}

fn certificates(option: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = read(option, path)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(option, path, "cannot be read as PEM").with_source(error))?;
    if chain.is_empty() { Err(unusable(option, path, "holds no certificate in PEM")) } else { Ok(chain) }
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|error| unusable(option, path, format_args!("cannot be read: {error}")).with_source(error))
}

fn unusable(option: &str, path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Configuration, format!("{option}={} {what}", path.display()))
}

/// As in libpq, root's own file may be open to its group.
#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|about| about.mode() & if about.uid() == 0 { 0o037 } else { 0o077 } != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}
