//! SQLite: a file in a directory of the test's own, copied from a template in which the recipe ran once.
//!
//! All of them lie beside the test's executable: builds do not disturb each other, and they go when the build's directory is
//! emptied. Locks are those of files, which end with the process. File system calls wait here: nothing else runs on this thread.

use std::fs::{self, File};
use std::io::ErrorKind as IoError;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oarlock_core::{Error, ErrorKind, Result};

use super::super::recipe::{Key, Recipe, executable, io};
use super::{Name, TEMPLATE, TEMPLATE_LIFE};
use crate::connect;

/// The directory of all test databases.
const ROOT: &str = "oarlock-test";

/// A test's directory with its database.
pub(super) struct Directory {
    root: PathBuf,
    name: Name,
    /// The options of the URL that was given.
    options: String,
    /// Held as long as the directory is in use.
    _lock: File,
}

impl Directory {
    pub(super) async fn make(url: &str, name: &Name, recipe: &Recipe) -> Result<Self> {
        let root = executable()?.with_file_name(ROOT);
        fs::create_dir_all(&root).map_err(io(&root, "made"))?;
        sweep(&root, *name)?;
        let options = url.split_once('?').map(|(_, options)| options).unwrap_or_default();
        let directory = Self::create(&root, *name, options)?;
        if let Some(key) = recipe.key(None)? {
            directory.copy(key, recipe).await?;
        }
        Ok(directory)
    }

    fn create(root: &Path, name: Name, options: &str) -> Result<Self> {
        let failed = io(root, "given a directory for the test");
        let lock = File::create(lock_file(root, &name)).map_err(&failed)?;
        lock.lock().map_err(&failed)?;
        fs::create_dir(root.join(name.to_string())).map_err(&failed)?;
        Ok(Self { root: root.to_owned(), name, options: options.to_owned(), _lock: lock })
    }

    /// Gives the URL of the database. A test has no use for a database that outlives a crash of the system.
    pub(super) fn url(&self) -> Result<String> {
        let file = self.file();
        let path = file.to_str().ok_or_else(|| {
            Error::new(ErrorKind::Configuration, format!("the path {} is not Unicode", file.display()))
        })?;
        let path = path.replace('%', "%25").replace('?', "%3F");
        let synchronous = if self.options.contains("synchronous=") { "" } else { "synchronous=off" };
        let and = if self.options.is_empty() || synchronous.is_empty() { "" } else { "&" };
        Ok(format!("sqlite:{path}?{}{and}{synchronous}", self.options))
    }

    /// Drops the directory.
    pub(super) fn remove(self) -> Result<()> {
        discard(&self.root, &self.name).map_err(io(&self.directory(), "removed"))
    }

    /// Marks the directory as kept.
    pub(super) fn keep(self) -> Result<()> {
        File::create(mark(&self.root, &self.name)).map(drop).map_err(io(&self.directory(), "marked"))
    }

    fn directory(&self) -> PathBuf {
        self.root.join(self.name.to_string())
    }

    fn file(&self) -> PathBuf {
        self.directory().join("test.db")
    }

    /// Copies the recipe's template, which is made where there is none.
    async fn copy(&self, key: Key, recipe: &Recipe) -> Result<()> {
        let template = self.root.join(format!("{TEMPLATE}{:08x}_{:016x}.db", key.origin, key.version));
        loop {
            match fs::copy(&template, self.file()) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == IoError::NotFound => self.build(&template, key, recipe).await?,
                Err(error) => return Err(io(&template, "copied")(error)),
            }
        }
    }

    /// Makes the template elsewhere and then renames it: one that can be seen is complete.
    async fn build(&self, template: &Path, key: Key, recipe: &Recipe) -> Result<()> {
        let failed = io(template, "made");
        let lock = File::create(self.root.join("templates.lock")).map_err(&failed)?;
        lock.lock().map_err(&failed)?;
        if template.exists() {
            return Ok(());
        }
        let versions = format!("{TEMPLATE}{:08x}_", key.origin);
        for old in names(&self.root)?.iter().filter(|name| name.starts_with(&versions)) {
            fs::remove_file(self.root.join(old)).map_err(&failed)?;
        }
        let draft = Self::create(&self.root, Name::new(&versions), &self.options)?;
        let filled = async {
            let db = connect(&draft.url()?).await?;
            recipe.apply(&db).await?;
            db.close().await?;
            fs::rename(draft.file(), template).map_err(&failed)
        };
        let filled = filled.await;
        draft.remove()?;
        filled
    }
}

fn lock_file(root: &Path, name: &Name) -> PathBuf {
    root.join(format!("{name}.lock"))
}

fn mark(root: &Path, name: &Name) -> PathBuf {
    root.join(name.to_string()).join("kept")
}

fn discard(root: &Path, name: &Name) -> std::io::Result<()> {
    fs::remove_dir_all(root.join(name.to_string()))?;
    fs::remove_file(lock_file(root, name))
}

fn names(root: &Path) -> Result<Vec<String>> {
    let failed = io(root, "read");
    let entries = fs::read_dir(root).map_err(&failed)?;
    entries.map(|entry| Ok(entry.map_err(&failed)?.file_name().to_string_lossy().into_owned())).collect()
}

/// Drops what nobody needs any more: see [`Name::is_stale`].
fn sweep(root: &Path, me: Name) -> Result<()> {
    for entry in names(root)? {
        let path = root.join(&entry);
        // Another process may be about it, hence no errors.
        if let Some(name) = Name::parse(&entry) {
            if is_free(&lock_file(root, &name)) && name.is_stale(me, age(&mark(root, &name))) {
                let _ = discard(root, &name);
            }
        } else if entry.starts_with(TEMPLATE) && age(&path).is_some_and(|age| age > TEMPLATE_LIFE) {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

/// Tells whether nobody holds a lock, or its file is gone.
fn is_free(lock: &Path) -> bool {
    File::open(lock).is_ok_and(|file| file.try_lock().is_ok()) || !lock.exists()
}

/// Tells how old a file is; `None` where it does not exist.
fn age(file: &Path) -> Option<Duration> {
    let changed = file.metadata().and_then(|data| data.modified()).ok()?;
    Some(changed.elapsed().unwrap_or_default())
}
