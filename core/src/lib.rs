//! The contract of oarlock: connections, cursors, values, errors, and what all drivers share.
//!
//! A program links the facade `oarlock`; a driver links this crate and implements [`Connection`] and
//! [`DriverFactory`](factory::DriverFactory). No database crate is named here.

pub mod error;
pub mod sqlstate;
pub mod value;

pub use error::{Error, ErrorCategory, ErrorKind, Result};
pub use value::{FromValue, ToValue, Value, ValueRef};
