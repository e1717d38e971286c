//! What is promised about faults, each with the proof, and with a driver that breaks the promise and must be found out.
//!
//! The counts are small by default; `tests/reliability` runs them in full.

mod commit;
mod drops;
mod lengths;
mod names;
mod once;

use std::time::Duration;

use oarlock::{Conn, DbExt, Result};
use oarlock_tests::{Database, Dice, Engine, is_full, until};

/// Gives how often something is done: by default, or in a full run.
fn count(default: usize, full: usize) -> usize {
    if is_full() { full } else { default }
}

/// How long a test may take.
fn limit() -> Duration {
    if is_full() { Duration::from_hours(2) } else { Duration::from_mins(5) }
}

/// Makes a test on each of the engines named.
macro_rules! proofs {
    ($($proof:tt)+) => {
        oarlock_tests::on_engines! { within crate::limit(); $($proof)+ }
    };
}
use proofs;

/// Waits until no session but the asking one is in the database: whatever was cut off is over then.
async fn alone(admin: &Conn, engine: Engine) -> Result<()> {
    let sql = match engine {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
             AND backend_type = 'client backend'"
        }
        _ => "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
    };
    let gone = until(async || Ok(admin.fetch_value::<i64>(sql, ()).await? == 0)).await?;
    assert!(gone, "sessions are left");
    Ok(())
}

/// Opens a connection that no fault concerns.
async fn admin(database: &Database) -> Result<Conn> {
    oarlock::connect(&database.url).await
}
