//! How much history is kept, and leaving out what is older.

use std::time::Duration;

use oarlock_core::Result;

use crate::log::{Head, now};
use crate::pack::Packed;
use crate::store::Store;

/// How much history is kept: what any of the two keeps, and all where neither is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Retention {
    /// The store as it was at any time within this one.
    pub(crate) time: Option<Duration>,
    /// So many of the last transactions.
    pub(crate) transactions: Option<u64>,
}

/// What is not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expired {
    /// The last transaction that goes.
    base: u64,
    /// How many bytes of the file those that go take.
    bytes: u64,
}

impl Retention {
    /// Tells which of the transactions of a file go, of those up to `last`, at a time; `None` where none does.
    fn expired(self, heads: impl Iterator<Item = Result<Head>>, last: u64, now: i64) -> Result<Option<Expired>> {
        if self == Self::default() {
            return Ok(None);
        }
        let newest = self.transactions.map_or(u64::MAX, |kept| last.saturating_sub(kept));
        let latest =
            self.time.map_or(i64::MAX, |time| now.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)));
        let mut expired = None::<Expired>;
        for head in heads {
            let Head { base, transaction, time, length } = head?;
            if base {
                continue;
            }
            if transaction > newest || time > latest {
                break;
            }
            let bytes = expired.map_or(0, |expired| expired.bytes) + length;
            expired = Some(Expired { base: transaction, bytes });
        }
        Ok(expired)
    }
}

impl Store {
    /// Packs what the store's options do not keep any more out of the file: [`Options::keep_for`](crate::Options::keep_for) and
    /// [`Options::keep_transactions`](crate::Options::keep_transactions). `None` where nothing is older than that, which takes a look at the
    /// headers of what is.
    ///
    /// It is never called by a commit: a program that runs for long calls it when it suits, once a day, say. [`close`](Self::close) does so by itself where
    /// it is worth it.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack).
    pub fn pack_retained(&self) -> Result<Option<Packed>> {
        match self.expired()? {
            Some((expired, _)) => self.pack(expired.base.saturating_add(1)).map(Some),
            None => Ok(None),
        }
    }

    /// Packs at closing, where at least a quarter of the file goes.
    pub(crate) fn pack_at_close(&self) -> Result<()> {
        const PART: u64 = 4;
        if !self.shared().log.takes_frames() {
            return Ok(());
        }
        match self.expired()? {
            Some((expired, length)) if expired.bytes >= length / PART => {
                self.pack(expired.base.saturating_add(1)).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Gives what goes, and the length of the file.
    fn expired(&self) -> Result<Option<(Expired, u64)>> {
        let reader = self.shared().log.reader();
        let mut scan = reader.scan(None);
        let length = scan.end();
        let last = self.snapshot().transaction();
        let heads = std::iter::from_fn(|| scan.head().transpose());
        let expired = self.shared().retention.expired(heads, last, now())?;
        Ok(expired.map(|expired| (expired, length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transactions 4 to 9 behind a base of two frames, one each second, of ten bytes each.
    fn heads() -> impl Iterator<Item = Result<Head>> {
        let base = Head { base: true, transaction: 3, time: 0, length: 1_000 };
        let commits = (4..10).map(|transaction| Head {
            base: false,
            transaction,
            time: transaction.cast_signed() * 1_000_000,
            length: 10,
        });
        [base, base].into_iter().chain(commits).map(Ok)
    }

    fn base(time: Option<u64>, transactions: Option<u64>) -> Option<(u64, u64)> {
        let retention = Retention { time: time.map(Duration::from_secs), transactions };
        let expired = retention.expired(heads(), 9, 10_500_000).unwrap();
        expired.map(|expired| (expired.base, expired.bytes))
    }

    #[test]
    fn what_neither_keeps_goes() {
        assert_eq!(base(None, None), None, "all is kept");
        // At 7.5 s the last transaction was 7: its state is the oldest that can be asked for.
        assert_eq!(base(Some(3), None), Some((7, 40)));
        assert_eq!(base(Some(0), None), Some((9, 60)));
        assert_eq!(base(Some(7), None), None, "the base is not counted: packing to it again changes nothing");
        assert_eq!(base(Some(u64::MAX), None), None);
        assert_eq!(base(None, Some(2)), Some((7, 40)));
        assert_eq!(base(None, Some(0)), Some((9, 60)));
        assert_eq!(base(None, Some(6)), None);
        assert_eq!(base(None, Some(100)), None);
        assert_eq!(base(Some(3), Some(4)), Some((5, 20)), "four transactions");
        assert_eq!(base(Some(4), Some(0)), Some((6, 30)), "four seconds");
    }

    #[test]
    fn headers_are_read_no_further_than_what_goes() {
        let endless = heads().chain(std::iter::from_fn(|| panic!("read to the end")));
        let retention = Retention { time: None, transactions: Some(1) };
        assert_eq!(retention.expired(endless, 9, 0).unwrap().map(|expired| expired.base), Some(8));
    }
}
