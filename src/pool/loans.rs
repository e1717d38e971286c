//! Who holds the connections of a pool.

use std::cmp::Reverse;
use std::panic::Location;
use std::time::{Duration, Instant};

use tokio::task;

use super::status::Holder;

/// Who wants a connection: where in the program, and in which task.
#[derive(Clone, Copy)]
pub(super) struct Borrower {
    pub(super) site: &'static Location<'static>,
    pub(super) task: Option<task::Id>,
}

impl Borrower {
    /// The task that runs now.
    pub(super) fn here(site: &'static Location<'static>) -> Self {
        Self { site, task: task::try_id() }
    }
}

struct Loan {
    borrower: Borrower,
    since: Instant,
    reported: bool,
}

impl Loan {
    fn holder(&self, now: Instant) -> Holder {
        Holder { site: self.borrower.site, held: now.saturating_duration_since(self.since) }
    }
}

/// The place of a loan among the [`Loans`].
#[derive(Clone, Copy)]
pub(super) struct Ticket(usize);

/// The connections that are lent.
#[derive(Default)]
pub(super) struct Loans {
    places: Vec<Option<Loan>>,
    free: Vec<usize>,
}

impl Loans {
    pub(super) fn begin(&mut self, borrower: Borrower, since: Instant) -> Ticket {
        let loan = Some(Loan { borrower, since, reported: false });
        if let Some(place) = self.free.pop() {
            self.places[place] = loan;
            return Ticket(place);
        }
        self.places.push(loan);
        Ticket(self.places.len() - 1)
    }

    pub(super) fn end(&mut self, ticket: Ticket) {
        self.places[ticket.0] = None;
        self.free.push(ticket.0);
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Counts what one task holds.
    pub(super) fn of_task(&self, task: Option<task::Id>) -> usize {
        let same = |loan: &&Loan| task.is_some() && loan.borrower.task == task;
        self.places.iter().flatten().filter(same).count()
    }

    /// Gives who holds a connection at least as long as this, the longest first.
    pub(super) fn held_for(&self, least: Duration) -> Vec<Holder> {
        let now = Instant::now();
        let mut holders: Vec<Holder> = self.places.iter().flatten().map(|loan| loan.holder(now)).collect();
        holders.retain(|holder| holder.held >= least);
        holders.sort_by_key(|holder| Reverse(holder.held));
        holders
    }

    /// Gives who holds a connection at least as long as this, each once only.
    pub(super) fn newly_held_for(&mut self, least: Duration, now: Instant) -> Vec<Holder> {
        let loans = self.places.iter_mut().flatten();
        let late = loans.filter(|loan| !loan.reported && now.saturating_duration_since(loan.since) >= least);
        late.map(|loan| {
            loan.reported = true;
            loan.holder(now)
        })
        .collect()
    }
}
