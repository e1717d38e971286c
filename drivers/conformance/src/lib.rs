//! The conformance suite of oarlock: the rules every driver passes, as named tests.
//!
//! A driver, of this repository or from outside, implements [`Setup`] and calls [`suite!`] once. Each rule becomes a test that
//! has a database of its own, and runs twice: `direct::…` on connections by the driver's own type, `dynamic::…` on
//! connections by the factory that is registered for the URL, as a program gets them. After each test the suite asks the
//! setup what was left behind on the server; anything fails the test.
//!
//! A rule whose capability is not declared still runs, and requires a clean `NotSupported`. [`Setup::required`] says what must
//! be declared, so that declaring less does not pass; [`required`] has it for the databases that the suite knows.
//!
//! Where no server is to be had, [`require_server`] reports a test as skipped; with `CI=true` it fails.
//!
//! # Examples
//!
//! The file `tests/conformance.rs` of a driver, here for a database in files:
//!
//! ```
//! use std::sync::Arc;
//!
//! use oarlock_conformance::{Place, Setup, required};
//! use oarlock_core::connection::{BoxFuture, DriverInfo};
//! use oarlock_core::factory::{Connector, DriverFactory, Purpose};
//! use oarlock_core::{Capabilities, Connection, Error, Result, Url};
//!
//! # struct MyFactory;
//! # impl DriverFactory for MyFactory {
//! #     fn schemes(&self) -> &'static [&'static str] {
//! #         &["my"]
//! #     }
//! #     fn connector(&self, _: &Url, _: Purpose) -> Result<Arc<dyn Connector>> {
//! #         Err(Error::not_supported("an example"))
//! #     }
//! # }
//! # struct MyConnection;
//! # impl MyConnection {
//! #     async fn open(_: &Url) -> Result<Box<dyn Connection>> {
//! #         Err(Error::not_supported("an example"))
//! #     }
//! # }
//! struct MySetup;
//!
//! impl Setup for MySetup {
//!     fn factory(&self) -> &'static dyn DriverFactory {
//!         &MyFactory
//!     }
//!
//!     fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
//!         Box::pin(MyConnection::open(url))
//!     }
//!
//!     fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
//!         Box::pin(async move {
//!             let file = std::env::temp_dir().join(name);
//!             let url = Url::parse(&format!("my:{}", file.display()))?;
//!             Ok(Some(Place::new(name, url)))
//!         })
//!     }
//!
//!     fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
//!         Box::pin(async move {
//!             let _ = std::fs::remove_file(std::env::temp_dir().join(&place.name));
//!             Ok(Vec::new())
//!         })
//!     }
//!
//!     fn required(&self, _: &DriverInfo) -> Capabilities {
//!         let mut capabilities = Capabilities::NONE;
//!         capabilities.savepoints = true;
//!         capabilities.max_parameters = 999;
//!         capabilities
//!     }
//! }
//!
//! oarlock_conformance::suite!(MySetup);
//! # fn main() {}
//! ```

#![expect(clippy::missing_errors_doc, reason = "a rule has one error, its failure, which `Verdict` tells of")]

mod bench;
mod failure;
mod rules;
mod setup;
mod tables;

pub mod cancel;
pub mod capabilities;
pub mod catalog;
pub mod dropped;
pub mod ended;
pub mod errors;
pub mod fragments;
pub mod leaks;
pub mod outcomes;
pub mod parameters;
pub mod pipelines;
pub mod required;
pub mod results;
pub mod sample_schema;
pub mod session;
pub mod sqlgen;
pub mod transactions;
pub mod two_phase;
pub mod values;

pub use bench::{Bench, Way, require_server, run, skipped, until};
pub use dropped::Call;
pub use failure::{Failure, Verdict};
pub use fragments::{Fragments, SessionMark};
pub use rules::RULES;
pub use setup::{Place, Setup, Slow, Stranger, end_branches};
