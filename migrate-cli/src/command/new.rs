//! `new`: the files of a new migration.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Context;
use crate::arguments::New;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::timestamp::Timestamp;

/// The files that were written, for programs.
#[derive(Debug, Serialize)]
struct Document {
    files: Vec<String>,
}

pub(super) fn write(context: &Context, asked: &New) -> Result<Exit> {
    let directory = context.settings.directory();
    let name = plain(&asked.name)?;
    let title = if asked.repeatable {
        format!("R__{name}")
    } else {
        format!("{}_{name}", next(&versions(directory)?, Timestamp::now().number()))
    };
    let written = write_all(directory, &files(asked, &title))?;
    for path in &written {
        context.output.line(path.display());
    }
    context.output.document(&Document { files: written.iter().map(|path| path.display().to_string()).collect() });
    Ok(Exit::Done)
}

/// Writes files that are not there yet, and gives their paths.
pub(super) fn write_all(directory: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>> {
    let mut written = Vec::with_capacity(files.len());
    for (path, text) in files {
        let path = directory.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let opened = made.and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path));
        let filled = opened.and_then(|mut file| file.write_all(text.as_bytes()));
        match filled {
            Ok(()) => written.push(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(Failure::new(Exit::Files, format!("{} is there already", path.display()))
                    .with_hint("choose another name, or edit that file"));
            }
            Err(error) => {
                return Err(Failure::new(Exit::Files, format!("{} could not be written: {error}", path.display())));
            }
        }
    }
    Ok(written)
}

/// Lists the files of a migration with what is in them at first.
fn files(asked: &New, title: &str) -> Vec<(String, String)> {
    let suffixes = if asked.dialects.is_empty() {
        vec![String::new()]
    } else {
        asked.dialects.iter().map(|dialect| format!(".{}", dialect.name())).collect()
    };
    let mut files = Vec::new();
    for suffix in suffixes {
        if asked.repeatable {
            files.push((format!("{title}{suffix}.sql"), String::new()));
        } else if asked.one_file {
            files.push((format!("{title}{suffix}.sql"), "-- oarlock: up\n\n-- oarlock: down\n".to_owned()));
        } else {
            files.push((format!("{title}/up{suffix}.sql"), String::new()));
            files.push((format!("{title}/down{suffix}.sql"), String::new()));
        }
    }
    files
}

/// Makes a name of what was given: `add phone to users` may be written as one likes.
fn plain(given: &str) -> Result<String> {
    let name: String = given.trim().chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect();
    let wrong = name.chars().find(|c| !c.is_alphanumeric() && !['_', '-'].contains(c));
    match wrong {
        None if !name.is_empty() => Ok(name),
        wrong => {
            let what =
                wrong.map_or("the name is empty".to_owned(), |c| format!("{c:?} cannot stand in a migration's name"));
            Err(Failure::new(Exit::Usage, what).with_hint("write letters, digits, _ and -, such as create_users"))
        }
    }
}

/// Lists the versions in a directory, as they are written. One that is not there has none.
fn versions(directory: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::new(Exit::Files, format!("{}: {error}", directory.display()))),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let versions = names.filter_map(|name| {
        let (version, _) = name.split_once('_')?;
        version.bytes().all(|byte| byte.is_ascii_digit()).then(|| version.to_owned())
    });
    Ok(versions.filter(|version| !version.is_empty()).collect())
}

/// Gives the version after those that there are: the time, or, where these count from one, the next number with as many digits.
fn next(versions: &[String], now: i64) -> String {
    const YEAR_ONE: i64 = 1_000_000_000;
    let latest = versions.iter().filter_map(|version| Some((version.parse::<i64>().ok()?, version.len()))).max();
    match latest {
        Some((latest, width)) if latest < YEAR_ONE => format!("{:0width$}", latest + 1),
        // Two within a second, or one from a clock that is ahead.
        Some((latest, _)) if latest >= now => latest.saturating_add(1).to_string(),
        _ => now.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_follows_those_that_there_are() {
        const NOW: i64 = 20_261_121_093_000;
        for (versions, version) in [
            (&[][..], "20261121093000"),
            (&["20250101000000"], "20261121093000"),
            (&["20261121093000"], "20261121093001"),
            (&["0001", "0010", "0009"], "0011"),
            (&["1", "2"], "3"),
            (&["99"], "100"),
        ] {
            let versions: Vec<String> = versions.iter().map(|version| (*version).to_owned()).collect();
            assert_eq!(next(&versions, NOW), version);
        }
    }

    #[test]
    fn a_name_is_letters_digits_and_dashes() {
        assert_eq!(plain(" add phone to users ").ok().as_deref(), Some("add_phone_to_users"));
        assert_eq!(plain("größe-2").ok().as_deref(), Some("größe-2"));
        for wrong in ["", "a/b", "..", "a.sql", "a'b"] {
            assert!(plain(wrong).is_err(), "{wrong:?}");
        }
    }
}
