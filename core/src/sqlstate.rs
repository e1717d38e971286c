//! SQLSTATE codes and what they mean: the one table for all drivers.

use crate::error::ErrorKind;

/// Gives the kind of error that a SQLSTATE stands for, by its five characters, else by its class of two.
#[must_use]
pub fn kind(state: &str) -> ErrorKind {
    use ErrorKind as K;
    match state {
        "23505" => K::UniqueViolation,
        "23503" | "23001" => K::ForeignKeyViolation,
        "23502" => K::NotNullViolation,
        "23514" | "44000" => K::CheckViolation,
        "40001" => K::SerializationFailure,
        "40P01" => K::Deadlock,
        "55P03" => K::LockTimeout,
        "25P03" | "25P04" | "57P01" | "57P02" | "57P05" | "57P04" => K::ConnectionLost,
        "57P03" => K::ConnectionRefused,
        "57014" => K::Cancelled,
        "25P02" => K::TransactionFailed,
        "25006" => K::ReadOnly,
        "53300" => K::TooManyConnections,
        "42601" | "42000" => K::Syntax,
        "42P01" | "42S02" => K::TableNotFound,
        "42703" | "42S22" => K::UnknownColumn,
        "42704" | "42883" | "3D000" | "3F000" | "26000" | "34000" => K::ObjectNotFound,
        "42P07" | "42P04" | "42P06" | "42701" | "42710" | "42723" | "42S01" | "42S21" => K::AlreadyExists,
        "42501" => K::PermissionDenied,
        "22003" | "22012" | "22008" | "22001" | "22015" => K::OutOfRange,
        "0A000" => K::NotSupported,
        _ => match state.get(..2) {
            Some("08") => K::ConnectionLost,
            Some("0A") => K::NotSupported,
            Some("22") => K::InvalidValue,
            Some("23") => K::IntegrityViolation,
            Some("28") => K::Authentication,
            Some("40") => K::SerializationFailure,
            Some("42") => K::Syntax,
            Some("53") => K::ResourcesExhausted,
            Some("58") => K::Io,
            Some("XX") => K::Internal,
            _ => K::Database,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_by_itself_before_its_class() {
        assert_eq!(kind("23505"), ErrorKind::UniqueViolation);
        assert_eq!(kind("23P01"), ErrorKind::IntegrityViolation);
        assert_eq!(kind("40P01"), ErrorKind::Deadlock);
        assert_eq!(kind("22P02"), ErrorKind::InvalidValue);
        assert_eq!(kind("ZZ"), ErrorKind::Database);
        assert_eq!(kind("é"), ErrorKind::Database);
        assert_eq!(kind(""), ErrorKind::Database);
    }
}
