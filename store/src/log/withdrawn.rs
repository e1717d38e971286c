//! Frames that could not be written and were taken back: nothing of them is in the file, and their numbers are given again.

use oarlock_core::{Error, ErrorKind};

/// An error as it is told to several.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    kind: ErrorKind,
    message: String,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        Self { kind: error.kind(), message: error.message().to_owned() }
    }

    pub(super) fn error(&self) -> Error {
        Error::new(self.kind, self.message.clone())
    }
}

/// What was withdrawn and not been asked for yet.
#[derive(Debug, Default)]
pub(super) struct Withdrawals(Vec<Withdrawal>);

/// Frames that were withdrawn together.
#[derive(Debug)]
struct Withdrawal {
    /// The tickets: after the one, up to the other.
    after: u64,
    last: u64,
    /// How many have not been asked for.
    left: u64,
    failure: Failure,
}

impl Withdrawals {
    /// Enters what was appended after one ticket, up to another.
    pub(super) fn add(&mut self, after: u64, last: u64, failure: Failure) {
        self.0.push(Withdrawal { after, last, left: last - after, failure });
    }

    /// Gives the error of a frame that was withdrawn. Each is asked for once, and forgotten with the last of them.
    pub(super) fn take(&mut self, ticket: u64) -> Option<Error> {
        let index = self.0.iter().position(|withdrawal| withdrawal.after < ticket && ticket <= withdrawal.last)?;
        let withdrawal = &mut self.0[index];
        withdrawal.left -= 1;
        let error = withdrawal.failure.error();
        if withdrawal.left == 0 {
            self.0.swap_remove(index);
        }
        let error = error
            .with_hint("nothing was committed and all before is safe; where the disk is full make room, and try again");
        Some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_that_was_withdrawn_is_told_once_and_forgotten() {
        let failure = |message: &str| Failure { kind: ErrorKind::ResourcesExhausted, message: message.to_owned() };
        let mut withdrawals = Withdrawals::default();
        withdrawals.add(3, 5, failure("first"));
        withdrawals.add(5, 6, failure("second"));
        assert!(withdrawals.take(3).is_none(), "it was written");
        assert_eq!(withdrawals.take(5).unwrap().message(), "first");
        assert_eq!(withdrawals.take(6).unwrap().message(), "second");
        assert!(withdrawals.take(7).is_none());
        assert_eq!(withdrawals.take(4).unwrap().kind(), ErrorKind::ResourcesExhausted);
        assert!(withdrawals.0.is_empty());
    }
}
