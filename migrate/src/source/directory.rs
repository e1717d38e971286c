//! Reads a directory of migrations. Files are read at once: there are few, and whoever migrates waits for them anyway.

use std::fs;
use std::path::{Path, PathBuf};

use super::{File, Source};
use crate::script::Text;
use crate::{Error, ErrorKind, Result};

impl Source {
    /// Reads a directory: its files, and those of the directories in it.
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) for what cannot be read; [`Source`](ErrorKind::Source) for a link that leads out of the directory, a
    /// file that is not UTF-8, and a name that is not.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let root = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
        let mut files = Vec::new();
        for entry in entries(&root, path)? {
            if entry.is_directory {
                for inner in entries(&root, &entry.path)? {
                    take(&mut files, format!("{}/{}", entry.name, inner.name), &inner)?;
                }
            } else {
                take(&mut files, entry.name.clone(), &entry)?;
            }
        }
        Ok(Self { files, rust: Vec::new() })
    }
}

/// Reads the files of SQL that stand in a directory itself.
pub(super) fn files_in(path: &Path) -> Result<Vec<(String, Text)>> {
    let root = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
    let mut files = Vec::new();
    for entry in entries(&root, path)? {
        take(&mut files, entry.name.clone(), &entry)?;
    }
    Ok(files.into_iter().map(|file| (file.path, file.text)).collect())
}

fn take(files: &mut Vec<File>, path: String, entry: &Entry) -> Result<()> {
    let Entry { path: entry, is_directory, .. } = entry;
    if entry.extension().is_none_or(|extension| extension != "sql") || *is_directory {
        return Ok(());
    }
    let bytes = fs::read(entry).map_err(|error| unreadable(entry, error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::new(ErrorKind::Source, format!("{} is not UTF-8: byte {at} is part of no character", entry.display()))
            .with_hint("save the file as UTF-8")
    })?;
    files.push(File { path, text: Text::new(&entry.display().to_string(), &text) });
    Ok(())
}

/// What stands in a directory.
struct Entry {
    name: String,
    path: PathBuf,
    is_directory: bool,
}

/// Lists a directory by name, so that the order does not depend on the file system. Only links are followed: hundreds of files
/// would each take several calls of the system's otherwise.
fn entries(root: &Path, directory: &Path) -> Result<Vec<Entry>> {
    let failed = |error| unreadable(directory, error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string().map_err(|name| {
            Error::new(ErrorKind::Source, format!("the name of {} is not Unicode", directory.join(name).display()))
        })?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if kind.is_symlink() {
            inside(root, &path)?;
        }
        let is_directory = if kind.is_symlink() { path.is_dir() } else { kind.is_dir() };
        entries.push(Entry { name, path, is_directory });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Refuses a link that leads out of the directory of migrations.
fn inside(root: &Path, entry: &Path) -> Result<()> {
    let real = fs::canonicalize(entry).map_err(|error| unreadable(entry, error))?;
    if real.starts_with(root) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Source, format!("{} is a link out of the directory of migrations", entry.display()))
        .with_hint("put the file itself there"))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{} cannot be read", path.display())).with_source(error)
}
