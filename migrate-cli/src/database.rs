//! The way to the database: connecting for a command, creating and dropping it, waiting for its server.

use std::fs;
use std::io::{ErrorKind as IoKind, Read};
use std::ops::Range;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use oarlock::dialect::Flavor;
use oarlock::{BoxFuture, Conn, Db, DbExt, ErrorKind, Lease, Tx, TxOptions, Url, connect_to};
use tokio::sync::OnceCell;

use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// The option of PostgreSQL's by which who waits for the lock is told that a runner has it.
const APPLICATION: &str = "fallback_application_name";

/// The option of SQLite's that says what runs on the caller's thread.
const INLINE: &str = "inline";

/// How long to wait between two questions to a server that is not there yet.
const PAUSE: Duration = Duration::from_millis(200);

/// The database that a URL names.
#[derive(Debug)]
pub(crate) struct Database {
    /// As the user gave it.
    url: Url,
    /// As connections get it.
    target: Url,
    conn: OnceCell<Conn>,
    second: Arc<OnceCell<Conn>>,
}

/// Whether something was done, or had been before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Made,
    None,
}

impl Database {
    pub(crate) fn new(url: Url) -> Self {
        let mut target = url.clone();
        let postgres = matches!(url.scheme(), "postgres" | "postgresql");
        if postgres && url.option(APPLICATION).is_none() {
            target = target.with_option(APPLICATION, "oarlock");
        }
        if url.scheme() == "sqlite" && url.option(INLINE).is_none() {
            // There is nothing else to do meanwhile.
            target = target.with_option(INLINE, "all");
        }
        Self { url, target, conn: OnceCell::new(), second: Arc::default() }
    }

    /// Gives the URL, which shows no password.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Connects. A file of SQLite that is not there is made.
    pub(crate) async fn connect(&self) -> Result<&Conn> {
        self.connect_by(&self.target).await
    }

    /// Tells whether a file of SQLite is there; a server's database is found out by connecting.
    pub(crate) fn may_exist(&self) -> bool {
        self.file().is_none_or(|file| file.exists())
    }

    /// Connects to look only: nothing is written, and a file that is not there is as good as an empty one.
    pub(crate) async fn look(&self) -> Result<&Conn> {
        let Some(file) = self.file() else { return self.connect().await };
        let mut url = self.target.clone();
        if file.exists() {
            // Who reads a write-ahead log makes files beside it, which a file that nobody has open needs not.
            let mode = if is_at_rest(&file) { "immutable" } else { "ro" };
            for (option, value) in [("mode", mode), ("journal_mode", "keep")] {
                url = url.with_option(option, value);
            }
        } else {
            url = url.with_path(":memory:");
            url.take_option("mode");
        }
        self.connect_by(&url).await
    }

    async fn connect_by(&self, url: &Url) -> Result<&Conn> {
        let connected = self.conn.get_or_try_init(|| connect_to(url)).await;
        connected.map_err(|error| self.unreachable(error))
    }

    /// Ends what was connected. SQLite then has all in one file again, and a server is told goodbye.
    pub(crate) async fn close(&self) {
        for conn in [self.conn.get(), self.second.get()].into_iter().flatten() {
            // What was to be done is done, or has failed for a reason that was told.
            drop(conn.close().await);
        }
    }

    /// Gives a second way in, which connects when it is used.
    pub(crate) fn second(&self) -> Second {
        Second { url: self.target.clone(), conn: Arc::clone(&self.second) }
    }

    /// Creates the database.
    pub(crate) async fn create(&self) -> Result<Change> {
        if let Some(file) = self.file() {
            if file.exists() {
                return Ok(Change::None);
            }
            if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                fs::create_dir_all(directory).map_err(|error| {
                    Failure::new(Exit::Failed, format!("{} could not be made: {error}", directory.display()))
                })?;
            }
            self.connect().await?;
            return Ok(Change::Made);
        }
        let (server, name) = self.server().await?;
        let created = server.execute(&format!("CREATE DATABASE {}", quoted(&server, &name)), ()).await;
        let change = match created {
            Ok(_) => Change::Made,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Change::None,
            Err(error) => return Err(error.into()),
        };
        server.close().await?;
        Ok(change)
    }

    /// Drops the database.
    pub(crate) async fn drop(&self, force: bool) -> Result<Change> {
        if let Some(file) = self.file() {
            return remove(&file);
        }
        let (server, name) = self.server().await?;
        let with_force = if force && server.info().dialect.flavor == Flavor::Postgres { " WITH (FORCE)" } else { "" };
        let dropped = server.execute(&format!("DROP DATABASE {}{with_force}", quoted(&server, &name)), ()).await;
        let change = match dropped {
            Ok(_) => Change::Made,
            Err(error) if error.kind() == ErrorKind::ObjectNotFound => Change::None,
            // Others are connected to it.
            Err(error) if error.sqlstate() == Some("55006") => {
                return Err(Failure::from(error).with_hint("end those sessions, or add --force, which does"));
            }
            Err(error) => return Err(error.into()),
        };
        server.close().await?;
        Ok(change)
    }

    /// Waits until the server lets connections in; gives whether the database is there, too.
    pub(crate) async fn wait(&self, limit: Duration) -> Result<bool> {
        if let Some(file) = self.file() {
            return Ok(file.exists());
        }
        let since = Instant::now();
        loop {
            let error = match connect_to(&self.target).await {
                Ok(conn) => {
                    conn.close().await?;
                    return Ok(true);
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::ObjectNotFound => return Ok(false),
                // No time changes those.
                ErrorKind::Configuration | ErrorKind::Authentication | ErrorKind::Tls | ErrorKind::NotSupported => {
                    return Err(self.unreachable(error));
                }
                _ if since.elapsed() >= limit => {
                    return Err(self
                        .unreachable(error)
                        .with_hint(format!("it has been waited for for {limit:?}; --timeout gives it more")));
                }
                _ => tokio::time::sleep(PAUSE.min(limit)).await,
            }
        }
    }

    /// Gives the file of a SQLite database; `None` for one in memory, and for a server's.
    fn file(&self) -> Option<PathBuf> {
        let path = self.url.path();
        (self.url.scheme() == "sqlite" && path != ":memory:" && !path.is_empty()).then(|| PathBuf::from(path))
    }

    /// Connects to the server of the database, which need not exist, and gives the database's name.
    async fn server(&self) -> Result<(Conn, String)> {
        let Some(name) = self.url.database() else {
            return Err(Failure::new(Exit::Usage, format!("{} names no database", self.url)));
        };
        let paths: &[&str] = match self.url.scheme() {
            "postgres" | "postgresql" => &["/postgres", "/template1"],
            "mysql" | "mariadb" => &[""],
            other => {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("no database can be created or dropped by {other} URLs"),
                ));
            }
        };
        let mut last = None;
        for path in paths {
            match connect_to(&self.target.clone().with_path(*path)).await {
                Ok(conn) => return Ok((conn, name.to_owned())),
                Err(error) if error.kind() == ErrorKind::ObjectNotFound => last = Some(error),
                Err(error) => return Err(self.unreachable(error)),
            }
        }
        Err(last
            .map_or_else(|| Failure::new(Exit::Failed, "no database to work from"), |error| self.unreachable(error)))
    }

    /// Says which database could not be reached, and what can be done.
    fn unreachable(&self, error: oarlock::Error) -> Failure {
        let hint = match error.kind() {
            ErrorKind::ObjectNotFound => Some("`create` makes it".to_owned()),
            ErrorKind::ConnectionRefused if error.hint().is_none() => {
                Some(format!("is the server of {} running? `wait` waits for it", self.url))
            }
            ErrorKind::Authentication if error.hint().is_none() => {
                Some(format!("are the user and the password of {} right?", self.url))
            }
            _ => None,
        };
        let missing = error.kind() == ErrorKind::ObjectNotFound;
        let failure = Failure::from(error);
        let failure = if missing { failure.with_exit(Exit::Connection) } else { failure };
        hint.into_iter().fold(failure, Failure::with_hint)
    }
}

/// Removes a file of SQLite with those beside it.
fn remove(file: &Path) -> Result<Change> {
    let mut change = Change::None;
    for suffix in ["-journal", "-wal", "-shm", ""] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        match fs::remove_file(&path) {
            Ok(()) => change = Change::Made,
            Err(error) if error.kind() == IoKind::NotFound => {}
            Err(error) => {
                let path = PathBuf::from(path);
                return Err(Failure::new(Exit::Failed, format!("{} could not be removed: {error}", path.display())));
            }
        }
    }
    Ok(change)
}

fn quoted(server: &Conn, name: &str) -> String {
    server.info().dialect.quote_identifier(name)
}

/// A connection that is made when it is used: most runs need none.
#[derive(Debug)]
pub(crate) struct Second {
    url: Url,
    conn: Arc<OnceCell<Conn>>,
}

impl Second {
    async fn conn(&self) -> oarlock::Result<&Conn> {
        self.conn.get_or_try_init(|| connect_to(&self.url)).await
    }
}

/// Tells whether a file is in the mode of a write-ahead log, and has none: whoever has it open last takes the log away.
fn is_at_rest(file: &Path) -> bool {
    const VERSIONS: Range<usize> = 18..20;
    let mut header = [0; VERSIONS.end];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut header));
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    read.is_ok() && header[VERSIONS] == [2, 2] && !Path::new(&log).exists()
}

impl Db for Second {
    fn lease(&self) -> BoxFuture<'_, Lease> {
        Box::pin(async { self.conn().await?.lease().await })
    }

    fn begin_with(&self, options: TxOptions) -> BoxFuture<'_, Tx> {
        Box::pin(async move { self.conn().await?.begin_with(options).await })
    }

    fn lease_at(&self, site: &'static Location<'static>) -> BoxFuture<'_, Lease> {
        Box::pin(async move { self.conn().await?.lease_at(site).await })
    }
}
