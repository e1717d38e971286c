//! The program as its users run it: in a directory of their own, on each engine, with what it prints told apart by snapshots.
//!
//! A snapshot without an engine's name holds for all engines: what differs by nature (times, versions, the URL) is left out of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod commands;
mod dump;
mod errors;
mod life;
mod package;
mod place;
#[cfg(unix)]
mod reading;
#[cfg(feature = "store")]
mod store;
#[cfg(unix)]
mod terminal;
