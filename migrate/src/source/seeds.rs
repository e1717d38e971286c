//! Seeds: data for an empty database, which no history keeps.

use std::path::Path;
use std::sync::Arc;

use oarlock_core::Dialect;

use super::directory::files_in;
use super::name::{known_dialect, pick_dialect, stem};
use crate::script::{Script, Sections, Text};
use crate::{Error, ErrorKind, Result};

/// Files of SQL that fill a database for trying things out, in the order of their names.
///
/// They run whenever they are asked for, each in a transaction of its own, and are written so that this does no harm.
/// `users.postgres.sql` takes the place of `users.sql` on PostgreSQL.
#[derive(Debug, Clone, Default)]
pub struct Seeds {
    files: Vec<(String, Text)>,
}

impl Seeds {
    /// Reads the files of a directory; those that are not SQL are left alone.
    ///
    /// # Errors
    ///
    /// As [`Source::directory`](crate::Source::directory).
    pub fn directory(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { files: files_in(path.as_ref())? })
    }

    /// Makes seeds of files that are compiled in: their names, and their texts.
    #[must_use]
    pub fn embedded(directory: &str, files: &[(&str, &str)]) -> Self {
        let files =
            files.iter().map(|(name, text)| ((*name).to_owned(), Text::new(&format!("{directory}/{name}"), text)));
        Self { files: files.collect() }
    }

    /// Reads the files in the words of a dialect.
    pub(crate) fn resolve(&self, dialect: &Dialect) -> Result<Vec<Arc<Script>>> {
        for (name, text) in &self.files {
            let Some(suffix) = suffix_of(name) else { continue };
            known_dialect(suffix, dialect.name).map_err(|(what, hint)| {
                Error::new(ErrorKind::Source, format!("{}: {what}", text.file)).with_hint(hint)
            })?;
        }
        let mut scripts = Vec::new();
        let mut stems: Vec<&str> = self.files.iter().map(|(name, _)| stem(name)).collect();
        stems.sort_unstable();
        stems.dedup();
        for wanted in stems {
            let of = |suffix: Option<&str>| {
                self.files.iter().find(|(name, _)| stem(name) == wanted && suffix_of(name) == suffix)
            };
            // A file for another dialect alone has nothing to do here.
            let Some((_, text)) = pick_dialect(dialect, of) else { continue };
            let Sections { up: (range, directives), marker, .. } = Sections::read(text, dialect)?;
            if let Some(marker) = marker {
                return Err(Error::new(ErrorKind::Source, "a seed has no directions").at(text.place(marker)));
            }
            scripts.push(Arc::new(Script::read(text, range, directives, dialect)?));
        }
        Ok(scripts)
    }
}

fn suffix_of(name: &str) -> Option<&str> {
    name.strip_suffix(".sql")?.split_once('.').map(|(_, suffix)| suffix)
}
