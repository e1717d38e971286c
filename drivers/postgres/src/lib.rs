//! The PostgreSQL driver of oarlock, on tokio-postgres.
