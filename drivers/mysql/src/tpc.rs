//! Two-phase commit: the statements of XA.
//!
//! A prepared branch stays with the session that has prepared it, for MariaDB and for MySQL before 8.0.29: only its end is
//! possible there, and nobody else can end it, until the session is over.

use std::fmt::Write as _;

use oarlock_core::connection::{Connection, no_two_phase};
use oarlock_core::lex::Verb;
use oarlock_core::tpc::Branch;
use oarlock_core::value::Value;
use oarlock_core::{Error, ErrorKind, Result, Xid};

use crate::connection::MysqlConnection;
use crate::pump::{self, Xa};
use crate::statement::Traits;

impl MysqlConnection {
    pub(crate) async fn begin_branch(&mut self, xid: &Xid) -> Result<()> {
        self.ready().await?;
        self.require_two_phase()?;
        self.branch.check_begin(self.tx)?;
        let name = literal(xid)?;
        self.rolled_back = false;
        self.xa(Xa::Start, name).await?;
        self.branch = Branch::Active(xid.clone());
        Ok(())
    }

    pub(crate) async fn prepare_branch(&mut self) -> Result<()> {
        self.ready().await?;
        self.require_two_phase()?;
        let xid = self.branch.check_prepare()?.clone();
        let name = literal(&xid)?;
        self.branch = Branch::Prepared(xid);
        let prepared = self.xa(Xa::Prepare, name).await.map_err(in_doubt);
        if prepared.is_err() {
            self.branch = Branch::None;
        }
        self.rolled_back = false;
        prepared
    }

    pub(crate) async fn commit_branch(&mut self, recovered: Option<&Xid>) -> Result<()> {
        self.end_branch(recovered, Xa::CommitOnePhase, Xa::Commit).await
    }

    pub(crate) async fn roll_branch_back(&mut self, recovered: Option<&Xid>) -> Result<()> {
        self.end_branch(recovered, Xa::EndAndRollback, Xa::Rollback).await
    }

    /// Ends a branch, which no longer counts as ours while the word is on its way: where this future is dropped, nothing is
    /// left to be done on this connection.
    async fn end_branch(&mut self, recovered: Option<&Xid>, active: Xa, prepared: Xa) -> Result<()> {
        self.recovered().await?;
        self.require_two_phase()?;
        let branch = self.branch.check_end(recovered, self.tx)?;
        let Some(name) = branch.xid().map(literal).transpose()? else { return Ok(()) };
        let ours = std::mem::take(&mut self.branch);
        let is_prepared = matches!(branch, Branch::Prepared(_));
        let ended = self.xa(if is_prepared { prepared } else { active }, name).await.map_err(in_doubt);
        self.rolled_back = false;
        if is_prepared && ended.as_ref().is_err_and(|error| error.kind() != ErrorKind::ObjectNotFound) {
            self.branch = ours;
        }
        ended
    }

    /// Makes way for a reset: undoes an active branch. What would become of a prepared one is not the same on all servers.
    pub(crate) async fn leave_branch(&mut self) -> Result<()> {
        match &self.branch {
            Branch::None => Ok(()),
            Branch::Prepared(xid) => Err(Error::interface(format!("the session holds the prepared branch {xid}"))
                .with_hint("end the branch, or close the connection, which leaves it prepared")),
            _ => self.roll_branch_back(None).await,
        }
    }

    pub(crate) async fn pending_branches(&mut self) -> Result<Vec<Xid>> {
        self.ready().await?;
        self.require_two_phase()?;
        // MySQL calls the raw bytes text, and MariaDB does not know the other form.
        let sql = if self.server.mariadb { "XA RECOVER" } else { "XA RECOVER CONVERT XID" };
        self.start_text(Verb::Show, sql).await?;
        self.rest().await?.into_iter().map(|row| read(&row)).collect()
    }

    async fn xa(&mut self, step: Xa, name: String) -> Result<()> {
        self.call(Some(Traits::own(Verb::Xa)), |conn, slot| pump::xa(conn, slot, step, name)).await.map(drop)
    }

    fn require_two_phase(&self) -> Result<()> {
        if self.info().capabilities.two_phase {
            return Ok(());
        }
        Err(no_two_phase(&self.info)
            .with_hint("MariaDB has it from 10.5 on: before, a lost session undoes what is prepared"))
    }
}

/// Marks the error of a lost connection: the server may have done it.
fn in_doubt(error: Error) -> Error {
    if error.is_connection_lost() { error.with_outcome_unknown() } else { error }
}

/// Writes a name into SQL. Digits cannot end their literal, whatever the bytes are.
fn literal(xid: &Xid) -> Result<String> {
    let Some(format_id) = xid.format_id() else {
        return Err(Error::not_supported(format!("{xid} has not the three parts of XA's names"))
            .with_hint("name the branch by Xid::new"));
    };
    let mut sql = String::with_capacity(2 * (xid.global_transaction_id().len() + xid.branch_qualifier().len()) + 20);
    for part in [xid.global_transaction_id(), xid.branch_qualifier()] {
        sql.push_str("X'");
        for byte in part {
            // Writing to a String does not fail.
            let _ = write!(sql, "{byte:02x}");
        }
        sql.push_str("',");
    }
    let _ = write!(sql, "{format_id}");
    Ok(sql)
}

/// Reads a row of XA RECOVER: format id, two lengths, and both parts in one, as bytes or in hexadecimal digits after `0x`.
fn read(row: &[Value]) -> Result<Xid> {
    let malformed = || Error::new(ErrorKind::Internal, "the server's list of prepared transactions is malformed");
    let [format_id, global, _, data] = row else { return Err(malformed()) };
    let number = |value: &Value| match value {
        Value::I64(number) => u32::try_from(*number).map_err(|_| malformed()),
        Value::U64(number) => u32::try_from(*number).map_err(|_| malformed()),
        _ => Err(malformed()),
    };
    let digits = |text: &str| {
        let pairs = text.strip_prefix("0x").unwrap_or(text).as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect::<Option<Vec<u8>>>()
    };
    let bytes = match data {
        Value::Bytes(bytes) => bytes.clone(),
        Value::Text(text) => digits(text).ok_or_else(malformed)?,
        _ => return Err(malformed()),
    };
    let length = usize::try_from(number(global)?).map_err(|_| malformed())?;
    let (global, branch) = bytes.split_at_checked(length).ok_or_else(malformed)?;
    Xid::new(number(format_id)?, global, branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_digits() {
        let xid = Xid::new(7, b"a'\xff", "").expect("a name");
        assert_eq!(literal(&xid).expect("XA's parts"), "X'6127ff',X'',7");
        assert_eq!(literal(&Xid::foreign("job")).expect_err("no parts").kind(), ErrorKind::NotSupported);
    }

    #[test]
    fn what_the_servers_list_is_read() {
        let xid = Xid::new(7, b"a\xff", "b").expect("a name");
        let row = |data| [Value::I64(7), Value::I64(2), Value::I64(1), data];
        assert_eq!(read(&row(Value::Bytes(b"a\xffb".to_vec()))).expect("MariaDB's"), xid);
        assert_eq!(read(&row(Value::Text("0x61FF62".to_owned()))).expect("MySQL's"), xid);
        for malformed in [Value::Text("0x6".to_owned()), Value::Text("0x6é".to_owned()), Value::Null] {
            assert_eq!(read(&row(malformed)).expect_err("malformed").kind(), ErrorKind::Internal);
        }
    }
}
