//! The contract of oarlock: connections, cursors, values, errors, and what all drivers share.
//!
//! A program links the facade `oarlock`; a driver links this crate and implements [`Connection`] and
//! [`DriverFactory`](factory::DriverFactory). No database crate is named here.

#[doc(hidden)]
pub mod __private;
pub mod buffered;
pub mod cache;
pub mod cancel;
pub mod capabilities;
pub mod catalog;
mod conn;
pub mod connection;
pub mod cursor;
mod db;
pub mod de;
mod deadline;
#[doc(hidden)]
pub mod decorate;
pub mod dialect;
pub mod error;
pub mod factory;
pub mod heap;
pub mod lease;
pub mod lex;
pub mod limits;
pub mod params;
pub mod pipeline;
pub mod record;
pub mod result;
pub mod row;
pub mod schema;
pub mod sqlstate;
pub mod timeout;
pub mod tpc;
pub mod trace;
pub mod transaction;
mod tx;
pub mod url;
pub mod value;
mod vigil;

pub use buffered::{BufferedCursor, Scroll};
pub use cancel::Canceller;
pub use capabilities::Capabilities;
pub use conn::Conn;
pub use connection::{BoxFuture, Connection, Health, TxState};
pub use cursor::Cursor;
pub use db::{Db, DbExt};
pub use de::De;
pub use dialect::Dialect;
pub use error::{Error, ErrorCategory, ErrorKind, Result};
pub use lease::Lease;
pub use limits::Limits;
pub use params::Params;
pub use pipeline::Pipeline;
pub use record::Record;
pub use result::{Column, Outcome, RowBatch};
pub use row::{FromRow, Row, RowRef};
pub use tpc::Xid;
pub use transaction::{Isolation, TxOptions};
pub use tx::Tx;
pub use url::Url;
pub use value::{Decimal, FromValue, Interval, Json, ToValue, Value, ValueRef};
