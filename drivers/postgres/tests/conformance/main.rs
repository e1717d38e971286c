//! The shared conformance suite, on PostgreSQL.

mod pooled;
mod setup;
mod unnamed;

oarlock_conformance::suite!(setup::Postgres);

/// The same on statements without names.
mod without_names {
    use crate::unnamed::Unnamed;

    oarlock_conformance::suite!(Unnamed);
}

/// The same through a pooler.
mod through_pgbouncer {
    use crate::pooled::PgBouncer;

    oarlock_conformance::suite!(PgBouncer);
}
