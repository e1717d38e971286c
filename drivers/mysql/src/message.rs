//! What the server tells only in the words of its messages: constraints, tables, columns, and values that must not be printed.
//!
//! This is the one place that reads messages, and nothing is decided by them: the kind of an error comes from its number. A
//! message in another language than English, or of another version, is passed on as it stands.

/// What a message names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) constraint: Option<String>,
    pub(crate) table: Option<String>,
    pub(crate) column: Option<String>,
    /// The message in our words, where the server's may hold values of a row.
    pub(crate) told: Option<String>,
}

/// Reads the message of an error number.
pub(crate) fn read(code: u16, message: &str) -> Named {
    match code {
        1062 | 1586 => duplicate(message),
        1451 | 1452 => foreign_key(message),
        1048 | 1364 | 1054 | 1406 | 1264 | 1366 | 1292 | 1265 => column(code, message),
        3819 => Named { constraint: quoted_after(message, "Check constraint '", '\''), ..Named::default() },
        4025 => check(message),
        1146 | 1051 => table(message),
        // `BIGINT value is out of range in '(1 + 2)'`, and malformed values of functions: the value is in the message.
        1690 | 1411 | 1367 => {
            let told = if code == 1690 {
                "a value is out of range in an expression"
            } else {
                "a value is malformed for its use"
            };
            Named { told: Some(told.to_owned()), ..Named::default() }
        }
        _ => Named::default(),
    }
}

/// `Duplicate entry '…' for key 'name'`; MySQL 8 writes `'table.name'`. The entry may hold quotes of its own.
fn duplicate(message: &str) -> Named {
    let key = message.rsplit_once(" for key '").and_then(|(_, key)| key.strip_suffix('\''));
    let (table, constraint) = match key.and_then(|key| key.split_once('.')) {
        Some((table, constraint)) => (Some(table.to_owned()), Some(constraint.to_owned())),
        None => (None, key.map(str::to_owned)),
    };
    let told = match &constraint {
        Some(name) => format!("a row with this key exists already in {name}"),
        None => "a row with this key exists already".to_owned(),
    };
    Named { constraint, table, column: None, told: Some(told) }
}

/// ``Cannot … a foreign key constraint fails (`db`.`table`, CONSTRAINT `name` FOREIGN KEY (`column`) REFERENCES …)``.
fn foreign_key(message: &str) -> Named {
    let columns = quoted_after(message, "FOREIGN KEY (`", ')');
    Named {
        constraint: quoted_after(message, "CONSTRAINT `", '`'),
        table: message.split_once("fails (").and_then(|(_, rest)| qualified(rest)),
        // Of several columns none is the one.
        column: columns.and_then(|list| list.strip_suffix('`').filter(|one| !one.contains('`')).map(str::to_owned)),
        told: None,
    }
}

/// `Column 'name' cannot be null`, `Field 'name' doesn't have a default value`, `Unknown column 'a.name' in …`,
/// `Data too long for column 'name' at row 1`, `Incorrect integer value: '…' for column 'name' at row 1`.
fn column(code: u16, message: &str) -> Named {
    let names_values = matches!(code, 1366 | 1292 | 1265);
    let lead = match code {
        1048 => "Column '",
        1364 => "Field '",
        1054 => "Unknown column '",
        _ => "column ",
    };
    let found = if names_values {
        message.rsplit_once(lead).map(|(_, rest)| rest)
    } else {
        message.split_once(lead).map(|(_, rest)| rest)
    };
    let name = found.and_then(|rest| match code {
        1048 | 1364 | 1054 => rest.split_once('\'').map(|(name, _)| name.to_owned()),
        _ => last_name(rest),
    });
    let told = names_values.then(|| match &name {
        Some(name) => format!("a value does not fit column {name}"),
        None => "a value is malformed for its use".to_owned(),
    });
    let name = name.map(|name| name.rsplit('.').next().unwrap_or_default().to_owned());
    Named { column: name, told, ..Named::default() }
}

/// Gives the last name of ``'name' at row 1`` (MySQL) or ``` `db`.`table`.`name` at row 1``` (MariaDB).
fn last_name(text: &str) -> Option<String> {
    let name = text.split_once(" at row ").map_or(text, |(name, _)| name);
    match name.strip_prefix('\'') {
        Some(quoted) => quoted.strip_suffix('\'').map(str::to_owned),
        None => name.strip_suffix('`').and_then(|name| name.rsplit_once('`')).map(|(_, name)| name.to_owned()),
    }
}

/// ``CONSTRAINT `name` failed for `db`.`table` ``; MariaDB writes ``CONSTRAINT `table.column` `` for a column's own check.
fn check(message: &str) -> Named {
    Named {
        constraint: quoted_after(message, "CONSTRAINT `", '`'),
        table: message.split_once(" failed for ").and_then(|(_, rest)| qualified(rest)),
        ..Named::default()
    }
}

/// `Table 'db.name' doesn't exist`, `Unknown table 'db.name'`.
fn table(message: &str) -> Named {
    let name = message.split_once('\'').and_then(|(_, rest)| rest.split_once('\'')).map(|(name, _)| name);
    Named { table: name.map(|name| name.split_once('.').map_or(name, |(_, name)| name).to_owned()), ..Named::default() }
}

/// Gives the table of `` `db`.`table` `` at the beginning of a text.
fn qualified(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("`.`")?;
    rest.split_once('`').map(|(name, _)| name.to_owned())
}

fn quoted_after(message: &str, lead: &str, end: char) -> Option<String> {
    let (_, rest) = message.split_once(lead)?;
    rest.split_once(end).map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Names<'n> = (Option<&'n str>, Option<&'n str>, Option<&'n str>);

    #[test]
    fn names_are_found_in_the_words_of_both_servers() {
        let cases: [(u16, &str, Names<'_>); 14] = [
            (1062, "Duplicate entry 'x' for key 'email'", (Some("email"), None, None)),
            (1062, "Duplicate entry 'it's for key 'me'' for key 'users.email'", (Some("email"), Some("users"), None)),
            (
                1452,
                "Cannot add or update a child row: a foreign key constraint fails (`test`.`post`, CONSTRAINT `post_user` FOREIGN KEY (`user_id`) REFERENCES `user` (`id`))",
                (Some("post_user"), Some("post"), Some("user_id")),
            ),
            (
                1451,
                "Cannot delete or update a parent row: a foreign key constraint fails (`test`.`post`, CONSTRAINT `c` FOREIGN KEY (`a`, `b`) REFERENCES `p` (`a`, `b`))",
                (Some("c"), Some("post"), None),
            ),
            (1048, "Column 'name' cannot be null", (None, None, Some("name"))),
            (1364, "Field 'name' doesn't have a default value", (None, None, Some("name"))),
            (1054, "Unknown column 'u.nam' in 'field list'", (None, None, Some("nam"))),
            (3819, "Check constraint 'age_check' is violated.", (Some("age_check"), None, None)),
            (4025, "CONSTRAINT `age_check` failed for `test`.`user`", (Some("age_check"), Some("user"), None)),
            (1146, "Table 'test.nowhere' doesn't exist", (None, Some("nowhere"), None)),
            (1406, "Data too long for column 'name' at row 1", (None, None, Some("name"))),
            (1366, "Incorrect integer value: 'secret' for column `test`.`t`.`n` at row 1", (None, None, Some("n"))),
            (1366, "Incorrect integer value: 'secret' for column 'n' at row 1", (None, None, Some("n"))),
            (1292, "Truncated incorrect DOUBLE value: 'secret'", (None, None, None)),
        ];
        for (code, message, names) in cases {
            let read = read(code, message);
            assert_eq!((read.constraint.as_deref(), read.table.as_deref(), read.column.as_deref()), names, "{message}");
            assert!(!read.told.unwrap_or_default().contains("secret"), "{message}");
        }
    }

    #[test]
    fn an_unknown_wording_names_nothing() {
        for code in [1062, 1451, 1048, 1054, 1146, 1366, 3819, 4025] {
            let read = read(code, "Doppelter Eintrag");
            assert_eq!((read.constraint, read.table, read.column), (None, None, None));
        }
    }
}
