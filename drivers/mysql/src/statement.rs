//! What is known about a statement before it runs: how it is sent, what it counts, what it may change.

use std::sync::Arc;

use mysql_async::{Statement, Value};
use oarlock_core::Outcome;
use oarlock_core::dialect::Flavor;
use oarlock_core::lex::{Lexed, Verb};

use crate::columns::Plan;
use crate::pump::Done;

/// A prepared statement, as it is kept.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) lexed: Lexed,
    pub(crate) statement: Statement,
    /// How the rows of the last execution were read.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) traits: Traits,
}

/// What a statement's text tells about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    pub(crate) verb: Verb,
    /// It may change the session beyond the transaction.
    pub(crate) soils: bool,
    /// It may change `sql_mode` or `time_zone`.
    pub(crate) sets: bool,
    /// Dates or times are among its parameters.
    pub(crate) dated: bool,
}

impl Traits {
    /// The traits of a statement of the driver's own, which leaves the session as it is.
    pub(crate) fn own(verb: Verb) -> Self {
        Self { verb, soils: false, sets: false, dated: false }
    }

    pub(crate) fn of(verb: Verb, sql: &str) -> Self {
        let mentions =
            |word: &str| sql.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
        let plain = match verb {
            Verb::Select | Verb::Values | Verb::Table | Verb::With | Verb::Show | Verb::Describe | Verb::Explain => {
                true
            }
            verb if verb.changes_rows() || verb == Verb::Load => true,
            verb => verb.controls_transaction(),
        };
        let sets = matches!(verb, Verb::Set | Verb::SetAutocommit | Verb::Other)
            && (mentions("sql_mode") || mentions("time_zone"));
        // GET_LOCK, and user variables; a LAST_INSERT_ID(…) with an argument stays until the next one.
        let soils = !plain || mentions("@") || mentions("_lock") || mentions("last_insert_id");
        Self { verb, soils, sets, dated: false }
    }

    /// Gives the traits of two statements in one message: the verb is that of one that commits by itself, where there is one.
    pub(crate) fn and(self, next: Self) -> Self {
        let commits = self.verb.commits_implicitly(Flavor::MySql);
        Self {
            verb: if commits { self.verb } else { next.verb },
            soils: self.soils || next.soils,
            sets: self.sets || next.sets,
            dated: self.dated || next.dated,
        }
    }

    /// Notes what the parameters of an execution tell.
    pub(crate) fn with_params(mut self, params: &[Value]) -> Self {
        self.dated = params.iter().any(|value| matches!(value, Value::Date(..) | Value::Time(..)));
        self
    }

    /// Tells whether the statement goes out as text: what gives no rows as a rule, and some of which cannot be prepared.
    pub(crate) fn goes_as_text(self) -> bool {
        self.verb.controls_transaction()
            || matches!(
                self.verb,
                Verb::Set
                    | Verb::SetAutocommit
                    | Verb::Xa
                    | Verb::Use
                    | Verb::Create
                    | Verb::CreateTemporary
                    | Verb::Alter
                    | Verb::Drop
                    | Verb::DropTemporary
                    | Verb::Truncate
                    | Verb::Rename
                    | Verb::Grant
                    | Verb::Revoke
                    | Verb::Lock
                    | Verb::Unlock
                    | Verb::Load
                    | Verb::Prepare
                    | Verb::Execute
                    | Verb::Deallocate
                    | Verb::Administer
            )
    }

    /// Tells whether a lost connection leaves open what became of the statement.
    pub(crate) fn may_take_effect(self) -> bool {
        !matches!(self.verb, Verb::Select | Verb::Values | Verb::Table | Verb::Show | Verb::Describe | Verb::Explain)
    }

    /// Gives the outcome of the statement out of what the server counted.
    pub(crate) fn outcome(self, done: &Done) -> Outcome {
        let count = match (self.verb, done.rows) {
            (Verb::Call, _) => None,
            (_, Some(given)) => Some(given),
            // A row that an upsert changes counts twice, and so does one that REPLACE replaces. One row has no record count.
            (Verb::Insert | Verb::Replace, None) => Some(done.affected.min(done.records.unwrap_or(1))),
            (Verb::Update | Verb::Delete | Verb::Load, None) => Some(done.affected),
            _ => None,
        };
        let inserts = matches!(self.verb, Verb::Insert | Verb::Replace | Verb::Load);
        let id = done.last_insert_id.filter(|_| inserts).and_then(|id| i64::try_from(id).ok());
        Outcome::rows(count).with_last_insert_id(id).with_warnings(u32::from(done.warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_the_session_soils_it() {
        for (verb, sql, soils) in [
            (Verb::Select, "SELECT 1", false),
            (Verb::Insert, "INSERT INTO t VALUES (1)", false),
            (Verb::Commit, "COMMIT", false),
            (Verb::Select, "SELECT Get_Lock('a', 1)", true),
            (Verb::Select, "SELECT 1 INTO @a", true),
            (Verb::Load, "LOAD DATA LOCAL INFILE 'f' INTO TABLE t", false),
            (Verb::Load, "LOAD DATA LOCAL INFILE 'f' INTO TABLE t (@a) SET b = @a", true),
            (Verb::Call, "CALL p()", true),
            (Verb::Create, "CREATE TABLE t (id INT)", true),
        ] {
            assert_eq!(Traits::of(verb, sql).soils, soils, "{sql}");
        }
    }

    #[test]
    fn an_upsert_counts_rows_and_not_changes() {
        let insert = Traits::of(Verb::Insert, "INSERT");
        let count = |affected, records| insert.outcome(&Done { affected, records, ..Done::default() }).rows_affected;
        assert_eq!(count(2, None), Some(1));
        assert_eq!(count(5, Some(3)), Some(3));
        // INSERT IGNORE left two of three out.
        assert_eq!(count(1, Some(3)), Some(1));
    }

    #[test]
    fn only_an_insert_has_an_id_and_only_some_verbs_a_count() {
        let done = Done { affected: 7, last_insert_id: Some(3), ..Done::default() };
        let outcome = |verb| Traits::of(verb, "").outcome(&done);
        assert_eq!((outcome(Verb::Insert).last_insert_id, outcome(Verb::Update).last_insert_id), (Some(3), None));
        assert_eq!((outcome(Verb::Update).rows_affected, outcome(Verb::Create).rows_affected), (Some(7), None));
    }
}
