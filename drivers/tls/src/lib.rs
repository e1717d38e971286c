//! TLS for oarlock's drivers of servers: libpq's six modes, each honoured as it is named, by rustls.
//!
//! Users meet it as options of a connection's URL; the drivers' pages list them. A driver reads them into [`TlsOptions`],
//! negotiates in its protocol's way, and hands the stream to [`encrypt`]. What is common to both is here: what a mode
//! means, the files, the check of the server's certificate, and errors that say what to do.
//!
//! | Mode | Encryption | Server's certificate |
//! |-|-|-|
//! | `disable` | never | |
//! | `allow` | where the server refuses to do without | as `require` |
//! | `prefer` | where it can be had | as `require` |
//! | `require` | always | any; signed by an authority of the root file where there is one |
//! | `verify-ca` | always | signed by an authority of the root file |
//! | `verify-full` | always | signed by an authority of the root file, or of the system, and issued for the host |
//!
//! `allow` and `prefer` protect from nobody who can change what is sent; they are there because libpq's users expect them.
//!
//! # What is checked, beside libpq
//!
//! Versions below TLS 1.2 are never spoken. A certificate names its hosts in subjectAltName: the common name is not looked
//! at. A certificate of X.509 version 1 has no place in a chain, but `require` takes it. The file of roots may hold the
//! server's own certificate, which is then trusted as it stands, within its dates. Revocation lists are not read.
//!
//! # The feature `rustls`
//!
//! Without it [`AVAILABLE`] is false, modes that demand encryption are refused with `NotSupported`, and the others go
//! without. The cryptography is the process's default
//! [`CryptoProvider`](https://docs.rs/rustls/latest/rustls/crypto/struct.CryptoProvider.html), where the program has
//! installed one, else ring's.

#[cfg(not(feature = "rustls"))]
mod absent;
#[cfg(feature = "rustls")]
mod certificate;
#[cfg(feature = "rustls")]
mod encrypt;
#[cfg(feature = "rustls")]
mod failure;
#[cfg(feature = "rustls")]
mod files;
mod options;
#[cfg(feature = "rustls")]
mod stream;
#[cfg(feature = "rustls")]
mod verify;

#[cfg(not(feature = "rustls"))]
pub use absent::{TlsStream, encrypt};
#[cfg(feature = "rustls")]
pub use encrypt::encrypt;
pub use options::{Identity, Roots, SslMode, TlsOptions, Words};
#[cfg(feature = "rustls")]
pub use stream::TlsStream;

/// Whether this build can encrypt.
pub const AVAILABLE: bool = cfg!(feature = "rustls");
