//! Failures of encryption, in terms of what to do about them.

use std::fmt::Display;
use std::io;

use oarlock_core::Error;
use rustls::{AlertDescription, CertificateError, Error as Native, OtherError};

use crate::options::{Roots, SslMode, TlsOptions};

/// Converts what went wrong in a handshake.
pub(crate) fn of_handshake(error: io::Error, host: &str, options: &TlsOptions) -> Error {
    let told = match native(&error) {
        Some(Native::InvalidCertificate(why)) => of_certificate(why, host, options),
        Some(Native::AlertReceived(alert)) => of_alert(*alert, options),
        Some(Native::PeerIncompatible(why)) => options
            .failed(format_args!("the server and this client have no version or cipher in common: {why:?}"))
            .with_hint("TLS 1.2 is the oldest that is spoken"),
        Some(other) => options.failed(format_args!("the handshake failed: {other}")),
        None => options.failed(format_args!("the connection broke during the handshake: {error}")),
    };
    told.with_source(error)
}

/// Converts what a server says later: in TLS 1.3 it looks at the client's certificate after the handshake is over.
pub(crate) fn broken_off(error: io::Error, options: &TlsOptions) -> io::Error {
    match native(&error) {
        Some(Native::AlertReceived(alert)) => {
            let told = of_alert(*alert, options);
            io::Error::new(error.kind(), told.with_source(error))
        }
        _ => error,
    }
}

fn native(error: &io::Error) -> Option<&Native> {
    error.get_ref()?.downcast_ref()
}

fn of_certificate(why: &CertificateError, host: &str, options: &TlsOptions) -> Error {
    let roots = match &options.roots {
        Roots::File(path) => format!("of {}={}", options.words.roots, path.display()),
        Roots::System => "that the system trusts".to_owned(),
        Roots::Unknown => "that is known".to_owned(),
    };
    match why {
        CertificateError::UnknownIssuer => options
            .failed(format_args!("the server's certificate is signed by no authority {roots}"))
            .with_hint(format!("put its authority's certificate into {}", options.words.roots)),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            options.failed("the server's certificate has expired").with_hint("renew it on the server")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            options.failed("the server's certificate is not valid yet").with_hint("compare both sides' clocks")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = match why {
                CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                    format!("it is for {}", names.join(", "))
                }
                _ => "it names no host in its subjectAltName".to_owned(),
            };
            options.failed(format_args!("the server's certificate is not for the host {host}: {names}")).with_hint(
                format!(
                    "connect by a name of the certificate; {} does without that check",
                    options.words.modes[SslMode::VerifyCa as usize]
                ),
            )
        }
        other => {
            let hint = format!(
                "it has to be of X.509 version 3 and no authority's own, or the very one in {}",
                options.words.roots
            );
            match other {
                CertificateError::Other(OtherError(why)) => refused(options, why),
                other => refused(options, other),
            }
            .with_hint(hint)
        }
    }
}

fn refused(options: &TlsOptions, why: &dyn Display) -> Error {
    options.failed(format_args!("the server's certificate cannot be accepted: {why}"))
}

/// Takes a name out of how rustls shows it: `DnsName("db.example.org")`, `IpAddress(127.0.0.1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.map_or(name, |inner| inner.trim_matches('"'))
}

fn of_alert(alert: AlertDescription, options: &TlsOptions) -> Error {
    let error = options.failed(format_args!("the server broke off: {alert:?}"));
    let (certificate, key) = (options.words.certificate, options.words.key);
    match (alert, &options.identity) {
        (AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure, None) => {
            error.with_hint(format!("it may want the client's certificate: {certificate} and {key}"))
        }
        (
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::UnknownCA,
            Some(_),
        ) => error.with_hint(format!("it does not accept the certificate of {certificate}")),
        _ => error,
    }
}
