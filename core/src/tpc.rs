//! Two-phase commit: how transactions of several databases are named, and where a connection stands with one.
//!
//! One coordinator opens a branch on each database, has all of them prepared, and commits when every one of them is: a
//! prepared branch survives the connection and the server, until somebody ends it by its name.

use std::fmt;

use crate::connection::TxState;
use crate::{Error, ErrorKind, Result};

/// The name of one database's branch of a global transaction, in the three parts of X/Open XA.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Xid {
    format_id: Option<u32>,
    global_transaction_id: Box<[u8]>,
    branch_qualifier: Box<[u8]>,
}

impl Xid {
    /// The most bytes that XA allows in a global transaction's id, and in a branch's qualifier.
    pub const MAX_BYTES: usize = 64;

    /// The largest format id that XA's signed number holds.
    pub const MAX_FORMAT_ID: u32 = i32::MAX.unsigned_abs();

    /// Names a branch: the same global transaction on every database, and a qualifier for each. The format id tells
    /// coordinators of different makes apart; 0 and 1 are as good as any.
    ///
    /// # Errors
    ///
    /// `OutOfRange` where the global id has not 1 to 64 bytes, the qualifier more than 64, or the format id is above
    /// [`MAX_FORMAT_ID`](Self::MAX_FORMAT_ID): what one database would not take, none is given.
    ///
    /// # Examples
    ///
    /// ```
    /// use oarlock_core::Xid;
    ///
    /// let here = Xid::new(1, "transfer 4711", "ledger")?;
    /// assert_eq!(here.to_string(), "1:transfer 4711:ledger");
    /// assert!(Xid::new(1, "", "ledger").is_err());
    /// # Ok::<(), oarlock_core::Error>(())
    /// ```
    pub fn new(
        format_id: u32,
        global_transaction_id: impl AsRef<[u8]>,
        branch_qualifier: impl AsRef<[u8]>,
    ) -> Result<Self> {
        let (global, branch) = (global_transaction_id.as_ref(), branch_qualifier.as_ref());
        if global.is_empty() || global.len() > Self::MAX_BYTES {
            return Err(out_of_range(format!(
                "the global transaction id has {} bytes, and has to have 1 to {}",
                global.len(),
                Self::MAX_BYTES
            )));
        }
        if branch.len() > Self::MAX_BYTES {
            return Err(out_of_range(format!(
                "the branch qualifier has {} bytes, and may have {}",
                branch.len(),
                Self::MAX_BYTES
            )));
        }
        if format_id > Self::MAX_FORMAT_ID {
            return Err(out_of_range(format!("the format id is {format_id}, and may be {}", Self::MAX_FORMAT_ID)));
        }
        Ok(Self { format_id: Some(format_id), global_transaction_id: global.into(), branch_qualifier: branch.into() })
    }

    /// Takes the name that another program gave a transaction and that has not XA's parts, as a driver finds one that is
    /// pending. The whole of it is then the global id.
    #[must_use]
    pub fn foreign(name: &str) -> Self {
        Self { format_id: None, global_transaction_id: name.as_bytes().into(), branch_qualifier: Box::default() }
    }

    /// Gives the format id; `None` where the name has not XA's parts.
    pub fn format_id(&self) -> Option<u32> {
        self.format_id
    }

    /// Gives the id that all branches of the global transaction share.
    pub fn global_transaction_id(&self) -> &[u8] {
        &self.global_transaction_id
    }

    /// Gives what tells this branch from the others.
    pub fn branch_qualifier(&self) -> &[u8] {
        &self.branch_qualifier
    }
}

/// Writes the parts for people: bytes that are not printable ASCII are escaped.
impl fmt::Display for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (global, branch) = (self.global_transaction_id.escape_ascii(), self.branch_qualifier.escape_ascii());
        match self.format_id {
            Some(format_id) => write!(f, "{format_id}:{global}:{branch}"),
            None => write!(f, "{global}"),
        }
    }
}

impl fmt::Debug for Xid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Xid({self})")
    }
}

#[cold]
fn out_of_range(message: String) -> Error {
    Error::new(ErrorKind::OutOfRange, message)
}

/// Where a connection stands with two-phase commit.
///
/// A driver keeps one, and asks it what PEP 249 allows at this point before it sends anything: the rules stand here once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Branch {
    /// No branch is open.
    #[default]
    None,
    /// Statements are the branch's.
    Active(Xid),
    /// The branch is prepared, or was being prepared when that call's future was dropped: nothing but its end is possible.
    Prepared(Xid),
}

impl Branch {
    /// Tells whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Gives the open branch's name.
    pub fn xid(&self) -> Option<&Xid> {
        match self {
            Self::None => None,
            Self::Active(xid) | Self::Prepared(xid) => Some(xid),
        }
    }

    /// Checks that a branch may begin: outside of a transaction.
    ///
    /// # Errors
    ///
    /// `Interface`.
    pub fn check_begin(&self, state: TxState) -> Result<()> {
        match self.xid() {
            Some(xid) => Err(Error::interface(format!("the branch {xid} of a global transaction is open"))
                .with_hint("end it by tpc_commit or tpc_rollback")),
            None if state != TxState::Auto => {
                Err(Error::interface("a transaction is open").with_hint("commit or roll it back before tpc_begin"))
            }
            None => Ok(()),
        }
    }

    /// Checks that a statement may run, or anything but the branch's end: not once it is prepared.
    ///
    /// # Errors
    ///
    /// `Interface`.
    #[inline]
    pub fn check_statement(&self) -> Result<()> {
        match self {
            Self::Prepared(xid) => Err(prepared(xid)),
            _ => Ok(()),
        }
    }

    /// Checks that a plain begin, commit or rollback is allowed: not while a branch is open.
    ///
    /// # Errors
    ///
    /// `Interface`.
    pub fn check_plain_end(&self) -> Result<()> {
        match self.xid() {
            Some(xid) => Err(Error::interface(format!("the transaction is the branch {xid} of a global one"))
                .with_hint("end it by tpc_commit or tpc_rollback")),
            None => Ok(()),
        }
    }

    /// Gives the branch that may be prepared: one that is active.
    ///
    /// # Errors
    ///
    /// `Interface`.
    pub fn check_prepare(&self) -> Result<&Xid> {
        match self {
            Self::Active(xid) => Ok(xid),
            Self::Prepared(xid) => Err(prepared(xid)),
            Self::None => Err(no_branch()),
        }
    }

    /// Gives the branch that a commit or rollback is to end: the open one for `None`, else a pending one by its name, which
    /// counts as prepared and must be asked for outside of a transaction.
    ///
    /// # Errors
    ///
    /// `Interface`.
    pub fn check_end(&self, recovered: Option<&Xid>, state: TxState) -> Result<Self> {
        match (self, recovered) {
            (Self::None, None) => Err(no_branch()),
            (open, None) => Ok(open.clone()),
            (_, Some(xid)) => self.check_begin(state).map(|()| Self::Prepared(xid.clone())),
        }
    }
}

#[cold]
fn prepared(xid: &Xid) -> Error {
    Error::interface(format!("the branch {xid} of a global transaction is prepared"))
        .with_hint("end it by tpc_commit or tpc_rollback first")
}

#[cold]
fn no_branch() -> Error {
    Error::interface("no branch of a global transaction is open on this connection")
        .with_hint("begin one by tpc_begin; to end a pending one, give its Xid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_one_database_would_refuse_is_refused() {
        let long = [b'x'; Xid::MAX_BYTES];
        let xid = Xid::new(Xid::MAX_FORMAT_ID, long, long).expect("the longest name");
        assert_eq!((xid.global_transaction_id(), xid.branch_qualifier()), (&long[..], &long[..]));
        let longer = [b'x'; Xid::MAX_BYTES + 1];
        for refused in [
            Xid::new(0, "", ""),
            Xid::new(0, longer, ""),
            Xid::new(0, "g", longer),
            Xid::new(Xid::MAX_FORMAT_ID + 1, "g", ""),
        ] {
            assert_eq!(refused.expect_err("out of range").kind(), ErrorKind::OutOfRange);
        }
    }

    #[test]
    fn a_name_is_shown_without_raw_bytes() {
        let xid = Xid::new(7, b"a\xff\n", "b").expect("a name");
        assert_eq!(format!("{xid} {xid:?}"), r"7:a\xff\n:b Xid(7:a\xff\n:b)");
        assert_eq!(Xid::foreign("job's").to_string(), r"job\'s");
    }

    #[test]
    fn the_rules_of_the_pep_hold_in_every_state() {
        let xid = Xid::new(1, "g", "b").expect("a name");
        let (none, active, prepared) = (Branch::None, Branch::Active(xid.clone()), Branch::Prepared(xid.clone()));
        let allowed = |branch: &Branch, state| {
            (
                branch.check_begin(state).is_ok(),
                branch.check_statement().is_ok(),
                branch.check_plain_end().is_ok(),
                branch.check_prepare().is_ok(),
                branch.check_end(None, state).is_ok(),
                branch.check_end(Some(&xid), state).is_ok(),
            )
        };
        assert_eq!(allowed(&none, TxState::Auto), (true, true, true, false, false, true));
        assert_eq!(allowed(&none, TxState::Open), (false, true, true, false, false, false));
        assert_eq!(allowed(&active, TxState::Open), (false, true, false, true, true, false));
        assert_eq!(allowed(&prepared, TxState::Auto), (false, false, false, false, true, false));
        assert_eq!(none.check_end(Some(&xid), TxState::Auto).ok(), Some(prepared));
    }
}
