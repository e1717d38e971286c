//! The contract of oarlock: connections, cursors, values, errors, and what all drivers share.
//!
//! A program links the facade `oarlock`; a driver links this crate and implements [`Connection`] and
//! [`DriverFactory`](factory::DriverFactory). No database crate is named here.

pub mod cache;
pub mod capabilities;
pub mod catalog;
pub mod connection;
pub mod dialect;
pub mod error;
pub mod factory;
pub mod lex;
pub mod params;
pub mod result;
pub mod schema;
pub mod sqlstate;
pub mod transaction;
pub mod url;
pub mod value;

pub use capabilities::Capabilities;
pub use connection::{BoxFuture, Connection, Health, TxState};
pub use dialect::Dialect;
pub use error::{Error, ErrorCategory, ErrorKind, Result};
pub use params::Params;
pub use result::{Column, Outcome, RowBatch};
pub use transaction::{Isolation, TxOptions};
pub use url::Url;
pub use value::{FromValue, ToValue, Value, ValueRef};
