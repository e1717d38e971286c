//! Finds out whether a pooler lends the server's session to others between transactions, as pgbouncer's transaction mode does.
//! The lock would then be somebody else's as soon as another client comes along.
//!
//! Three signs, each of which is proof: statements with the names by which pgbouncer shares them, which it does in that mode
//! only; a session that has our lock already though we have not asked; and two connections of ours with one session, or a session
//! that is another one a moment later. The last takes a second connection, and is not looked for where the server says that the
//! other end of its line is ours: then nothing stands between. Where no sign is seen and the lock goes astray later, the insert into the
//! history finds out within its transaction.

use std::net::IpAddr;
use std::time::Duration;

use oarlock_core::dialect::Flavor;
use oarlock_core::{Db, DbExt};

use super::Session;
use crate::{Error, ErrorKind, Result};

/// How long a second connection may take to come. A pool of one has none to give.
const PATIENCE: Duration = Duration::from_secs(1);

/// The server's process, the first two signs, and the other end of the server's line.
type Seen = (i32, bool, bool, Option<String>, Option<i32>);

impl Session {
    /// Refuses a session that is shared. It is asked before the lock.
    pub(crate) async fn refuse_pooler(&self, second: Option<&dyn Db>) -> Result<()> {
        if self.dialect.flavor != Flavor::Postgres {
            return Ok(());
        }
        let sql = format!(
            "SELECT pg_catalog.pg_backend_pid(), \
             EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE starts_with(name, 'PGBOUNCER_')), {}, \
             pg_catalog.host(pg_catalog.inet_client_addr()), pg_catalog.inet_client_port()",
            self.tables.locked()
        );
        let asked = self.conn.fetch_one(&sql, ()).await;
        let asked = asked.map_err(|error| Error::database("the session could not be looked at", error))?;
        let Some((pid, renamed, taken, address, port)): Option<Seen> = asked else { return Ok(()) };
        if renamed || taken {
            return Err(shared());
        }
        let Some(second) = second.filter(|_| !self.is_direct(address.as_deref(), port)) else { return Ok(()) };
        // Without a second connection the other signs have to do.
        let Ok(Ok(other)) = tokio::time::timeout(PATIENCE, second.begin()).await else { return Ok(()) };
        let ours = "SELECT pg_catalog.pg_backend_pid()";
        let theirs: i32 = other.fetch_value(ours, ()).await.unwrap_or(0);
        let now: i32 = self.conn.fetch_value(ours, ()).await.unwrap_or(pid);
        // Its failure ends the other connection, which nobody needs any more.
        drop(other.rollback().await);
        if theirs == pid || now != pid { Err(shared()) } else { Ok(()) }
    }

    /// Tells whether what the server has on the other end of its line is our socket.
    fn is_direct(&self, address: Option<&str>, port: Option<i32>) -> bool {
        let seen = address.and_then(|address| address.parse::<IpAddr>().ok()).zip(port);
        let ours = self.conn.info().endpoint.local;
        seen.zip(ours).is_some_and(|((address, port), ours)| {
            address.to_canonical() == ours.ip().to_canonical() && port == i32::from(ours.port())
        })
    }
}

pub(super) fn shared() -> Error {
    Error::new(ErrorKind::Pooler, "a pooler lends the server's session to others between transactions")
        .with_hint("migrate past it: give the URL of the server itself, or of a pool in session mode")
}
