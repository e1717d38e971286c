//! Migrations on every engine: what a program does with them, what an interruption leaves, many runners at once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod crowd;
mod dump;
mod durable;
mod embedded;
mod guide;
mod history;
mod interrupted;
mod log;

use std::time::Duration;

use oarlock_tests::is_full;

/// How long a proof may take.
fn limit() -> Duration {
    if is_full() { Duration::from_hours(3) } else { Duration::from_mins(5) }
}
