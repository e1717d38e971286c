//! Why there was no connection: what was waited for, who holds the connections, and what went wrong last.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock_core::{Error, ErrorKind};

use super::loans::Borrower;
use super::shared::Shared;
use super::slots::Slots;
use super::status::{Brief, Holder};

/// How many holders an error names.
const NAMED: usize = 5;

/// What a caller is waiting for.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    /// That a connection comes back, or is opened.
    Waiting,
    /// That the connection it got gives a sign of life, since then.
    Checking(Instant),
}

/// Makes the error of one who has waited too long, and counts it.
#[cold]
pub(super) fn timed_out(pool: &Shared, borrower: Borrower, phase: Phase) -> Error {
    let mut slots = pool.slots();
    slots.counts.timeouts += 1;
    let (limit, max) = (Brief(pool.options.acquire_timeout), pool.options.max_size);
    let (size, waiting) = (slots.established(), slots.waiting);
    let held = Holders(slots.loans.held_for(Duration::ZERO));
    let mine = slots.loans.of_task(borrower.task);
    let cause = slots.outage.as_ref().map(|outage| Arc::clone(&outage.cause));
    let (message, hint) = match phase {
        Phase::Checking(since) => (
            format!(
                "no connection was found to be alive within {limit}: a check has had no answer for {}{held}",
                Brief(since.elapsed())
            ),
            "see whether the database answers".to_owned(),
        ),
        Phase::Waiting if slots.opening > 0 || cause.is_some() => (
            format!(
                "no connection could be opened within {limit}: {}; the pool has {size} of {max}, and {waiting} others \
                 wait{held}",
                trouble(&slots)
            ),
            "see whether the database answers, or raise acquire_timeout".to_owned(),
        ),
        Phase::Waiting => (
            format!("no connection was free within {limit}: the pool has all {max}, and {waiting} others wait{held}"),
            match mine {
                0 => "return connections sooner, or raise max_size or acquire_timeout".to_owned(),
                mine => format!(
                    "this task holds {mine} of them itself, and waits for itself where it does not return one first; else \
                     raise max_size or acquire_timeout"
                ),
            },
        ),
    };
    let (in_use, opening) = (slots.loans.len(), slots.opening);
    drop(slots);
    tracing::warn!(
        target: "oarlock::pool",
        site = %borrower.site,
        limit_ms = pool.options.acquire_timeout.as_millis(),
        size,
        max,
        in_use,
        opening,
        waiting,
        "no connection was to be had in time"
    );
    let error = Error::new(ErrorKind::PoolTimeout, message).with_hint(hint);
    match cause {
        Some(cause) => error.with_source(cause),
        None => error,
    }
}

fn trouble(slots: &Slots) -> String {
    match &slots.outage {
        None => "the server has not answered yet".to_owned(),
        Some(outage) if outage.attempts == 1 => format!("an attempt failed: {}", outage.cause),
        Some(outage) => format!("{} attempts failed, the last one: {}", outage.attempts, outage.cause),
    }
}

/// Makes the error of a pool whose connections did not come back when it was closed.
#[cold]
pub(super) fn still_lent(pool: &Shared) -> Error {
    let slots = pool.slots();
    let (limit, open) = (Brief(pool.options.close_timeout), slots.established());
    let held = Holders(slots.loans.held_for(Duration::ZERO));
    drop(slots);
    Error::new(ErrorKind::PoolTimeout, format!("{open} connections did not come back within {limit}{held}"))
        .with_hint("they are closed when they come back")
}

/// Those who hold connections, the longest first.
struct Holders(Vec<Holder>);

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, holder) in self.0.iter().take(NAMED).enumerate() {
            write!(f, "{}{holder}", if index == 0 { "; held by " } else { ", " })?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
