//! What the server said that tokio-postgres keeps to itself: the transaction status, the command tag, parameters, notices.
//!
//! [`Tap`](crate::tap::Tap) writes it as the bytes come in, the connection reads it once a reply is complete. A message is
//! noted before it is handed on, so what stands here is never older than what the client has seen.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oarlock_core::result::Notice;
use oarlock_core::{Error, ErrorKind, TxState};
use tokio_postgres::error::DbError;

use crate::listener::{Ears, Notification};
use crate::rows::Rows;

/// The server's side of a session, as last heard.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) rows: Rows,
    /// `ReadyForQuery`'s status byte; nought before the first.
    status: AtomicU8,
    /// How many replies have come to their end.
    replies: AtomicU64,
    /// How many replies will have come when all is answered that has left and that nobody has taken the reply of; nought where
    /// there is no such request.
    due: AtomicU64,
    tag: AtomicU8,
    copying: AtomicBool,
    escapes: AtomicBool,
    /// The last statement's text was refused before it ran; only known where statements have no names.
    refused: AtomicBool,
    /// There is something in the list of the same name.
    redescribed: AtomicBool,
    /// The rest is rarely written.
    told: Mutex<Told>,
    noticed: AtomicU64,
}

#[derive(Debug, Default)]
struct Told {
    server_version: String,
    notices: Vec<Notice>,
    ending: Option<DbError>,
    /// Statements by their text, with the names and types of the columns that they turned out to have.
    redescribed: Vec<(String, Vec<(String, u32)>)>,
    /// Who hears notifications, on a listener's connection.
    ears: Option<Arc<Ears>>,
}

/// The command tag of the last statement that was completed, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// None yet, or one that does not count rows.
    Plain = 0,
    /// One that counts rows.
    Counted = 1,
    /// `ROLLBACK`, which is also the answer to the COMMIT of a failed transaction.
    Rollback = 2,
}

/// Notices that are kept for a statement; a loop of RAISE NOTICE must not fill the memory.
const MOST_NOTICES: usize = 1000;

impl Wire {
    /// Takes one message of the server; only the kinds that [`keeps`] names arrive with their body.
    pub(crate) fn take(&self, kind: u8, body: &[u8]) {
        match kind {
            b'Z' => {
                self.status.store(body.first().copied().unwrap_or_default(), Ordering::Release);
                self.replies.fetch_add(1, Ordering::Release);
            }
            b'C' => self.tag.store(read_tag(body) as u8, Ordering::Release),
            b'G' | b'W' => self.copying.store(true, Ordering::Release),
            b'S' => self.take_parameter(body),
            _ => {}
        }
    }

    fn take_parameter(&self, body: &[u8]) {
        let mut parts = body.split(|byte| *byte == 0).map(|part| std::str::from_utf8(part).unwrap_or_default());
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return;
        };
        match name {
            "standard_conforming_strings" => self.escapes.store(value == "off", Ordering::Release),
            "server_version" => value.clone_into(&mut self.told().server_version),
            _ => {}
        }
    }

    /// Gives how many replies have come to their end.
    pub(crate) fn replies(&self) -> u64 {
        self.replies.load(Ordering::Acquire)
    }

    /// Notes that a request leaves.
    pub(crate) fn leave(&self) {
        self.due.store(self.replies() + 1, Ordering::Release);
    }

    /// Notes that another one has left behind it, before its reply was taken.
    pub(crate) fn leave_another(&self) {
        self.due.fetch_add(1, Ordering::AcqRel);
    }

    /// Notes that the replies were taken.
    pub(crate) fn landed(&self) {
        self.due.store(0, Ordering::Release);
    }

    /// Tells whether the server has something to do, as far as it has been heard. The reply of a request that was dropped may
    /// have come with nobody there to take it.
    pub(crate) fn is_busy(&self) -> bool {
        self.replies() < self.due.load(Ordering::Acquire) || self.rows.are_awaited()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the state of transactions as of the last complete reply.
    pub(crate) fn tx_state(&self) -> TxState {
        match self.status.load(Ordering::Acquire) {
            b'T' => TxState::Open,
            b'E' => TxState::Failed,
            _ => TxState::Auto,
        }
    }

    /// Gives the last command tag.
    pub(crate) fn tag(&self) -> Tag {
        match self.tag.load(Ordering::Acquire) {
            1 => Tag::Counted,
            2 => Tag::Rollback,
            _ => Tag::Plain,
        }
    }

    /// Forgets what belonged to the last statement.
    pub(crate) fn clear(&self) {
        self.tag.store(Tag::Plain as u8, Ordering::Release);
        self.refused.store(false, Ordering::Release);
        if self.redescribed.load(Ordering::Acquire) {
            self.redescribed.store(false, Ordering::Release);
            self.told().redescribed.clear();
        }
        if self.noticed.load(Ordering::Acquire) > 0 {
            self.take_notices();
        }
    }

    /// Notes that the server has refused the text of a statement, which therefore has not run.
    pub(crate) fn refuse_text(&self) {
        self.refused.store(true, Ordering::Release);
    }

    /// Tells whether the server has refused the text of a statement.
    pub(crate) fn is_text_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Notes that a statement has other columns than when it was prepared.
    pub(crate) fn redescribe(&self, text: &str, columns: Vec<(String, u32)>) {
        self.told().redescribed.push((text.to_owned(), columns));
        self.redescribed.store(true, Ordering::Release);
    }

    /// Gives the columns of a statement where they are others than when it was prepared.
    pub(crate) fn redescribed(&self, text: &str) -> Option<Vec<(String, u32)>> {
        if !self.redescribed.load(Ordering::Acquire) {
            return None;
        }
        self.told().redescribed.iter().rev().find(|(known, _)| known == text).map(|(_, columns)| columns.clone())
    }

    /// Tells whether the server waits for COPY data, which nobody will send.
    pub(crate) fn is_copying(&self) -> bool {
        self.copying.load(Ordering::Acquire)
    }

    /// Notes that COPY data will be sent.
    pub(crate) fn expect_copy(&self) {
        self.copying.store(false, Ordering::Release);
    }

    /// Tells whether plain strings take backslash escapes in this session.
    pub(crate) fn backslash_escapes(&self) -> bool {
        self.escapes.load(Ordering::Acquire)
    }

    /// Gives the server's version in its own words.
    pub(crate) fn server_version(&self) -> String {
        self.told().server_version.clone()
    }

    pub(crate) fn push_notice(&self, notice: &DbError) {
        let mut told = self.told();
        self.noticed.fetch_add(1, Ordering::AcqRel);
        if told.notices.len() < MOST_NOTICES {
            told.notices.push(Notice {
                severity: notice.severity().to_owned(),
                code: Some(notice.code().code().to_owned()),
                message: notice.message().to_owned(),
            });
        }
    }

    /// Gives how many notices came with the last statement.
    pub(crate) fn notice_count(&self) -> u32 {
        u32::try_from(self.noticed.load(Ordering::Acquire)).unwrap_or(u32::MAX)
    }

    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        let mut told = self.told();
        self.noticed.store(0, Ordering::Release);
        std::mem::take(&mut told.notices)
    }

    /// Passes notifications on from now on.
    pub(crate) fn hear(&self, ears: Arc<Ears>) {
        self.told().ears = Some(ears);
    }

    /// Passes a notification on; without anybody to hear it, it is dropped.
    pub(crate) fn push_notification(&self, notification: &tokio_postgres::Notification) {
        if let Some(ears) = &self.told().ears {
            ears.push(Notification {
                channel: notification.channel().to_owned(),
                payload: notification.payload().to_owned(),
                process_id: notification.process_id(),
            });
        }
    }

    /// Keeps why the server ended the session.
    pub(crate) fn set_ending(&self, ending: &DbError) {
        self.told().ending = Some(ending.clone());
    }

    /// Makes the error of a session that has ended, with the server's words where it said any.
    pub(crate) fn lost(&self) -> Error {
        match &self.told().ending {
            Some(ending) => {
                Error::new(ErrorKind::ConnectionLost, format!("the server ended the session: {}", ending.message()))
                    .with_sqlstate(ending.code().code())
            }
            None => Error::new(ErrorKind::ConnectionLost, "the connection to the server was lost"),
        }
    }
}

/// Tells whether a message's body is wanted.
pub(crate) fn keeps(kind: u8) -> bool {
    matches!(kind, b'Z' | b'C' | b'S' | b'G' | b'W')
}

fn read_tag(body: &[u8]) -> Tag {
    let tag = body.strip_suffix(&[0]).unwrap_or(body);
    if tag == b"ROLLBACK" {
        return Tag::Rollback;
    }
    let number = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let counted = number.len() < tag.len() && !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    if counted { Tag::Counted } else { Tag::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_rows_or_do_not() {
        for (tag, expected) in [
            (&b"INSERT 0 5\0"[..], Tag::Counted),
            (b"SELECT 0\0", Tag::Counted),
            (b"CREATE TABLE\0", Tag::Plain),
            (b"COMMIT\0", Tag::Plain),
            (b"ROLLBACK\0", Tag::Rollback),
            (b"5\0", Tag::Plain),
            (b"", Tag::Plain),
        ] {
            assert_eq!(read_tag(tag), expected, "{tag:?}");
        }
    }

    #[test]
    fn the_status_byte_is_the_transaction_state() {
        let wire = Wire::default();
        assert_eq!(wire.tx_state(), TxState::Auto);
        for (status, state) in [(b"T", TxState::Open), (b"E", TxState::Failed), (b"I", TxState::Auto)] {
            wire.take(b'Z', status);
            assert_eq!(wire.tx_state(), state);
        }
    }

    #[test]
    fn parameters_are_heard() {
        let wire = Wire::default();
        wire.take(b'S', b"standard_conforming_strings\0off\0");
        wire.take(b'S', b"server_version\x0015.4\0");
        wire.take(b'S', b"malformed");
        assert!(wire.backslash_escapes());
        assert_eq!(wire.server_version(), "15.4");
    }
}
