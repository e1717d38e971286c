//! Making a session as good as new.

use std::borrow::Cow;

use oarlock_core::{Result, TxState};
use tokio_postgres::SimpleQueryMessage;

use crate::error::Context;
use crate::link::{Link, Undo};
use crate::options::{PostgresOptions, StatementNames};
use crate::tpc::literal;

/// `DISCARD ALL` without `DEALLOCATE ALL` and `DISCARD PLANS`, which would take our own prepared statements and their plans
/// with it. The settings go back to what the connection's first message asked for. Last comes the question what statements
/// the user has prepared by name.
const PARTS: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; \
    SELECT 'DEALLOCATE ' || pg_catalog.quote_ident(name) FROM pg_catalog.pg_prepared_statements WHERE from_sql";

/// Ends what the user has prepared by name within the same message: the next one may meet another session.
const DEALLOCATE: &str = "DO $$ DECLARE found text; BEGIN \
    FOR found IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql \
    LOOP EXECUTE 'DEALLOCATE ' || pg_catalog.quote_ident(found); END LOOP; END $$";

/// Writes what makes the sessions of a connection new.
///
/// Behind a pooler `RESET ALL` does not go back to what the connection asked for, but to what the pooler did; and the pooler
/// takes the settings that it keeps for each client from there. So those are asked for again.
pub(crate) fn renewal(options: &PostgresOptions) -> Cow<'static, str> {
    if options.statements == StatementNames::Named {
        return PARTS.into();
    }
    let parts = PARTS.rsplit_once("; ").map_or(PARTS, |(parts, _)| parts);
    let mut sql = format!("{parts}; {DEALLOCATE}; SET client_encoding = 'UTF8'");
    let own_zone = options.options.as_ref().is_some_and(|options| options.to_ascii_lowercase().contains("timezone"));
    if !own_zone {
        sql.push_str("; SET TimeZone = 'UTC'");
    }
    if let Some(name) = &options.application_name {
        sql.push_str("; SET application_name = ");
        sql.push_str(&literal(name));
    }
    sql.into()
}

/// Resets a session.
pub(crate) async fn reset(link: &mut Link, renewal: &str) -> Result<()> {
    let sql = match link.tx_state() {
        TxState::Auto => renewal.to_owned(),
        _ => format!("ROLLBACK; {renewal}"),
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
