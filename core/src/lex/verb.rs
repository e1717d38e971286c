//! What a statement does, as its first keywords tell.

use super::token::TokenKind;
use crate::dialect::Flavor;

/// What a statement does, as its first keywords tell.
///
/// It is enough to follow the state of a transaction, on a server that does not report it, from the text alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verb {
    /// `SELECT`, in parentheses and behind `WITH` too.
    Select,
    /// `VALUES`.
    Values,
    /// `TABLE`.
    Table,
    /// `WITH` where the statement behind the common table expressions is not plain.
    With,
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `REPLACE`.
    Replace,
    /// `MERGE`.
    Merge,
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `COMMIT AND CHAIN`: the next transaction begins at once.
    CommitAndChain,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `ROLLBACK AND CHAIN`: the next transaction begins at once.
    RollbackAndChain,
    /// `ROLLBACK TO SAVEPOINT`.
    RollbackTo,
    /// `SAVEPOINT`.
    Savepoint,
    /// `RELEASE SAVEPOINT`.
    Release,
    /// `PREPARE TRANSACTION`: the transaction leaves the session.
    PrepareTransaction,
    /// `COMMIT PREPARED`.
    CommitPrepared,
    /// `ROLLBACK PREPARED`.
    RollbackPrepared,
    /// `XA`.
    Xa,
    /// `SET`.
    Set,
    /// `SET` with `autocommit` in it.
    SetAutocommit,
    /// `RESET`.
    Reset,
    /// `DISCARD`.
    Discard,
    /// `USE`.
    Use,
    /// `SHOW`.
    Show,
    /// `DESCRIBE`.
    Describe,
    /// `EXPLAIN`, and MariaDB's `ANALYZE` of a statement.
    Explain,
    /// `PRAGMA`.
    Pragma,
    /// `CREATE`.
    Create,
    /// `CREATE TEMPORARY`.
    CreateTemporary,
    /// `ALTER`.
    Alter,
    /// `DROP`.
    Drop,
    /// `DROP TEMPORARY`.
    DropTemporary,
    /// `TRUNCATE`.
    Truncate,
    /// `RENAME`.
    Rename,
    /// `COMMENT`.
    Comment,
    /// `GRANT`.
    Grant,
    /// `REVOKE`.
    Revoke,
    /// `CALL`.
    Call,
    /// `DO`.
    Do,
    /// `PREPARE`.
    Prepare,
    /// `EXECUTE`.
    Execute,
    /// `DEALLOCATE`.
    Deallocate,
    /// `DECLARE`.
    Declare,
    /// `FETCH`.
    Fetch,
    /// `CLOSE`.
    Close,
    /// `COPY`.
    Copy,
    /// `LOAD DATA`, `LOAD XML`.
    Load,
    /// `LISTEN`.
    Listen,
    /// `UNLISTEN`.
    Unlisten,
    /// `NOTIFY`.
    Notify,
    /// `LOCK`.
    Lock,
    /// `UNLOCK`.
    Unlock,
    /// `ANALYZE`.
    Analyze,
    /// `VACUUM`.
    Vacuum,
    /// `REINDEX`.
    Reindex,
    /// `ATTACH`.
    Attach,
    /// `DETACH`.
    Detach,
    /// MySQL's statements of administration that commit: `FLUSH`, `OPTIMIZE`, `REPAIR`, `CHECK`, `CACHE INDEX`,
    /// `INSTALL`, `START REPLICA`, `SET PASSWORD` and the like.
    Administer,
    /// Anything else.
    Other,
}

/// The verbs that their first word tells.
const FIRST: [(&str, Verb); 54] = [
    ("SELECT", Verb::Select),
    ("VALUES", Verb::Values),
    ("TABLE", Verb::Table),
    ("WITH", Verb::With),
    ("INSERT", Verb::Insert),
    ("UPDATE", Verb::Update),
    ("DELETE", Verb::Delete),
    ("REPLACE", Verb::Replace),
    ("MERGE", Verb::Merge),
    ("COMMIT", Verb::Commit),
    ("END", Verb::Commit),
    ("ROLLBACK", Verb::Rollback),
    ("ABORT", Verb::Rollback),
    ("SAVEPOINT", Verb::Savepoint),
    ("RELEASE", Verb::Release),
    ("XA", Verb::Xa),
    ("SET", Verb::Set),
    ("RESET", Verb::Reset),
    ("DISCARD", Verb::Discard),
    ("USE", Verb::Use),
    ("SHOW", Verb::Show),
    ("DESCRIBE", Verb::Describe),
    ("DESC", Verb::Describe),
    ("EXPLAIN", Verb::Explain),
    ("PRAGMA", Verb::Pragma),
    ("CREATE", Verb::Create),
    ("ALTER", Verb::Alter),
    ("DROP", Verb::Drop),
    ("TRUNCATE", Verb::Truncate),
    ("RENAME", Verb::Rename),
    ("COMMENT", Verb::Comment),
    ("GRANT", Verb::Grant),
    ("REVOKE", Verb::Revoke),
    ("CALL", Verb::Call),
    ("DO", Verb::Do),
    ("PREPARE", Verb::Prepare),
    ("EXECUTE", Verb::Execute),
    ("DEALLOCATE", Verb::Deallocate),
    ("DECLARE", Verb::Declare),
    ("FETCH", Verb::Fetch),
    ("CLOSE", Verb::Close),
    ("COPY", Verb::Copy),
    ("LOAD", Verb::Load),
    ("LISTEN", Verb::Listen),
    ("UNLISTEN", Verb::Unlisten),
    ("NOTIFY", Verb::Notify),
    ("LOCK", Verb::Lock),
    ("UNLOCK", Verb::Unlock),
    ("ANALYZE", Verb::Analyze),
    ("ANALYSE", Verb::Analyze),
    ("VACUUM", Verb::Vacuum),
    ("REINDEX", Verb::Reindex),
    ("ATTACH", Verb::Attach),
    ("DETACH", Verb::Detach),
];

const ADMINISTER: [&str; 10] =
    ["FLUSH", "OPTIMIZE", "REPAIR", "CHECK", "CACHE", "INSTALL", "UNINSTALL", "CHANGE", "STOP", "SHUTDOWN"];

impl Verb {
    /// Tells whether the server may end the open transaction by a commit before or after it runs such a statement.
    ///
    /// That is a habit of MySQL and MariaDB; it is told on the cautious side, for `UNLOCK` commits only after a `LOCK`,
    /// and setting `autocommit` only from off to on.
    #[must_use]
    pub fn commits_implicitly(self, flavor: Flavor) -> bool {
        flavor == Flavor::MySql
            && matches!(
                self,
                Self::Begin
                    | Self::SetAutocommit
                    | Self::Reset
                    | Self::Create
                    | Self::Alter
                    | Self::Drop
                    | Self::Truncate
                    | Self::Rename
                    | Self::Grant
                    | Self::Revoke
                    | Self::Lock
                    | Self::Unlock
                    | Self::Analyze
                    | Self::Administer
            )
    }

    /// Tells whether the statement begins, ends or marks a transaction, and does nothing else. XA's statements are not meant.
    #[must_use]
    pub fn controls_transaction(self) -> bool {
        matches!(
            self,
            Self::Begin
                | Self::Commit
                | Self::CommitAndChain
                | Self::Rollback
                | Self::RollbackAndChain
                | Self::RollbackTo
                | Self::Savepoint
                | Self::Release
                | Self::PrepareTransaction
                | Self::CommitPrepared
                | Self::RollbackPrepared
        )
    }

    /// Tells whether the statement inserts, updates or deletes rows by its own verb.
    #[must_use]
    pub fn changes_rows(self) -> bool {
        matches!(self, Self::Insert | Self::Update | Self::Delete | Self::Replace | Self::Merge)
    }
}

/// Reads the tokens of one statement, blanks left out, and tells its verb.
#[derive(Debug, Default)]
pub(super) struct Head<'s> {
    /// The first tokens; opening parentheses before them are left out.
    first: [&'s str; 6],
    count: usize,
    depth: usize,
    previous: &'s str,
    /// The statement behind the common table expressions.
    behind_with: Option<Verb>,
    returning: bool,
    autocommit: bool,
}

impl<'s> Head<'s> {
    /// Takes the next token that is not blank.
    pub(super) fn feed(&mut self, kind: TokenKind, text: &'s str) {
        if matches!(kind, TokenKind::ExecutableOpen | TokenKind::ExecutableClose) || (self.count == 0 && text == "(") {
            return;
        }
        if let Some(free) = self.first.get_mut(self.count) {
            *free = text;
            self.count += 1;
        }
        match (kind, text) {
            (TokenKind::Symbol, "(") => self.depth += 1,
            (TokenKind::Symbol, ")") => self.depth = self.depth.saturating_sub(1),
            (TokenKind::Word, _) if self.depth == 0 => self.word(text),
            (TokenKind::Variable, _) => self.autocommit |= self.sets(text),
            _ => {}
        }
        self.previous = text;
    }

    fn word(&mut self, word: &str) {
        self.autocommit |= self.sets(word);
        self.returning |= word.eq_ignore_ascii_case("RETURNING");
        let names_expression =
            || [",", "WITH", "RECURSIVE"].iter().any(|before| self.previous.eq_ignore_ascii_case(before));
        if self.behind_with.is_none() && self.is(0, "WITH") && !names_expression() {
            self.behind_with = match by_first(word) {
                Some(verb) if verb.changes_rows() => Some(verb),
                Some(verb @ (Verb::Select | Verb::Values | Verb::Table)) => Some(verb),
                _ => None,
            };
        }
    }

    fn sets(&self, name: &str) -> bool {
        let last = || name.rsplit(['.', '@']).next().unwrap_or(name);
        self.is(0, "SET") && last().eq_ignore_ascii_case("autocommit")
    }

    fn is(&self, index: usize, keyword: &str) -> bool {
        self.first[index].eq_ignore_ascii_case(keyword)
    }

    fn is_any(&self, index: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(index, keyword))
    }

    /// Gives the verb of what was read.
    pub(super) fn verb(&self) -> Verb {
        match by_first(self.first[0]) {
            Some(Verb::With) => self.behind_with.unwrap_or(Verb::With),
            Some(verb @ (Verb::Commit | Verb::Rollback)) => self.ending(verb),
            Some(Verb::Set) if self.autocommit => Verb::SetAutocommit,
            Some(Verb::Set) if self.is(1, "PASSWORD") => Verb::Administer,
            Some(Verb::Load) if self.is(1, "INDEX") => Verb::Administer,
            // MySQL may call a statement so: `PREPARE transaction FROM …`.
            Some(Verb::Prepare) if self.is(1, "TRANSACTION") && !self.is(2, "FROM") => Verb::PrepareTransaction,
            Some(Verb::Create) => self.creating(),
            Some(Verb::Drop) if self.is(1, "TEMPORARY") => Verb::DropTemporary,
            Some(Verb::Analyze)
                if self.is_any(1, &["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "FORMAT"]) =>
            {
                Verb::Explain
            }
            Some(verb) => verb,
            None if self.is(0, "START") && self.is(1, "TRANSACTION") => Verb::Begin,
            None if self.is(0, "START") || self.is_any(0, &ADMINISTER) => Verb::Administer,
            // MariaDB's block outside a stored program.
            None if self.is(0, "BEGIN") && !self.is(1, "NOT") => Verb::Begin,
            None => Verb::Other,
        }
    }

    /// Tells a commit or rollback, of the whole transaction or not.
    fn ending(&self, verb: Verb) -> Verb {
        let rest = if self.is_any(1, &["WORK", "TRANSACTION"]) { 2 } else { 1 };
        let chains = self.is(rest, "AND") && self.is(rest + 1, "CHAIN");
        let prepared = self.is(1, "PREPARED");
        match verb {
            Verb::Commit if prepared => Verb::CommitPrepared,
            Verb::Commit if chains => Verb::CommitAndChain,
            Verb::Rollback if prepared => Verb::RollbackPrepared,
            Verb::Rollback if self.is(rest, "TO") => Verb::RollbackTo,
            Verb::Rollback if chains => Verb::RollbackAndChain,
            verb => verb,
        }
    }

    fn creating(&self) -> Verb {
        let lead = self.first[1..].iter().take_while(|word| {
            ["OR", "REPLACE", "GLOBAL", "LOCAL"].iter().any(|known| word.eq_ignore_ascii_case(known))
        });
        if self.is_any(1 + lead.count(), &["TEMPORARY", "TEMP"]) { Verb::CreateTemporary } else { Verb::Create }
    }

    /// Tells whether a `RETURNING` stands in the statement itself.
    pub(super) fn returning(&self) -> bool {
        self.returning && self.verb().changes_rows()
    }
}

fn by_first(word: &str) -> Option<Verb> {
    FIRST.iter().find(|(keyword, _)| word.eq_ignore_ascii_case(keyword)).map(|(_, verb)| *verb)
}

#[cfg(test)]
mod tests;
