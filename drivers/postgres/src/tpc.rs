//! Two-phase commit. PostgreSQL names a prepared transaction by one text, in which the three parts of a name are written as
//! psycopg writes them: `1_dHJhbnNmZXI=_aGVyZQ==`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oarlock_core::lex::Verb;
use oarlock_core::tpc::Branch;
use oarlock_core::{Error, ErrorKind, Result, TxState, Xid};
use tokio_postgres::SimpleQueryMessage;

use crate::connection::PostgresConnection;
use crate::error::Context;
use crate::link::Undo;

/// The setting rides along with BEGIN: without it all would go well until the transaction is to be prepared.
const BEGIN: &str = "BEGIN; SHOW max_prepared_transactions";

/// Who is connected to one database cannot end what is pending in another.
const PENDING: &str = "SELECT gid FROM pg_catalog.pg_prepared_xacts \
    WHERE database = pg_catalog.current_database() ORDER BY prepared, gid";

impl PostgresConnection {
    pub(crate) async fn begin_branch(&mut self, xid: &Xid) -> Result<()> {
        self.ready().await?;
        self.branch.check_begin(self.link.tx_state())?;
        if self.ask(BEGIN, Undo::Transaction).await?.first().is_some_and(|most| most == "0") {
            self.link.control("ROLLBACK", Undo::Transaction).await?;
            return Err(Error::not_supported("the server allows no prepared transactions")
                .with_hint("set max_prepared_transactions in postgresql.conf above 0, and restart the server"));
        }
        self.branch = Branch::Active(xid.clone());
        Ok(())
    }

    pub(crate) async fn prepare_branch(&mut self) -> Result<()> {
        self.ready().await?;
        let xid = self.branch.check_prepare()?.clone();
        let sql = format!("PREPARE TRANSACTION {}", literal(&write(&xid)));
        self.branch = Branch::Prepared(xid);
        let prepared = self.run_text(&sql, Verb::PrepareTransaction, Context::default()).await;
        if prepared.is_err() {
            self.branch = Branch::None;
            if self.link.tx_state() != TxState::Auto {
                self.link.control("ROLLBACK", Undo::Transaction).await?;
            }
        }
        prepared
    }

    pub(crate) async fn commit_branch(&mut self, recovered: Option<&Xid>) -> Result<()> {
        self.recovered().await?;
        if let Branch::Prepared(xid) = self.branch.check_end(recovered, self.link.tx_state())? {
            return self.end_prepared("COMMIT PREPARED", Verb::CommitPrepared, xid).await;
        }
        self.branch = Branch::None;
        self.commit_transaction().await
    }

    pub(crate) async fn roll_branch_back(&mut self, recovered: Option<&Xid>) -> Result<()> {
        self.recovered().await?;
        if let Branch::Prepared(xid) = self.branch.check_end(recovered, self.link.tx_state())? {
            return self.end_prepared("ROLLBACK PREPARED", Verb::RollbackPrepared, xid).await;
        }
        self.branch = Branch::None;
        self.roll_transaction_back().await
    }

    /// Ends a prepared transaction. It no longer counts as ours while the word is on its way: where this future is dropped,
    /// nothing is left to be done on this connection.
    async fn end_prepared(&mut self, how: &str, verb: Verb, xid: Xid) -> Result<()> {
        let ours = std::mem::take(&mut self.branch);
        let ended = self.run_text(&format!("{how} {}", literal(&write(&xid))), verb, Context::default()).await;
        if ended.as_ref().is_err_and(|error| error.kind() != ErrorKind::ObjectNotFound) {
            self.branch = ours;
        }
        ended
    }

    pub(crate) async fn pending_branches(&mut self) -> Result<Vec<Xid>> {
        self.ready().await?;
        let names = self.ask(PENDING, Undo::Nothing).await?;
        Ok(names.iter().map(|name| read(name).unwrap_or_else(|| Xid::foreign(name))).collect())
    }

    /// Runs statements of the driver's own in one message, and gives their rows' first column.
    async fn ask(&mut self, sql: &str, undo: Undo) -> Result<Vec<String>> {
        self.link.leave(undo);
        match self.link.client()?.simple_query(sql).await {
            Ok(messages) => {
                self.link.landed();
                let rows = messages.into_iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                    _ => None,
                });
                Ok(rows.collect())
            }
            Err(error) => Err(self.link.failed(error, Context::default()).await),
        }
    }
}

/// Writes a name as PostgreSQL's text: 188 bytes at most, of the 199 that it takes.
fn write(xid: &Xid) -> String {
    let (global, branch) = (xid.global_transaction_id(), xid.branch_qualifier());
    match xid.format_id() {
        Some(format_id) => format!("{format_id}_{}_{}", STANDARD.encode(global), STANDARD.encode(branch)),
        None => String::from_utf8_lossy(global).into_owned(),
    }
}

/// Reads the three parts of a name; `None` where it is not exactly as [`write`] writes it.
fn read(name: &str) -> Option<Xid> {
    let mut parts = name.splitn(3, '_');
    let format_id = parts.next()?.parse().ok()?;
    let global = STANDARD.decode(parts.next()?).ok()?;
    let branch = STANDARD.decode(parts.next()?).ok()?;
    Xid::new(format_id, global, branch).ok().filter(|xid| write(xid) == name)
}

/// Writes a text into SQL, whatever the session's rules for backslashes.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_psycopg_writes_it_and_read_back() {
        let xid = Xid::new(42, "gtrid", "bqual").expect("a name");
        assert_eq!(write(&xid), "42_Z3RyaWQ=_YnF1YWw=");
        assert_eq!(read("42_Z3RyaWQ=_YnF1YWw="), Some(xid));
        let longest = Xid::new(Xid::MAX_FORMAT_ID, [0xff; 64], [0; 64]).expect("a name");
        assert_eq!(write(&longest).len(), 188);
        assert_eq!(read(&write(&longest)), Some(longest));
    }

    #[test]
    fn a_name_of_another_program_is_kept_as_it_is() {
        for name in ["", "job-7", "1_2", "042_Z3RyaWQ=_", "1__", "1_Z3RyaWQ_", "-1_Z3RyaWQ=_", "1_Z3RyaWQ=__"] {
            assert_eq!(read(name), None, "{name}");
            assert_eq!(write(&Xid::foreign(name)), name);
        }
    }

    #[test]
    fn no_name_ends_its_literal() {
        assert_eq!(literal(r"a'b\'; --"), r"E'a''b\\''; --'");
    }
}
