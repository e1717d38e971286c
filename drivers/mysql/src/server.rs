//! What a server is: its product, version, dialect and abilities, and the session that is set up on it.

use oarlock_core::capabilities::DdlInTransaction;
use oarlock_core::lex::ExecutableComments;
use oarlock_core::{Capabilities, Dialect, Isolation};

use crate::bind::Zone;

/// MySQL's and MariaDB's limit, by the width of the number in the protocol.
pub(crate) const MAX_PARAMETERS: usize = 65_535;

/// Everything that a session must have, set at the beginning and after each reset: text as UTF-8, instants in UTC, every
/// statement by itself, and no value changed to make it fit. The server's other modes stay.
pub(crate) const SETUP: &str = "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, \
    sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')";

/// What is asked after the setup, in one trip: at the end, the session's number and the server, told from others of its name.
pub(crate) const FACTS: &str = "SELECT VERSION(), @@sql_mode, @@time_zone, @@max_allowed_packet, \
    CONNECTION_ID(), CONCAT_WS(' ', @@hostname, @@port, @@server_id)";

/// A server's product and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) mariadb: bool,
    /// As one number: 101119 for 10.11.19.
    pub(crate) version: u32,
}

impl Server {
    /// Reads `10.11.19-MariaDB-log` or `8.4.3`.
    pub(crate) fn parse(version: &str) -> Self {
        let mut numbers = version
            .split(|c: char| !c.is_ascii_digit())
            .map_while(|part| part.parse::<u32>().ok())
            .chain(std::iter::repeat(0));
        let mut next = || numbers.next().unwrap_or_default().min(99);
        let version_number = next() * 10_000 + next() * 100 + next();
        Self { mariadb: version.to_ascii_lowercase().contains("mariadb"), version: version_number }
    }

    /// Gives the product's name in OpenTelemetry's conventions.
    pub(crate) fn system(self) -> &'static str {
        if self.mariadb { "mariadb" } else { "mysql" }
    }

    pub(crate) fn dialect(self, sql_mode: &str) -> Dialect {
        let mut dialect = if self.mariadb { Dialect::MARIADB } else { Dialect::MYSQL };
        dialect.lexing.executable_comments = if self.mariadb {
            ExecutableComments::MariaDb { version: self.version }
        } else {
            ExecutableComments::MySql { version: self.version }
        };
        dialect.set_sql_mode(sql_mode);
        dialect
    }

    pub(crate) fn capabilities(self) -> Capabilities {
        let mut can = Capabilities::NONE;
        can.ddl_in_transaction = DdlInTransaction::Commits;
        can.isolation_levels =
            &[Isolation::ReadUncommitted, Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable];
        can.read_only_transactions = true;
        can.savepoints = true;
        // Before, a prepared transaction did not outlive its session.
        can.two_phase = !self.mariadb || self.version >= 100_500;
        can.insert_returning = self.mariadb && self.version >= 100_500;
        can.delete_returning = self.mariadb;
        can.last_insert_id = true;
        can.procedures = true;
        can.multiple_result_sets = true;
        can.spans = true;
        can.nul_in_text = true;
        can.permissions = true;
        can.row_locks = true;
        can.statement_timeout = true;
        can.cancel = true;
        can.warnings = true;
        can.expression_indexes = !self.mariadb && self.version >= 80_013;
        can.column_origin = true;
        can.schemas = true;
        can.catalog = true;
        can.max_parameters = MAX_PARAMETERS;
        can
    }
}

/// Reads a `time_zone` such as `+00:00`, `-05:30` or `Europe/Berlin`.
pub(crate) fn zone(text: &str) -> Zone {
    let offset = || {
        let (sign, clock) = match text.split_at_checked(1)? {
            ("+", clock) => (1, clock),
            ("-", clock) => (-1, clock),
            _ => return None,
        };
        let (hours, minutes) = clock.split_once(':')?;
        let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
        Some(sign * minutes * oarlock_core::value::temporal::MINUTE)
    };
    match text {
        "UTC" => Zone::Offset(0),
        _ => offset().map_or(Zone::Named, Zone::Offset),
    }
}

#[cfg(test)]
mod tests {
    use oarlock_core::lex::DoubleQuote;

    use oarlock_core::value::temporal::{HOUR, MINUTE};

    use super::*;

    #[test]
    fn product_and_version_are_read() {
        for (text, mariadb, version) in [
            ("10.11.19-MariaDB-0+deb12u1", true, 101_119),
            ("8.4.3", false, 80_403),
            ("8.0.36-0ubuntu0.22.04.1", false, 80_036),
            ("11.4.2-MariaDB", true, 110_402),
            ("strange", false, 0),
        ] {
            assert_eq!(Server::parse(text), Server { mariadb, version }, "{text}");
        }
    }

    #[test]
    fn abilities_follow_the_server() {
        let can = |text: &str| Server::parse(text).capabilities();
        assert!(can("10.11.19-MariaDB").insert_returning && !can("10.4.1-MariaDB").insert_returning);
        assert!(can("10.5.0-MariaDB").two_phase && !can("10.4.1-MariaDB").two_phase && can("8.4.3").two_phase);
        assert!(!can("8.4.3").insert_returning && can("8.4.3").expression_indexes);
    }

    #[test]
    fn the_mode_changes_the_lexing() {
        let dialect = Server::parse("8.4.3").dialect("ANSI_QUOTES,STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES");
        assert_eq!(dialect.lexing.double_quote, DoubleQuote::Identifier);
        assert!(!dialect.lexing.backslash_escapes);
        assert_eq!(dialect.lexing.executable_comments, ExecutableComments::MySql { version: 80_403 });
    }

    #[test]
    fn zones_of_a_fixed_offset_are_known() {
        assert_eq!(zone("+00:00"), Zone::Offset(0));
        assert_eq!(zone("-05:30"), Zone::Offset(-(5 * HOUR + 30 * MINUTE)));
        assert_eq!(zone("Europe/Berlin"), Zone::Named);
        assert_eq!(zone("SYSTEM"), Zone::Named);
    }
}
