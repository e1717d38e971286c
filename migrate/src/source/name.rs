//! What the names of files say: version, name, direction, dialect.

use oarlock_core::Dialect;

use crate::script::nearest;
use crate::{Error, ErrorKind, Result, Version};

/// The dialects that a file's name can tell, apart from that of a driver from elsewhere.
const DIALECTS: [&str; 5] = ["sqlite", "postgres", "mysql", "mariadb", "store"];

/// How long a name may be: it has to fit the history's column.
const LONGEST: usize = 200;

/// What is wrong with a name without a version, and what to do.
const UNVERSIONED: (&str, &str) =
    ("the name has no version", "name it such as 20261121093000_create_users, or R__views for a repeatable one");

/// What a file's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'p> {
    /// `None` for a repeatable migration.
    pub(super) version: Option<Version>,
    pub(super) name: &'p str,
    pub(super) side: Side,
    pub(super) dialect: Option<&'p str>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// The way up.
    Up,
    /// The way down.
    Down,
    /// Both ways, parted by markers, or the way up alone.
    Both,
}

/// Reads the path of a file within the source, its parts joined by `/`; `None` for a file that is no migration and does not look
/// like one. `dialect` is the connection's.
pub(super) fn read<'p>(path: &'p str, dialect: &str) -> Result<Option<Named<'p>>> {
    let wrong = |message: String| Error::new(ErrorKind::Source, format!("{path}: {message}"));
    let (directory, file) = match path.rsplit_once('/') {
        Some((directory, file)) => (Some(directory), file),
        None => (None, path),
    };
    let looks = directory.unwrap_or(file);
    let meant = looks.starts_with(|first: char| first.is_ascii_digit()) || looks.starts_with("R__");
    let Some(stem) = file.strip_suffix(".sql") else { return Ok(None) };
    if file.starts_with('.') {
        return Ok(None);
    }
    if directory.is_some() && !meant {
        // Seeds and the like are left alone.
        return if matches!(file.split('.').next(), Some("up" | "down")) {
            Err(wrong(UNVERSIONED.0.to_owned()).with_hint(UNVERSIONED.1))
        } else {
            Ok(None)
        };
    }
    let (stem, dialect) = match stem.split_once('.') {
        Some((stem, suffix)) => {
            (stem, Some(known_dialect(suffix, dialect).map_err(|(what, hint)| wrong(what).with_hint(hint))?))
        }
        None => (stem, None),
    };
    let (whole, side) = match (directory, stem) {
        (None, _) => (stem, Side::Both),
        (Some(directory), "up") => (directory, Side::Up),
        (Some(directory), "down") => (directory, Side::Down),
        (Some(_), _) => {
            return Err(wrong(format!("a file of a migration is named up.sql or down.sql, not {stem}.sql")));
        }
    };
    if let Some(name) = whole.strip_prefix("R__") {
        if side != Side::Both {
            return Err(wrong("a repeatable migration is one file, such as R__views.sql".to_owned()));
        }
        return Ok(Some(Named { version: None, name: plain(name).map_err(wrong)?, side, dialect }));
    }
    let Some((number, name)) = whole.split_once('_') else {
        return Err(wrong(UNVERSIONED.0.to_owned()).with_hint(UNVERSIONED.1));
    };
    let version: Version = number
        .parse()
        .map_err(|error: Error| wrong(error.message().to_owned()).with_hint(error.hint().unwrap_or_default()))?;
    Ok(Some(Named { version: Some(version), name: plain(name).map_err(wrong)?, side, dialect }))
}

/// Refuses a suffix that is no dialect, with what was meant.
pub(super) fn known_dialect<'s>(suffix: &'s str, dialect: &str) -> std::result::Result<&'s str, (String, String)> {
    if DIALECTS.contains(&suffix) || suffix == dialect {
        return Ok(suffix);
    }
    let hint = match nearest(suffix, &DIALECTS) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("there are {}", DIALECTS.join(", ")),
    };
    Err((format!("`{suffix}` is no dialect"), hint))
}

/// Gives the name of a file before its dialect and its ending.
pub(super) fn stem(file: &str) -> &str {
    file.split('.').next().unwrap_or(file)
}

/// Picks what is for the very dialect, for its family, or for none.
pub(super) fn pick_dialect<T>(dialect: &Dialect, of: impl Fn(Option<&str>) -> Option<T>) -> Option<T> {
    of(Some(dialect.name))
        .or_else(|| if dialect.name == "mariadb" { of(Some("mysql")) } else { None })
        .or_else(|| of(None))
}

/// Checks a name: letters, digits, `_` and `-`.
pub(super) fn plain(name: &str) -> std::result::Result<&str, String> {
    match name.chars().find(|c| !c.is_alphanumeric() && !['_', '-'].contains(c)) {
        Some(other) => Err(format!("{other:?} cannot stand in a migration's name")),
        None if name.is_empty() => Err("the migration has no name".to_owned()),
        None if name.chars().count() > LONGEST => Err(format!("the name is longer than {LONGEST} characters")),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told<'p> = Option<(i64, String, Side, Option<&'p str>)>;

    fn told(path: &str) -> std::result::Result<Told<'_>, String> {
        let named = read(path, "postgres").map_err(|error| error.to_string())?;
        Ok(named.map(|n| (n.version.map_or(0, Version::number), n.name.to_owned(), n.side, n.dialect)))
    }

    #[test]
    fn names_tell_version_name_direction_and_dialect() {
        for (path, read) in [
            ("7_a/up.sql", Some((7, "a", Side::Up, None))),
            (
                "20261121093000_create_users/down.mysql.sql",
                Some((20_261_121_093_000, "create_users", Side::Down, Some("mysql"))),
            ),
            ("0007_a-b.sqlite.sql", Some((7, "a-b", Side::Both, Some("sqlite")))),
            ("R__views.sql", Some((0, "views", Side::Both, None))),
            ("README.md", None),
            ("7_a/notes.txt", None),
            ("seeds/users.sql", None),
            (".hidden.sql", None),
        ] {
            let read = read.map(|(version, name, side, dialect)| (version, name.to_owned(), side, dialect));
            assert_eq!(told(path), Ok(read), "{path}");
        }
    }

    #[test]
    fn names_that_are_meant_for_migrations_and_are_none_are_refused() {
        for (path, error) in [
            ("7_a/up.postgress.sql", "7_a/up.postgress.sql: `postgress` is no dialect (did you mean `postgres`?)"),
            ("7_a/upp.sql", "7_a/upp.sql: a file of a migration is named up.sql or down.sql, not upp.sql"),
            ("7_a b.sql", "7_a b.sql: ' ' cannot stand in a migration's name"),
            ("7_.sql", "7_.sql: the migration has no name"),
            (
                "create.sql",
                "create.sql: the name has no version (name it such as 20261121093000_create_users, or R__views for a repeatable \
                 one)",
            ),
            (
                "create_users/up.postgres.sql",
                "create_users/up.postgres.sql: the name has no version (name it such as 20261121093000_create_users, or R__views for a \
                 repeatable one)",
            ),
            (
                "users.sql",
                "users.sql: the name has no version (name it such as 20261121093000_create_users, or R__views for a repeatable one)",
            ),
            (
                "0_a.sql",
                "0_a.sql: `0` is no version (a version is a number from 1 to 9223372036854775807, such as 20261121093000)",
            ),
            ("R__views/up.sql", "R__views/up.sql: a repeatable migration is one file, such as R__views.sql"),
        ] {
            assert_eq!(told(path).unwrap_err(), error);
        }
    }
}
