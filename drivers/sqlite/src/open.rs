//! An open statement: handing out its rows, and ending it.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use oarlock_core::{Error, Outcome, Result, RowBatch};

use crate::arena::{Arena, Part};
use crate::connection::SqliteConnection;
use crate::queue::Queue;
use crate::run::Ended;

/// An open statement.
#[derive(Debug)]
pub(crate) struct Open {
    /// Rows that were taken from the queue and not handed out, from an index on.
    pub(crate) rest: Option<(Arc<Arena>, usize)>,
    /// Where more rows are, or come from.
    pub(crate) queue: Option<Arc<Queue>>,
    /// How it ended, once it has; until then the session is away.
    pub(crate) ended: Option<Result<Outcome>>,
}

impl Open {
    fn hand_out(&mut self, max: usize) -> Option<Arc<dyn RowBatch>> {
        let (arena, start) = self.rest.take()?;
        let left = arena.rows() - start;
        if start == 0 && left <= max {
            return Some(arena);
        }
        let rows = left.min(max);
        if left > rows {
            self.rest = Some((Arc::clone(&arena), start + rows));
        }
        Some(Arc::new(Part { arena, start, rows }))
    }
}

impl SqliteConnection {
    /// Hands out the next rows.
    pub(crate) fn poll_rows(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        loop {
            let Some(open) = &mut self.open else { return Poll::Ready(Ok(None)) };
            if let Some(batch) = open.hand_out(max.max(1)) {
                return Poll::Ready(Ok(Some(batch)));
            }
            let arena = match (&open.queue, &open.ended) {
                (Some(queue), None) => match queue.poll_take(cx) {
                    Poll::Ready(arena) => Some(arena),
                    Poll::Pending => {
                        let ended = ready!(self.poll_home(cx)).map(outcome);
                        if let Some(open) = &mut self.open {
                            open.ended = Some(ended);
                        }
                        continue;
                    }
                },
                (Some(queue), Some(_)) => queue.take(),
                (None, _) => None,
            };
            if let Some(arena) = arena {
                open.rest = Some((Arc::new(arena), 0));
                continue;
            }
            return Poll::Ready(match open.ended.take() {
                Some(Err(error)) => {
                    self.open = None;
                    Err(error)
                }
                ended => {
                    open.ended = ended;
                    Ok(None)
                }
            });
        }
    }

    /// Ends the statement.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        let Some(open) = &mut self.open else {
            return Poll::Ready(Err(Error::interface("no statement is open on this connection")));
        };
        open.rest = None;
        let ended = match (open.ended.take(), &open.queue) {
            (Some(ended), _) => ended,
            (None, queue) => {
                if let Some(queue) = queue {
                    queue.close();
                }
                ready!(self.poll_home(cx)).map(outcome)
            }
        };
        self.open = None;
        Poll::Ready(ended)
    }
}

fn outcome(ended: Ended) -> Outcome {
    match ended {
        Ended::Done(outcome) => outcome,
        Ended::NeedsTurn => Outcome::default(),
    }
}
