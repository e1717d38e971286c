//! What a connection's options say of encryption.

use std::fmt;
use std::path::PathBuf;

use oarlock_core::{Error, ErrorKind, Result};

use crate::AVAILABLE;

/// libpq's six modes of encryption, from the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum SslMode {
    /// Never.
    Disable,
    /// Only where the server insists.
    Allow,
    /// Where the server offers it.
    #[default]
    Prefer,
    /// Always, whoever the server is, unless a file of roots is there.
    Require,
    /// Always, and the server's certificate is signed by a known authority.
    VerifyCa,
    /// Always, and the certificate is that of the host, too.
    VerifyFull,
}

/// Which authorities may sign a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Roots {
    /// None is known: the signature is not looked at.
    #[default]
    Unknown,
    /// Those of a PEM file, which is checked in every mode.
    File(PathBuf),
    /// Those that the system trusts. They sign for everybody, so that nothing but `verify-full` makes sense.
    System,
}

/// The certificate by which the client shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The PEM file of the certificate, and of those between it and its authority.
    pub certificate: PathBuf,
    /// The PEM file of its private key, which nobody else may read.
    pub key: PathBuf,
}

/// The names of the options in a driver's URLs, for its errors.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// The option of the mode.
    pub mode: &'static str,
    /// The modes, from [`SslMode::Disable`] on.
    pub modes: [&'static str; 6],
    /// The option of the authorities' file.
    pub roots: &'static str,
    /// The option of the client's certificate.
    pub certificate: &'static str,
    /// The option of its key.
    pub key: &'static str,
}

/// How a connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// Whether, and how far the server is checked.
    pub mode: SslMode,
    /// Which authorities may sign its certificate.
    pub roots: Roots,
    /// The client's certificate.
    pub identity: Option<Identity>,
    /// The protocol that is named in the handshake itself (ALPN), on which the server has to agree.
    pub protocol: Option<&'static str>,
    /// The options' names.
    pub words: &'static Words,
}

impl TlsOptions {
    /// Makes the options of a driver: `prefer`, without files.
    #[must_use]
    pub fn new(words: &'static Words) -> Self {
        Self { mode: SslMode::default(), roots: Roots::default(), identity: None, protocol: None, words }
    }

    /// Checks that the options fit each other, and this build.
    ///
    /// # Errors
    ///
    /// `NotSupported` for a mode that demands encryption in a build without it; `Configuration` for a mode that needs
    /// roots without any, and for the system's roots in a weaker mode than `verify-full`, as in libpq.
    pub fn check(&self) -> Result<()> {
        if self.mode >= SslMode::Require && !AVAILABLE {
            return Err(Error::not_supported(format!("{self} demands TLS, which this build leaves out"))
                .with_hint("add the feature tls of oarlock in Cargo.toml"));
        }
        let wrong = |message: String| Error::new(ErrorKind::Configuration, message);
        match self.roots {
            Roots::Unknown if self.mode >= SslMode::VerifyCa => {
                Err(wrong(format!("{self} needs to know which authorities to trust")).with_hint(format!(
                    "name their PEM file by {roots}, or take the system's by {roots}=system with {}",
                    self.spelled(SslMode::VerifyFull),
                    roots = self.words.roots,
                )))
            }
            Roots::System if self.mode < SslMode::VerifyFull => Err(wrong(format!(
                "{self} is too weak for {}=system: those authorities sign for anybody",
                self.words.roots
            ))
            .with_hint(format!("use {}", self.spelled(SslMode::VerifyFull)))),
            _ => Ok(()),
        }
    }

    /// Gives a mode as it is written in a URL.
    fn spelled(&self, mode: SslMode) -> String {
        format!("{}={}", self.words.mode, self.words.modes[mode as usize])
    }

    /// Makes the error of a server that has no encryption to offer.
    #[must_use]
    pub fn not_offered(&self) -> Error {
        self.failed("the server offers no encryption").with_hint(format!(
            "switch TLS on in the server, or use {} where nobody can listen",
            self.spelled(SslMode::Disable)
        ))
    }

    /// Makes an error of encryption that names the mode.
    pub fn failed(&self, what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Tls, format!("{self}: {what}"))
    }
}

/// The mode, as it is written in a URL.
impl fmt::Display for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelled(self.mode))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        mode: "sslmode",
        modes: ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        roots: "sslrootcert",
        certificate: "sslcert",
        key: "sslkey",
    };

    fn check(mode: SslMode, roots: Roots) -> Result<()> {
        TlsOptions { mode, roots, ..TlsOptions::new(&WORDS) }.check()
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
            let result = check(mode, Roots::File("root.pem".into()));
            assert_eq!(
                result.err().map(|error| error.kind()),
                (!AVAILABLE).then_some(ErrorKind::NotSupported),
                "{mode:?}"
            );
        }
        for mode in [SslMode::Disable, SslMode::Allow, SslMode::Prefer] {
            assert!(check(mode, Roots::Unknown).is_ok(), "{mode:?}");
        }
    }

    #[cfg(feature = "rustls")]
    #[test]
    fn roots_and_modes_have_to_fit() {
        let error = check(SslMode::VerifyFull, Roots::Unknown).expect_err("no roots");
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert_eq!(
            error.to_string(),
            "sslmode=verify-full needs to know which authorities to trust (name their PEM file by sslrootcert, or take \
             the system's by sslrootcert=system with sslmode=verify-full)"
        );
        for mode in [SslMode::Disable, SslMode::Prefer, SslMode::Require, SslMode::VerifyCa] {
            let error = check(mode, Roots::System).expect_err("too weak");
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert_eq!(error.hint(), Some("use sslmode=verify-full"));
        }
        assert!(check(SslMode::VerifyFull, Roots::System).is_ok());
        assert!(check(SslMode::Require, Roots::Unknown).is_ok());
    }
}
