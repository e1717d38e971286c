//! libpq's password file: `host:port:database:user:password` on each line, `*` for any.

use std::path::{Path, PathBuf};

use crate::options::SOCKET_DIRECTORIES;

/// A password file's lines.
#[derive(Debug, Default)]
pub(crate) struct PassFile {
    text: String,
}

impl PassFile {
    /// Reads the file that is named, by the URL or `PGPASSFILE`, or else the one in the user's home.
    pub(crate) fn find_file(named: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let path = named.map(PathBuf::from).or_else(|| env("PGPASSFILE").map(PathBuf::from));
        path.or_else(|| Self::default_path(env)).map(|path| Self::read(&path))
    }

    /// Gives the place where libpq looks for the file.
    fn default_path(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
        if cfg!(windows) {
            return env("APPDATA").map(|folder| Path::new(&folder).join("postgresql").join("pgpass.conf"));
        }
        env("HOME").map(|home| Path::new(&home).join(".pgpass"))
    }

    /// Reads a file. As in libpq, one that is not there, is no plain file or is open to others counts as empty.
    fn read(path: &Path) -> Self {
        let Ok(about) = std::fs::metadata(path) else {
            return Self::default();
        };
        if !about.is_file() {
            tracing::warn!(path = %path.display(), "the password file is not a plain file and was ignored");
            return Self::default();
        }
        if is_open_to_others(&about) {
            tracing::warn!(path = %path.display(), "the password file is open to others and was ignored; set its mode to 0600");
            return Self::default();
        }
        Self { text: std::fs::read_to_string(path).unwrap_or_default() }
    }

    /// Finds the password of the first line that fits.
    pub(crate) fn find(&self, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        let port = port.to_string();
        // libpq looks the default sockets up under this name; any other directory stands as it is.
        let host = if SOCKET_DIRECTORIES.contains(&host) { "localhost" } else { host };
        self.text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let mut rest = line;
            for wanted in [host, &port, database, user] {
                let (field, after) = split_field(rest)?;
                if field != "*" && unescape(field) != wanted {
                    return None;
                }
                rest = after;
            }
            let password = split_field(rest).map_or(rest, |(password, _)| password);
            Some(unescape(password)).filter(|password| !password.is_empty())
        })
    }
}

/// Cuts at the first colon that no backslash escapes.
fn split_field(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => return Some((&text[..index], &text[index + 1..])),
            _ => {}
        }
    }
    None
}

fn unescape(field: &str) -> String {
    let mut characters = field.chars();
    let mut plain = String::with_capacity(field.len());
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        });
    }
    plain
}

#[cfg(unix)]
fn is_open_to_others(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_wins() {
        let text =
            "# comment\nh:5432:shop:ada:one\nh:*:*:ada:two\nlocalhost:*:*:*:socket\n*:*:*:*:any\\:th\\\\ing\nbroken";
        let file = PassFile { text: text.to_owned() };
        for (host, port, database, user, password) in [
            ("h", 5432, "shop", "ada", "one"),
            ("h", 5433, "shop", "ada", "two"),
            ("/tmp", 5432, "x", "y", "socket"),
            ("other", 1, "x", "y", r"any:th\ing"),
        ] {
            assert_eq!(file.find(host, port, database, user).as_deref(), Some(password), "{host}:{port}");
        }
        assert_eq!(PassFile { text: "a:1:b:c:d".to_owned() }.find("a", 2, "b", "c"), None);
        assert_eq!(PassFile { text: r"\::*:*:*:p".to_owned() }.find("\\", 1, "b", "c"), None);
        assert_eq!(PassFile { text: r"a\:b:*:*:*:p".to_owned() }.find("a:b", 1, "b", "c").as_deref(), Some("p"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_ignored() -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("oarlock-pgpass-{}", std::process::id()));
        std::fs::write(&path, "*:*:*:*:secret\n")?;
        for (mode, found) in [(0o644, None), (0o600, Some("secret"))] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
            assert_eq!(PassFile::read(&path).find("h", 1, "d", "u").as_deref(), found, "{mode:o}");
        }
        std::fs::remove_file(&path)?;
        assert!(PassFile::read(&path).text.is_empty());
        Ok(())
    }
}
