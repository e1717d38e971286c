//! Copying a database while it is in use, a few pages at a time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oarlock_core::{Db, Error, ErrorKind, Lease, Result, TxState};
use rusqlite::backup::{Backup as Native, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::connection::SqliteConnection;
use crate::error::from_rusqlite;
use crate::guard::Guard;
use crate::lent::Lent;
use crate::session::Session;

/// How a database is copied.
///
/// Between two steps others may read and write; a reader's snapshot keeps a file with a write-ahead log (the default) as it
/// was at the beginning. A file with another journal that is changed meanwhile is copied from its start again.
#[derive(Default)]
#[must_use]
pub struct Backup {
    pages: Option<i32>,
    pause: Duration,
    report: Option<Box<dyn FnMut(BackupProgress) + Send>>,
}

/// How far a copy has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupProgress {
    /// The pages that are copied.
    pub copied: u64,
    /// The pages that there are in all; it may change while the database does.
    pub total: u64,
}

/// The pages of a step where nothing else is asked for: 1 MiB, if pages have 4 KiB.
const PAGES: i32 = 256;

impl Backup {
    /// Copies 256 pages at a time, without a pause.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many pages are copied at a time; 0 counts as 1.
    pub fn pages(mut self, pages: u16) -> Self {
        self.pages = Some(i32::from(pages.max(1)));
        self
    }

    /// Sets how long to rest after each step: the disk is others' too.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Tells of the progress after each step, on the thread that copies.
    pub fn progress(mut self, report: impl FnMut(BackupProgress) + Send + 'static) -> Self {
        self.report = Some(Box::new(report));
        self
    }

    fn tell(&mut self, backup: &Native<'_, '_>) {
        if let Some(report) = &mut self.report {
            let progress = backup.progress();
            let pages = |count| u64::try_from(count).unwrap_or(0);
            report(BackupProgress {
                copied: pages(progress.pagecount.saturating_sub(progress.remaining)),
                total: pages(progress.pagecount),
            });
        }
    }

    fn copy(mut self, from: &Connection, to: &mut Connection, guard: &Guard) -> Result<()> {
        let native = |error| from_rusqlite(error, None);
        let pages = self.pages.unwrap_or(PAGES);
        let _snapshot = Snapshot::take(from).map_err(native)?;
        let backup = Native::new(from, to).map_err(native)?;
        let mut moved = Instant::now();
        loop {
            if guard.stopped() {
                return Err(Error::new(ErrorKind::Cancelled, "the copy was stopped"));
            }
            match backup.step(pages).map_err(native)? {
                StepResult::Done => {
                    self.tell(&backup);
                    return Ok(());
                }
                StepResult::More => {
                    self.tell(&backup);
                    moved = Instant::now();
                    std::thread::sleep(self.pause);
                }
                _ if moved.elapsed() >= guard.busy_timeout() => {
                    return Err(Error::new(
                        ErrorKind::LockTimeout,
                        "the copy waits for a lock on one of the databases",
                    )
                    .with_hint("end what holds it, or raise the option busy_timeout"));
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn copy_to_file(self, session: &Session, path: &Path) -> Result<()> {
        if session.is_file(path) {
            return Err(Error::interface(format!("{} is the database itself", path.display())));
        }
        let is_new = !path.exists();
        let copied = file(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
            .and_then(|mut to| self.copy(&session.db, &mut to, &session.guard));
        if copied.is_err() && is_new {
            // What SQLite has made of it is an empty database, which somebody could take for the copy.
            let _ = std::fs::remove_file(path);
        }
        copied
    }
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup").field("pages", &self.pages).field("pause", &self.pause).finish_non_exhaustive()
    }
}

/// A reader's view of a file, until it is dropped. Without a write-ahead log it would keep writers out, and is not taken.
struct Snapshot<'c>(Option<&'c Connection>);

impl<'c> Snapshot<'c> {
    fn take(db: &'c Connection) -> rusqlite::Result<Self> {
        let mode: String = db.query_row("PRAGMA main.journal_mode", [], |row| row.get(0))?;
        if mode != "wal" {
            return Ok(Self(None));
        }
        db.execute_batch("BEGIN")?;
        let snapshot = Self(Some(db));
        db.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))?;
        Ok(snapshot)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(db) = self.0
            && let Err(error) = db.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "the snapshot of a copy could not be given up");
        }
    }
}

fn file(path: &Path, access: OpenFlags) -> Result<Connection> {
    Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| from_rusqlite(error, None).context(format_args!("{}", path.display())))
}

impl SqliteConnection {
    /// Copies the database into a file: see [`SqliteExt::backup_to`].
    ///
    /// # Errors
    ///
    /// As [`SqliteExt::backup_to`].
    pub async fn backup_to(&mut self, path: impl Into<PathBuf>, backup: Backup) -> Result<()> {
        self.idle().await?;
        let path = path.into();
        self.call(move |session| backup.copy_to_file(session, &path)).await
    }

    /// Copies the database over another connection's: see [`SqliteExt::backup_into`].
    ///
    /// # Errors
    ///
    /// As [`SqliteExt::backup_into`].
    pub async fn backup_into(&mut self, other: &mut Self, backup: Backup) -> Result<()> {
        self.idle().await?;
        other.idle().await?;
        other.take_turn().await?;
        let mut lent: Lent = other.lend()?;
        let copied = self.call(move |session| match lent.session() {
            Some(to) if session.is_same(to) => Err(Error::interface("both connections have the same database")),
            Some(to) => {
                let copied = backup.copy(&session.db, &mut to.db, &session.guard);
                to.changed();
                copied
            }
            None => Ok(()),
        });
        let copied = copied.await;
        poll_fn(|cx| other.poll_home(cx)).await?;
        copied
    }

    /// Copies a file over the database: see [`SqliteExt::restore_from`].
    ///
    /// # Errors
    ///
    /// As [`SqliteExt::restore_from`].
    pub async fn restore_from(&mut self, path: impl Into<PathBuf>, backup: Backup) -> Result<()> {
        self.idle().await?;
        self.take_turn().await?;
        let path = path.into();
        self.call(move |session| {
            if session.is_file(&path) {
                return Err(Error::interface(format!("{} is the database itself", path.display())));
            }
            let from = file(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let copied = backup.copy(&from, &mut session.db, &session.guard);
            session.changed();
            copied
        })
        .await
    }

    /// Requires that no transaction is open.
    async fn idle(&mut self) -> Result<()> {
        match self.recover().await?.tx_state() {
            TxState::Auto => Ok(()),
            _ => Err(Error::interface("a transaction is open").with_hint("commit or roll it back before the copy")),
        }
    }
}

/// What SQLite alone can do, on whatever runs statements: a pool or a connection.
///
/// # Cancellation
///
/// Where the future is dropped, the copy is stopped after its step: a new file is removed, and a database that was there is
/// as it was.
pub trait SqliteExt: Db {
    /// Copies the database into a file, while it is in use. A database that is there is replaced in one transaction, with
    /// the last step.
    ///
    /// # Errors
    ///
    /// `NotSupported` on another database, `Interface` in a transaction, `LockTimeout`, and what SQLite tells of the file.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(db: &dyn oarlock_core::Db) -> oarlock_core::Result<()> {
    /// use oarlock_sqlite::{Backup, SqliteExt};
    ///
    /// db.backup_to("nightly.db", Backup::new().progress(|at| println!("{} of {}", at.copied, at.total))).await
    /// # }
    /// ```
    fn backup_to<'a>(
        &'a self,
        path: impl Into<PathBuf> + Send + 'a,
        backup: Backup,
    ) -> impl Future<Output = Result<()>> + Send + 'a {
        async move { sqlite(&mut self.lease().await?)?.backup_to(path, backup).await }
    }

    /// Copies the database over another one, which is in one transaction: a database in memory into a file that is open, or
    /// the other way round.
    ///
    /// # Errors
    ///
    /// As [`backup_to`](Self::backup_to); `Interface` where both are the same connection.
    fn backup_into<'a>(&'a self, other: &'a dyn Db, backup: Backup) -> impl Future<Output = Result<()>> + Send + 'a {
        async move {
            let mut from = self.lease().await?;
            let mut to = other.lease().await?;
            sqlite(&mut from)?.backup_into(sqlite(&mut to)?, backup).await
        }
    }

    /// Copies a database file over this database, in one transaction. The file is trusted no more than this connection's
    /// [`trusted`](crate::SqliteOptions::trusted) says.
    ///
    /// # Errors
    ///
    /// As [`backup_to`](Self::backup_to).
    fn restore_from<'a>(
        &'a self,
        path: impl Into<PathBuf> + Send + 'a,
        backup: Backup,
    ) -> impl Future<Output = Result<()>> + Send + 'a {
        async move { sqlite(&mut self.lease().await?)?.restore_from(path, backup).await }
    }
}

impl<D: Db + ?Sized> SqliteExt for D {}

fn sqlite(lease: &mut Lease) -> Result<&mut SqliteConnection> {
    let name = lease.info().name;
    let driver = lease.connection().driver().and_then(|driver| driver.downcast_mut());
    driver.ok_or_else(|| Error::not_supported(format!("{name} is not oarlock's driver of sqlite")))
}
