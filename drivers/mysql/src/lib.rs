//! The MySQL and MariaDB driver of oarlock, on `mysql_async`.
//!
//! Register [`FACTORY`] and open connections by URL: `mysql://user:password@host:3306/database`, or `mariadb://…`, which is
//! the same; which of the two it is, the server tells. Several hosts, separated by commas, are tried in order.
//!
//! | Option | Takes | Default |
//! |-|-|-|
//! | `socket` | the path of a Unix socket, instead of a host | none |
//! | `connect_timeout` | how long one host may take, its login included; 0 is for ever | `10s` |
//! | `statement_cache` | how many prepared statements are kept; `0` for none | `256` |
//! | `zero_dates` | what `0000-00-00` is read as: `error` or `null` | `error` |
//! | `tinyint1` | what `TINYINT(1)` is read as: `int`, or `bool` where it is 0 or 1 | `int` |
//! | `reset` | whether a reset asks the server only when the session is `dirty`, or `always` | `dirty` |
//! | `ssl-mode` | `disabled`, `allow`, `preferred`, `required`, `verify_ca`, `verify_identity`: see [below](#encryption) | `preferred`; with `ssl-ca` `verify_ca` |
//! | `ssl-ca` | the PEM file of the authorities that may sign the server's certificate, or `system` for the system's | none |
//! | `ssl-cert`, `ssl-key` | the PEM files of the client's certificate and its key | none |
//! | `enable-cleartext-plugin` | whether the password is sent in clear where others may read it: `on` or `off` | `off` |
//! | `compression` | whether the protocol is compressed: `on` or `off` | `off` |
//! | `tcp_keepalive` | after how long an idle connection is probed | the system's |
//!
//! # Encryption
//!
//! With the feature `tls` there are libpq's six modes, by MySQL's names or its own (`sslmode=verify-full`; `sslrootcert`,
//! `sslcert`, `sslkey`). Only `verify_identity` protects from somebody who stands between: `required` encrypts to whoever
//! answers, and `preferred` and `allow` fall back to no encryption. A file of `ssl-ca` is used in every mode, and
//! `ssl-ca=system` stands for `verify_identity`. A Unix socket is never encrypted. [`oarlock_tls`] tells what is checked.
//! Where the server offers none, `preferred` costs a trip more for each connection, which `disabled` saves. Without the
//! feature `required` and stricter modes are refused, and the others do without; so they are on systems that have no Unix
//! sockets.
//!
//! A password in clear, for which the server may ask (`mysql_clear_password`), is refused on a line that is neither
//! encrypted nor a Unix socket, unless `enable-cleartext-plugin=on`. `caching_sha2_password` asks the server for its RSA
//! key on such a line, and cannot know whose key it gets.
//!
//! # The session
//!
//! Text is UTF-8 (`utf8mb4`), `time_zone` is `+00:00`, `autocommit` is on, and `STRICT_ALL_TABLES` is added to the server's
//! `sql_mode`, so that no value is changed to make it fit. UPDATE counts the rows it matched, changed or not. A
//! statement that sets `sql_mode` or `time_zone` by name is followed: lexing adapts to `ANSI_QUOTES` and
//! `NO_BACKSLASH_ESCAPES`, instants to a zone of a fixed offset (in one with a name they are refused). `LOAD DATA LOCAL` is
//! refused, whatever the server asks for.
//!
//! # Values
//!
//! | Column | Value |
//! |-|-|
//! | integers, `YEAR` | `I64`, or `U64` where unsigned |
//! | `TINYINT(1)` (BOOL) | `I64`, from which `bool` reads 0 and 1: the column may hold 2. With `tinyint1=bool`: `Bool` for 0 and 1 |
//! | `BIT(n)` | `U64` |
//! | `FLOAT`, `DOUBLE` | `F32`, `F64` |
//! | `DECIMAL` | `Decimal` up to 38 digits, beyond them the native type |
//! | `CHAR`, `VARCHAR`, `TEXT`, `ENUM`, `SET`, MariaDB's `JSON`, `UUID` and `INET6` | `Text` |
//! | `BINARY`, `VARBINARY`, `BLOB` | `Bytes`; 16 of them are read as a UUID |
//! | MySQL's `JSON` | `Json` |
//! | `DATE`, `DATETIME`, `TIMESTAMP` | `Date`, `DateTime`, `Instant` |
//! | `TIME` | `Span`, from −838:59:59 to 838:59:59 |
//! | `GEOMETRY`, `VECTOR` | the native type |
//!
//! The server itself rounds a fraction that is assigned to an integer column and cuts the time off what is assigned to a
//! `DATE`, in strict mode too, and it does not tell the driver the types of parameters: bind what the column holds.
//!
//! A decimal parameter goes to the server as text, which it compares with a `DECIMAL` column in floating point: where more
//! than 15 digits matter, write `CAST(? AS DECIMAL(…))`.
//!
//! # Cancellation
//!
//! A future of any call can be dropped at any point. What it began is brought to its end by the next call on the
//! connection; a batch of `execute_many` is broken off and undone.

mod batch;
mod bind;
mod bulk;
mod cancel;
mod catalog;
mod columns;
mod connection;
mod contract;
mod error;
mod factory;
mod guard;
mod infile;
mod limit;
mod load;
mod many;
mod message;
mod options;
mod pump;
mod server;
mod statement;
mod text;
mod tpc;
#[cfg(all(feature = "tls", unix))]
mod tunnel;
mod wire;

pub use connection::MysqlConnection;
pub use factory::{FACTORY, MysqlFactory};
pub use load::MysqlExt;
pub use oarlock_tls::{Identity, Roots, SslMode, TlsOptions};
pub use options::{MysqlOptions, ResetPolicy, TinyInt1, ZeroDates};
