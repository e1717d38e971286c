//! What the drivers of this repository must declare: the yardstick that keeps a driver from passing by declaring less.

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::{Capabilities, Isolation};

/// PostgreSQL 12 and later.
pub const POSTGRES: Capabilities = {
    let mut c = Capabilities::NONE;
    c.ddl_in_transaction = DdlInTransaction::RolledBack;
    c.isolation_levels =
        &[Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];
    c.read_only_transactions = true;
    c.deferrable_transactions = true;
    c.failed_transaction_state = true;
    c.savepoints = true;
    c.two_phase = true;
    c.deferrable_constraints = true;
    c.insert_returning = true;
    c.update_returning = true;
    c.delete_returning = true;
    c.procedures = true;
    c.arrays = true;
    c.intervals = true;
    c.spans = true;
    c.non_finite_floats = true;
    c.permissions = true;
    c.row_locks = true;
    c.statement_timeout = true;
    c.pipelining = true;
    c.batched_inserts = true;
    c.cancel = true;
    c.warnings = true;
    c.partial_indexes = true;
    c.expression_indexes = true;
    c.column_origin = true;
    c.catalog = true;
    c.schemas = true;
    c.max_parameters = 65_535;
    c
};

/// MySQL 8.0.13 and later.
pub const MYSQL: Capabilities = {
    let mut c = Capabilities::NONE;
    c.ddl_in_transaction = DdlInTransaction::Commits;
    c.isolation_levels = POSTGRES.isolation_levels;
    c.read_only_transactions = true;
    c.savepoints = true;
    c.two_phase = true;
    c.last_insert_id = true;
    c.procedures = true;
    c.multiple_result_sets = true;
    c.spans = true;
    c.nul_in_text = true;
    c.permissions = true;
    c.row_locks = true;
    c.statement_timeout = true;
    c.cancel = true;
    c.warnings = true;
    c.expression_indexes = true;
    c.column_origin = true;
    c.catalog = true;
    c.max_parameters = 65_535;
    c
};

/// MariaDB 10.6 and later.
pub const MARIADB: Capabilities = {
    let mut c = MYSQL;
    c.insert_returning = true;
    c.delete_returning = true;
    c.expression_indexes = false;
    c
};

/// SQLite as it is bundled.
pub const SQLITE: Capabilities = {
    let mut c = Capabilities::NONE;
    c.ddl_in_transaction = DdlInTransaction::RolledBack;
    c.isolation_levels = &[Isolation::Serializable];
    c.read_only_transactions = true;
    c.savepoints = true;
    c.deferrable_constraints = true;
    c.insert_returning = true;
    c.update_returning = true;
    c.delete_returning = true;
    c.last_insert_id = true;
    c.spans = true;
    c.intervals = true;
    c.nul_in_text = true;
    c.partial_indexes = true;
    c.expression_indexes = true;
    c.column_origin = true;
    c.cancel = true;
    c.catalog = true;
    c.max_parameters = 32_766;
    c
};

/// Hands the fields that are plain facts to a macro.
macro_rules! facts {
    ($to:ident) => {
        $to!(
            read_only_transactions,
            deferrable_transactions,
            failed_transaction_state,
            savepoints,
            two_phase,
            deferrable_constraints,
            insert_returning,
            update_returning,
            delete_returning,
            last_insert_id,
            procedures,
            multiple_result_sets,
            arrays,
            intervals,
            spans,
            non_finite_floats,
            nul_in_text,
            permissions,
            row_locks,
            statement_timeout,
            pipelining,
            batched_inserts,
            cancel,
            warnings,
            partial_indexes,
            expression_indexes,
            column_origin,
            schemas,
            catalog,
        )
    };
}

/// Lists what is required and not declared, in the names of the fields.
#[must_use]
pub fn missing(required: &Capabilities, declared: &Capabilities) -> Vec<&'static str> {
    let mut missing = Vec::new();
    macro_rules! compare {
        ($($field:ident),+ $(,)?) => {
            $(if required.$field && !declared.$field {
                missing.push(stringify!($field));
            })+
        };
    }
    facts!(compare);
    if required.ddl_in_transaction != declared.ddl_in_transaction {
        missing.push("ddl_in_transaction");
    }
    if !required.isolation_levels.iter().all(|level| declared.isolation_levels.contains(level)) {
        missing.push("isolation_levels");
    }
    if declared.max_parameters < required.max_parameters {
        missing.push("max_parameters");
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_compared() {
        macro_rules! names {
            ($($field:ident),+ $(,)?) => {
                [$(stringify!($field)),+]
            };
        }
        let facts = facts!(names);
        let shown = format!("{:#?}", Capabilities::NONE);
        let fields = shown.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':')).map(|(name, _)| name);
        let others: Vec<&str> = fields.filter(|name| !facts.contains(name)).collect();
        assert_eq!(others, ["ddl_in_transaction", "isolation_levels", "max_parameters"]);
    }

    #[test]
    fn declaring_less_is_found() {
        assert_eq!(missing(&SQLITE, &SQLITE), Vec::<&str>::new());
        let mut less = POSTGRES;
        less.arrays = false;
        less.isolation_levels = &[Isolation::Serializable];
        less.max_parameters = 100;
        assert_eq!(missing(&POSTGRES, &less), ["arrays", "isolation_levels", "max_parameters"]);
        let mut more = SQLITE;
        more.arrays = true;
        assert_eq!(missing(&SQLITE, &more), Vec::<&str>::new());
    }
}
