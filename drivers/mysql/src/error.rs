//! Errors of `mysql_async` and of the server in the contract's terms.
//!
//! The server's SQLSTATE is `HY000` for most of what matters, so its error number decides first. Some of its messages repeat
//! what a row holds (`Duplicate entry 'ada@example.org' for key …`): those are told in our own words, and the server's go
//! into the error's detail, which nobody prints by accident. A server's error is therefore kept without a source: all that
//! the source would tell is in the error itself.

use mysql_async::{DriverError, IoError, LocalInfileError, ServerError};
use oarlock_core::{Error, ErrorKind, sqlstate};

use crate::message::{self, Named};

/// Where an error came up, which decides what a lost connection means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// While the connection was made.
    Connecting,
    /// On a connection.
    Connected,
    /// In a statement with dates or times among its parameters, which are well formed: one that the server calls incorrect
    /// is out of its column's range.
    Dated,
}

/// Gives the kind that an error number stands for, where it is clearer than the SQLSTATE.
pub(crate) fn kind(code: u16, state: &str) -> ErrorKind {
    use ErrorKind as K;
    match code {
        1022 | 1062 | 1169 | 1586 | 1859 => K::UniqueViolation,
        1216 | 1217 | 1451 | 1452 | 1557 | 1761 | 1762 => K::ForeignKeyViolation,
        // 1364: no value was given for a column without a default; NULL is what it would be.
        1048 | 1121 | 1263 | 1364 => K::NotNullViolation,
        3819 | 4025 => K::CheckViolation,
        1213 | 1614 => K::Deadlock,
        1205 | 3572 => K::LockTimeout,
        1020 => K::SerializationFailure,
        1402 | 1613 => K::TransactionFailed,
        1969 | 3024 => K::StatementTimeout,
        1317 => K::Cancelled,
        1207 | 1290 | 1792 | 1836 => K::ReadOnly,
        1044 | 1142 | 1143 | 1227 | 1370 | 1419 => K::PermissionDenied,
        1045 | 1130 | 1251 | 1524 | 1698 | 1862 | 1820 | 3118 | 4151 => K::Authentication,
        // The server's require_secure_transport.
        3159 => K::Tls,
        1040 | 1203 | 1226 => K::TooManyConnections,
        1064 | 1065 | 1149 => K::Syntax,
        1051 | 1109 | 1146 | 1932 => K::TableNotFound,
        1054 => K::UnknownColumn,
        1008 | 1049 | 1091 | 1176 | 1305 | 1360 | 1397 | 1543 | 1630 | 4091 => K::ObjectNotFound,
        1007 | 1050 | 1060 | 1061 | 1304 | 1359 | 1440 | 1537 | 1826 | 3822 => K::AlreadyExists,
        // 1153 and 1301: more than max_allowed_packet, which other databases call a value's limit.
        1153 | 1264 | 1301 | 1365 | 1406 | 1425 | 1426 | 1441 | 1690 => K::OutOfRange,
        1265 | 1292 | 1300 | 1366 | 1367 | 1411 | 3140 | 3141 | 3143 | 4037 | 4038 => K::InvalidValue,
        1021 | 1037 | 1038 | 1041 | 1114 | 1206 | 1461 | 3170 => K::ResourcesExhausted,
        1053 | 1077 | 1079 | 1080 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 3169 | 4031 => K::ConnectionLost,
        1235 | 1295 | 1178 | 1286 => K::NotSupported,
        1005 | 1016 | 1017 | 1023..=1026 | 1030 => K::Io,
        _ => sqlstate::kind(state),
    }
}

/// Converts an error.
pub(crate) fn convert(error: mysql_async::Error, stage: Stage) -> Error {
    match error {
        mysql_async::Error::Server(error) => server(error, stage),
        mysql_async::Error::Io(IoError::Io(error)) => {
            let kind = match stage {
                Stage::Connecting => ErrorKind::ConnectionRefused,
                Stage::Connected | Stage::Dated => ErrorKind::ConnectionLost,
            };
            let what = match stage {
                Stage::Connecting => format!("the server cannot be reached: {error}"),
                Stage::Connected | Stage::Dated => "the connection to the server was lost".to_owned(),
            };
            Error::new(kind, what).with_source(error)
        }
        mysql_async::Error::Driver(error) => driver(error),
        mysql_async::Error::Url(error) => {
            Error::new(ErrorKind::Configuration, "mysql_async does not take the options").with_source(error)
        }
        // Decoding the server's packets failed: the connection is out of step.
        mysql_async::Error::Other(error) => lost("the server's packets could not be read").with_source(error),
    }
}

fn server(error: ServerError, stage: Stage) -> Error {
    let ServerError { code, message, state } = error;
    let kind = match stage {
        Stage::Dated if code == 1292 => ErrorKind::OutOfRange,
        _ => kind(code, &state),
    };
    let Named { constraint, table, column, told } = message::read(code, &message);
    let mut error = match told {
        Some(told) => Error::new(kind, told).with_detail(message),
        None => Error::new(kind, message),
    };
    error = error.with_code(i64::from(code));
    if !state.is_empty() {
        error = error.with_sqlstate(&state);
    }
    if let Some(constraint) = constraint {
        error = error.with_constraint(constraint);
    }
    if let Some(table) = table {
        error = error.with_table(table);
    }
    if let Some(column) = column {
        error = error.with_column(column);
    }
    error
}

fn driver(error: DriverError) -> Error {
    match error {
        DriverError::LocalInfile(LocalInfileError::NoHandler) => local_infile(),
        DriverError::CleartextPluginDisabled => Error::new(
            ErrorKind::Authentication,
            "the server wants the password in clear, and this connection is not encrypted",
        )
        .with_hint(
            "use ssl-mode=required or stricter; on a network that you trust, enable-cleartext-plugin=on sends it all the same",
        ),
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::MysqlOldPasswordDisabled => Error::new(
            ErrorKind::Authentication,
            "the server asks for a way to log in that this driver refuses or lacks",
        )
        .with_source(error),
        DriverError::PacketTooLarge => Error::new(ErrorKind::OutOfRange, "a packet is larger than 1 GiB"),
        // The packet may hold anything, so it is not kept.
        DriverError::UnexpectedPacket { .. } => lost("the server sent a packet out of turn"),
        other => lost("the protocol with the server broke down").with_source(other),
    }
}

fn lost(message: &str) -> Error {
    Error::new(ErrorKind::ConnectionLost, message)
}

/// Makes the error of a server that asks for a file of the client's.
pub(crate) fn local_infile() -> Error {
    Error::not_supported("the server asked for a local file, which is refused")
        .with_hint("LOAD DATA LOCAL takes its data from load_data of oarlock_mysql::MysqlExt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16, state: &str, message: &str) -> Error {
        convert(
            mysql_async::Error::Server(ServerError { code, message: message.to_owned(), state: state.to_owned() }),
            Stage::Connected,
        )
    }

    #[test]
    fn the_number_decides_before_the_state() {
        for (code, state, kind) in [
            (1062, "23000", ErrorKind::UniqueViolation),
            (1452, "23000", ErrorKind::ForeignKeyViolation),
            (1048, "23000", ErrorKind::NotNullViolation),
            (4025, "23000", ErrorKind::CheckViolation),
            (3819, "HY000", ErrorKind::CheckViolation),
            (1213, "40001", ErrorKind::Deadlock),
            (1205, "HY000", ErrorKind::LockTimeout),
            (1969, "70100", ErrorKind::StatementTimeout),
            (1064, "42000", ErrorKind::Syntax),
            (1142, "42000", ErrorKind::PermissionDenied),
            (1792, "25006", ErrorKind::ReadOnly),
            (9999, "42S02", ErrorKind::TableNotFound),
            (9999, "HY000", ErrorKind::Database),
        ] {
            assert_eq!(kind, super::kind(code, state), "{code}");
        }
    }

    #[test]
    fn what_a_row_holds_is_never_printed() {
        let error = told(1062, "23000", "Duplicate entry 'ada@example.org' for key 'email'");
        assert_eq!(error.to_string(), "a row with this key exists already in email");
        assert!(!format!("{error:?}").contains("ada@"), "{error:?}");
        assert_eq!(error.detail(), Some("Duplicate entry 'ada@example.org' for key 'email'"));
        assert_eq!((error.code(), error.sqlstate(), error.constraint()), (Some(1062), Some("23000"), Some("email")));
    }

    #[test]
    fn a_lost_connection_depends_on_the_stage() {
        let broken = || mysql_async::Error::Io(IoError::Io(std::io::ErrorKind::BrokenPipe.into()));
        assert_eq!(convert(broken(), Stage::Connecting).kind(), ErrorKind::ConnectionRefused);
        assert_eq!(convert(broken(), Stage::Connected).kind(), ErrorKind::ConnectionLost);
    }
}
