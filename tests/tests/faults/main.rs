//! What goes wrong in production, a case for each: sessions that the server or the network takes away, servers that are full,
//! read-only or too slow, runtimes that end early, and stored values that are no values. Each is told by its own kind, in its
//! time, and what comes after works.

mod limits;
mod runtimes;
mod sessions;
mod values;
