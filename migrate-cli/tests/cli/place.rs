//! A directory with a database of its own, in which the program runs.

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use oarlock::Url;
use oarlock_conformance::require_server;
use tempfile::TempDir;

/// What a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    MySql,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }
}

/// A directory with a database.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) url: String,
    directory: TempDir,
}

/// What a run of the program has left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Makes a directory whose `.env` names a database that is not there yet; `None` where there is no server, which has been
    /// reported then.
    pub(crate) fn empty(engine: Engine) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("oarlock_cli_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let url = match engine {
            Engine::Sqlite => "sqlite:place.db".to_owned(),
            Engine::Postgres => with_database(&require_server("OARLOCK_TEST_POSTGRES_URL")?, &name),
            Engine::MySql => with_database(&require_server("OARLOCK_TEST_MYSQL_URL")?, &name),
        };
        let place = Self { engine, url, directory: TempDir::new().unwrap() };
        place.write(".env", &format!("DATABASE_URL={}\n", place.url));
        Some(place)
    }

    /// Makes a directory with an empty database.
    pub(crate) fn with_database(engine: Engine) -> Option<Self> {
        let place = Self::empty(engine)?;
        place.ok(&["create"]);
        Some(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file, and the directories above it.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a migration with both ways.
    pub(crate) fn migration(&self, title: &str, up: &str, down: &str) {
        self.write(&format!("migrations/{title}/up.sql"), up);
        self.write(&format!("migrations/{title}/down.sql"), down);
    }

    /// Writes two migrations that every engine takes.
    pub(crate) fn two_migrations(&self) {
        self.migration(
            "1_users",
            "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(80) NOT NULL);\n",
            "DROP TABLE users;\n",
        );
        self.migration("2_ada", "INSERT INTO users VALUES (1, 'Ada');\n", "DELETE FROM users WHERE id = 1;\n");
    }

    /// Prepares a run of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oarlock"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for name in ["DATABASE_URL", "OARLOCK_MIGRATIONS", "NO_COLOR", "CLICOLOR_FORCE", "TERM"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs what has to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "oarlock {arguments:?}: {ran:?}");
        ran.stdout
    }

    /// Starts the program, and gives it once it has told of a statement that it sends.
    pub(crate) fn until_statement(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("statement ") {
            line.clear();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the program has ended before its statement");
        }
        Running { child, _stderr: stderr }
    }

    /// Runs commands one after the other, and gives what a user would have seen: `$` before what was typed, `!` before what came
    /// on standard error, and the exit code where it is not 0.
    pub(crate) fn transcript(&self, commands: &[&[&str]]) -> String {
        let mut transcript = String::new();
        for arguments in commands {
            let ran = self.run(arguments);
            let _ = writeln!(transcript, "$ oarlock {}", arguments.join(" "));
            transcript.push_str(&ran.stdout);
            for line in ran.stderr.lines() {
                let _ = writeln!(transcript, "! {line}");
            }
            if ran.code != Some(0) {
                let _ = writeln!(transcript, "exit code {:?}", ran.code.unwrap());
            }
            transcript.push('\n');
        }
        self.anonymous(&transcript)
    }

    /// Takes out of a text where this test ran.
    pub(crate) fn anonymous(&self, text: &str) -> String {
        let shown = Url::parse(&self.url).unwrap();
        let mut text = text.replace(&self.url, "[url]").replace(&shown.to_string(), "[url]");
        if let Some(name) = shown.database().filter(|_| self.engine != Engine::Sqlite) {
            text = text.replace(name, "[database]");
        }
        let here = fs::canonicalize(self.path()).unwrap();
        text.replace(&here.display().to_string(), "[here]").replace(&self.path().display().to_string(), "[here]")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.engine != Engine::Sqlite {
            drop(self.command(&["drop", "--yes", "--force", "--if-exists", "-u", &self.url]).output());
        }
    }
}

/// A run that goes on, and is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    // A program whose reader is gone could not go on writing.
    _stderr: BufReader<ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts another database into a server's URL.
fn with_database(url: &str, name: &str) -> String {
    let (place, options) =
        url.split_once('?').map_or((url, String::new()), |(place, options)| (place, format!("?{options}")));
    let host = place.find("//").map_or(0, |slashes| slashes + 2);
    let end = place[host..].find('/').map_or(place.len(), |slash| host + slash);
    format!("{}/{name}{options}", &place[..end])
}

/// Compares with a snapshot, but for what differs from run to run.
macro_rules! assert_told {
    ($name:expr, $text:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.add_filter(r"20\d{12}", "[version]");
        settings.add_filter(r"advisory_xact_lock\(-?\d+\)", "advisory_xact_lock([key])");
        settings.add_filter(r"(MariaDB|MySQL) server version", "server version");
        settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[at]");
        settings.add_filter(r"\b\d+(\.\d)? (ms|s)\b", "[time]");
        settings.add_filter(r#""duration_ms": \d+"#, r#""duration_ms": "[ms]""#);
        settings.add_filter(r"process \d+", "process [pid]");
        settings.add_filter(r"connection \d+", "connection [id]");
        settings.add_filter(r"oarlock \d+\.\d+\.\d+", "oarlock [release]");
        settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]");
        settings.bind(|| insta::assert_snapshot!($name, $text));
    }};
}
pub(crate) use assert_told;

/// Makes a test on every engine of each function named, which takes an [`Engine`].
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use crate::place::Engine;

            #[test]
            fn on_sqlite() {
                super::$test(Engine::Sqlite);
            }

            #[test]
            fn on_postgres() {
                super::$test(Engine::Postgres);
            }

            #[test]
            fn on_mysql() {
                super::$test(Engine::MySql);
            }
        }
    )+};
}
pub(crate) use on_every_engine;
