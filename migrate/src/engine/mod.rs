//! Runs plans: the session, its lock, the journal.

mod digest;
mod durability;
mod lock;
mod pooler;
mod run;
mod session;

pub(crate) use digest::KINDS;
pub(crate) use run::{Ended, refused};
pub(crate) use session::Session;
