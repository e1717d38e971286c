//! Making a session as good as new.

use oarlock_core::{Result, TxState};
use tokio_postgres::SimpleQueryMessage;

use crate::error::Context;
use crate::link::{Link, Undo};

/// `DISCARD ALL` without `DEALLOCATE ALL` and `DISCARD PLANS`, which would take our own prepared statements and their plans
/// with it. The settings go back to what the connection's first message asked for. Last comes the question what statements
/// the user has prepared by name.
const PARTS: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; \
    SELECT 'DEALLOCATE ' || pg_catalog.quote_ident(name) FROM pg_catalog.pg_prepared_statements WHERE from_sql";

/// Resets a session.
pub(crate) async fn reset(link: &mut Link) -> Result<()> {
    let sql = match link.tx_state() {
        TxState::Auto => PARTS.to_owned(),
        _ => format!("ROLLBACK; {PARTS}"),
    };
    link.leave(Undo::Session);
    let messages = match link.client()?.simple_query(&sql).await {
        Ok(messages) => messages,
        Err(error) => return Err(link.failed(error, Context::default()).await),
    };
    let named: Vec<&str> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).filter(|text| text.starts_with("DEALLOCATE ")),
            _ => None,
        })
        .collect();
    link.landed();
    if named.is_empty() {
        return Ok(());
    }
    link.control(&named.join("; "), Undo::Session).await
}
