//! Where the database and the files are: from the command line, the environment, and `.env`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use oarlock::Url;

use crate::arguments::Options;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::output::Output;

const URL: &str = "DATABASE_URL";
const DIRECTORY: &str = "OARLOCK_MIGRATIONS";

/// Where the database and the files are.
#[derive(Debug)]
pub(crate) struct Settings {
    url: Option<(String, &'static str)>,
    directory: PathBuf,
}

impl Settings {
    /// Collects them. What the command line says goes before the environment, and that before `.env`.
    pub(crate) fn collect(options: &Options) -> Result<Self> {
        let variables = match &options.env_file {
            Some(path) => read(path)?,
            None => nearest()?,
        };
        let variable = |name: &str| {
            std::env::var(name).ok().or_else(|| variables.get(name).cloned()).filter(|value| !value.is_empty())
        };
        let url = match &options.database_url {
            Some(url) => {
                warn_of_password(url);
                Some((url.clone(), "--database-url"))
            }
            None => variable(URL).map(|url| (url, URL)),
        };
        let directory = options.dir.clone().or_else(|| variable(DIRECTORY).map(PathBuf::from));
        Ok(Self { url, directory: directory.unwrap_or_else(|| PathBuf::from("migrations")) })
    }

    /// Gives the URL of the database.
    pub(crate) fn url(&self) -> Result<Url> {
        let Some((url, from)) = &self.url else {
            return Err(Failure::new(Exit::Usage, "no database is named").with_hint(format!(
                "set {URL} in the environment or in a file .env, such as {URL}=sqlite:app.db, or give --database-url"
            )));
        };
        Url::parse(url).map_err(|error| {
            let failure = Failure::new(Exit::Usage, format!("{from}: {}", error.message()));
            error.hint().into_iter().fold(failure, Failure::with_hint)
        })
    }

    /// Gives the directory of the migrations.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Reads the file `.env` here or in the nearest directory above that has one.
fn nearest() -> Result<HashMap<String, String>> {
    let Ok(here) = std::env::current_dir() else { return Ok(HashMap::new()) };
    let found = here.ancestors().map(|directory| directory.join(".env")).find(|path| path.is_file());
    found.map_or_else(|| Ok(HashMap::new()), |path| read(&path))
}

fn read(path: &Path) -> Result<HashMap<String, String>> {
    let unreadable = |error: dotenvy::Error| {
        let failed = |message: String| Failure::new(Exit::Usage, format!("{}: {message}", path.display()));
        match error {
            dotenvy::Error::Io(error) if error.kind() == ErrorKind::NotFound => {
                failed("there is no such file".to_owned())
            }
            dotenvy::Error::Io(error) => failed(error.to_string()),
            // It would repeat the line, which may hold a password.
            _ => failed("a line is not understood".to_owned())
                .with_hint("each line is NAME=value, with quotes around a value that has spaces, # or $"),
        }
    };
    let mut variables = HashMap::new();
    for pair in dotenvy::from_path_iter(path).map_err(unreadable)? {
        let (name, value) = pair.map_err(unreadable)?;
        variables.entry(name).or_insert(value);
    }
    Ok(variables)
}

/// Warns of a password on the command line, which the machine's other users see in the list of processes.
fn warn_of_password(url: &str) {
    let has_one = Url::parse(url).is_ok_and(|url| url.password().is_some() || url.to_string().contains("=***"));
    if has_one {
        Output::warn(format_args!(
            "the password in --database-url is seen by others in the list of processes, and kept by your shell: set {URL} instead"
        ));
    }
}
