//! What the driver can do.

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::{Capabilities, Isolation};

/// The protocol counts parameters in 16 bits.
pub(crate) const MOST_PARAMETERS: usize = 65_535;

pub(crate) const CAPABILITIES: Capabilities = {
    let mut can = Capabilities::NONE;
    can.ddl_in_transaction = DdlInTransaction::RolledBack;
    can.isolation_levels =
        &[Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];
    can.read_only_transactions = true;
    can.deferrable_transactions = true;
    can.failed_transaction_state = true;
    can.savepoints = true;
    can.two_phase = true;
    can.cancel = true;
    can.deferrable_constraints = true;
    can.insert_returning = true;
    can.update_returning = true;
    can.delete_returning = true;
    can.procedures = true;
    can.arrays = true;
    can.intervals = true;
    can.spans = true;
    can.non_finite_floats = true;
    can.permissions = true;
    can.row_locks = true;
    can.statement_timeout = true;
    can.pipelining = true;
    can.batched_inserts = true;
    can.warnings = true;
    can.partial_indexes = true;
    can.expression_indexes = true;
    can.column_origin = true;
    can.schemas = true;
    can.catalog = true;
    can.max_parameters = MOST_PARAMETERS;
    can
};
