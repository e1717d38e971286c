//! Where migrations come from: a directory, files that are compiled in, Rust.

mod directory;
mod name;
mod rust;
mod seeds;

use std::collections::BTreeMap;
use std::sync::Arc;

use oarlock_core::{Dialect, Tx};

use self::name::{Named, Side};
use crate::migration::{Id, Migration, Work};
use crate::script::{Script, Sections, Text, of_name};
use crate::{Error, ErrorKind, Result, Version};

pub use rust::RustMigration;
pub use seeds::Seeds;

/// A set of migrations, not yet read by the rules of a dialect.
#[derive(Debug, Clone, Default)]
pub struct Source {
    files: Vec<File>,
    rust: Vec<RustMigration>,
}

/// A file of the source.
#[derive(Debug, Clone)]
struct File {
    /// The path within the source.
    path: String,
    text: Text,
}

impl Source {
    /// Makes a source without migrations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a source of files that are compiled in: their paths within the directory, and their texts.
    ///
    /// `embed_migrations!` writes this. The directory's name is for messages.
    #[must_use]
    pub fn embedded(directory: &str, files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File {
            path: (*path).to_owned(),
            text: Text::new(&format!("{directory}/{path}"), text),
        });
        Self { files: files.collect(), rust: Vec::new() }
    }

    /// Adds a migration in Rust.
    #[must_use]
    pub fn rust(mut self, migration: RustMigration) -> Self {
        self.rust.push(migration);
        self
    }

    /// Reads the migrations in the words of a dialect, in their order: those with a version, then the repeatable ones by name.
    ///
    /// # Errors
    ///
    /// [`Source`](ErrorKind::Source) for a name or a text that is not understood, a version that two migrations have, and one that
    /// has nothing for this dialect.
    pub fn resolve(&self, dialect: &Dialect) -> Result<Vec<Migration>> {
        let mut entries: BTreeMap<Order<'_>, Vec<(Named<'_>, &File)>> = BTreeMap::new();
        for file in &self.files {
            let Some(named) = name::read(&file.path, dialect.name).map_err(|error| in_directory(file, &error))? else {
                continue;
            };
            let repeatable = if named.version.is_none() { named.name } else { "" };
            let version = named.version.map_or(0, Version::number);
            entries.entry((named.version.is_none(), version, repeatable)).or_default().push((named, file));
        }
        let mut migrations = Vec::with_capacity(entries.len() + self.rust.len());
        for files in entries.into_values() {
            migrations.push(read(&files, dialect)?);
        }
        for migration in &self.rust {
            migrations.push(migration.resolve()?);
        }
        migrations.sort_by(|a, b| a.id().cmp(b.id()));
        let twins = migrations.windows(2).find(|pair| pair[0].id() == pair[1].id());
        if let Some([first, second]) = twins {
            return Err(doubled(first.file(), second.file()));
        }
        Ok(migrations)
    }
}

/// Where a migration stands: whether it is repeatable, its version, its name if it has none.
type Order<'p> = (bool, i64, &'p str);

/// Puts the file as messages name it in place of its path within the source.
fn in_directory(file: &File, error: &Error) -> Error {
    let renamed = Error::new(ErrorKind::Source, error.message().replacen(&file.path, &file.text.file, 1));
    error.hint().into_iter().fold(renamed, Error::with_hint)
}

/// Reads the files of one version.
fn read(files: &[(Named<'_>, &File)], dialect: &Dialect) -> Result<Migration> {
    let (first, file) = files.first().ok_or_else(|| Error::new(ErrorKind::Source, "a migration has no file"))?;
    for (index, (named, file)) in files.iter().enumerate() {
        if let Some((_, earlier)) = files[..index].iter().find(|(earlier, _)| clashes(earlier, named)) {
            return Err(doubled(&earlier.text.file, &file.text.file));
        }
    }
    let id = match first.version {
        Some(version) => Id::Version(version),
        None => Id::Repeatable(first.name.into()),
    };
    let whole = match first.version {
        Some(_) => file.path.split(['/', '.']).next().unwrap_or(first.name).to_owned(),
        None => format!("R__{}", first.name),
    };
    let migration = |file: &File, checksum: String, up: Work, down: Option<Work>| Migration {
        id,
        name: first.name.into(),
        title: whole.clone().into(),
        file: Arc::clone(&file.text.file),
        checksum: checksum.into(),
        up,
        down,
    };
    let pick = |side: Side| pick(files, side, dialect);
    let Some(file) = pick(Side::Up).or_else(|| pick(Side::Both)) else {
        return Err(Error::new(ErrorKind::Source, format!("{whole} has no way up on {}", dialect.name))
            .with_hint(format!("add a file up.sql or up.{}.sql to it; an empty one does nothing", dialect.name)));
    };
    let sections = Sections::read(&file.text, dialect)?;
    let both = pick(Side::Up).is_none();
    if let (false, Some(marker)) = (both, sections.marker) {
        return Err(Error::new(ErrorKind::Source, "the file's name tells the direction already")
            .at(file.text.place(marker))
            .with_hint("take the marker out"));
    }
    if let (None, Some((range, _))) = (first.version, &sections.down) {
        return Err(
            Error::new(ErrorKind::Source, "a repeatable migration has no way down").at(file.text.place(range.start))
        );
    }
    let (range, directives) = sections.up;
    let up = Script::read(&file.text, range, directives, dialect)?;
    let down = match (both, sections.down) {
        (true, Some((range, directives))) => Some(Script::read(&file.text, range, directives, dialect)?),
        (true, None) => None,
        (false, _) => match pick(Side::Down) {
            Some(file) => {
                let Sections { up: (range, directives), marker, .. } = Sections::read(&file.text, dialect)?;
                if let Some(marker) = marker {
                    return Err(Error::new(ErrorKind::Source, "the file's name tells the direction already")
                        .at(file.text.place(marker))
                        .with_hint("take the marker out"));
                }
                Some(Script::read(&file.text, range, directives, dialect)?)
            }
            None => None,
        },
    };
    Ok(migration(file, up.checksum().to_owned(), Work::Sql(up), down.map(Work::Sql)))
}

/// Picks the file of a direction: that of the very dialect, of its family, or of none.
fn pick<'f>(files: &[(Named<'_>, &'f File)], side: Side, dialect: &Dialect) -> Option<&'f File> {
    name::pick_dialect(dialect, |suffix| {
        files.iter().find(|(named, _)| named.side == side && named.dialect == suffix).map(|(_, file)| *file)
    })
}

/// Tells whether two files of one version cannot both be.
fn clashes(one: &Named<'_>, other: &Named<'_>) -> bool {
    let one_file = one.side == Side::Both;
    one.name != other.name
        || one_file != (other.side == Side::Both)
        || (one.side == other.side && one.dialect == other.dialect)
}

fn doubled(first: &str, second: &str) -> Error {
    Error::new(ErrorKind::Source, format!("{first} and {second} have the same version"))
        .with_hint("give one of them another version, later than all that have been applied")
}

impl RustMigration {
    fn resolve(&self) -> Result<Migration> {
        let name = name::plain(&self.name)
            .map_err(|message| Error::new(ErrorKind::Source, format!("{}: {message}", self.version)))?;
        let version = Version::new(self.version)
            .ok_or_else(|| Error::new(ErrorKind::Source, format!("{name}: {} is no version", self.version)))?;
        let title = format!("{version}_{name}");
        Ok(Migration {
            id: Id::Version(version),
            name: name.into(),
            file: format!("{title} (Rust)").into(),
            checksum: of_name(&title).into(),
            title: title.into(),
            up: Work::Rust(Arc::clone(&self.up)),
            down: self.down.as_ref().map(|down| Work::Rust(Arc::clone(down))),
        })
    }
}

/// What a migration in Rust does.
pub(crate) type RustStep = Arc<dyn Fn(Tx) -> oarlock_core::BoxFuture<'static, ()> + Send + Sync>;

#[cfg(test)]
mod tests;
