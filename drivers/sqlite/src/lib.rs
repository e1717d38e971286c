//! The SQLite driver of oarlock, on rusqlite with SQLite built in.
//!
//! A program registers [`FACTORY`] (the facade does) and opens `sqlite:` URLs; or it uses [`SqliteConnector`] directly.
//!
//! ```
//! # async fn example() -> oarlock_core::Result<()> {
//! use oarlock_core::factory::Purpose;
//! use oarlock_core::{Conn, DbExt, Url};
//! use oarlock_sqlite::{SqliteConnector, SqliteOptions};
//!
//! let options = SqliteOptions::parse(&Url::parse("sqlite::memory:")?)?;
//! let conn = Conn::new(Box::new(SqliteConnector::new(options, Purpose::Single).open().await?));
//! let (two,): (i64,) = conn.require_one("SELECT ? + 1", (1,)).await?;
//! assert_eq!(two, 2);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # URLs
//!
//! `sqlite:app.db`, `sqlite:///var/lib/app.db`, `sqlite::memory:`. A pool on `sqlite::memory:` has one database for all its
//! connections, which lives as long as the pool.
//!
//! | Option | Values | Default | |
//! |---|---|---|---|
//! | `mode` | `immutable`, `ro`, `rw`, `rwc` | `rwc` | read only while nobody writes; read only; read and write; make the file if it does not exist |
//! | `foreign_keys` | `on`, `off` | `on` | whether foreign keys are enforced |
//! | `busy_timeout` | a duration | `5s` | how long a lock is waited for |
//! | `journal_mode` | `wal`, `delete`, `truncate`, `persist`, `keep` | `wal` | `keep` leaves the file as it is |
//! | `synchronous` | `off`, `normal`, `full`, `extra` | `full` | with `full`, what is committed survives a loss of power; `normal` is faster and may lose the last commits |
//! | `statement_cache` | a number | 256 | prepared statements kept |
//! | `inline` | `on`, `off`, `all` | `on` | whether short statements run on the caller's thread; `off` for files on a network or on slow disks; `all` for scripts, batches and commits too, which nothing stops then |
//! | `trusted` | `on`, `off`, `nothing` | `off` | `on`: the schema may call functions with side effects, and SQL may write to SQLite's own tables; `nothing`: the file may be hostile, see below |
//!
//! A string in double quotes is always an error, and extensions are never loaded. A statement is planned once, whatever is bound to it: after
//! ANALYZE, too, and also where a pattern of LIKE is bound, which is written into the text to be looked up in an index.
//!
//! # Why these defaults
//!
//! They are what a server's database gives without being asked: what is committed stays (`synchronous=full`, which costs a
//! wait for the disk per commit; `normal` is safe against crashes of the program, not of the machine), readers and a writer do
//! not wait for each other (`journal_mode=wal`), references are checked (`foreign_keys`), a lock is waited for
//! (`busy_timeout`), and a transaction that may write takes the write lock when it begins, so that it never fails halfway for
//! want of it.
//!
//! # Files of others
//!
//! A file that somebody else has made can hold more than data: views and triggers, and pages that are made to break what reads
//! them. By default nothing in it may call a function with side effects, and its internals cannot be written to. With
//! `trusted=nothing` the whole file is checked as well when the first connection is opened, which takes as long as reading
//! all of it, and fails with an `Io` error where it is damaged; every page is checked again when it is read; nothing can be
//! attached; and the file is left in its journal mode. Add `mode=ro` where it need not be written to.
//!
//! # Copies, functions, collations
//!
//! [`SqliteExt`] copies a database while it is in use, into a file, from one, or over another connection's. Functions and
//! collations of the program's own belong to [`SqliteOptions`]: each connection of a pool that is made from them has them.
//!
//! # Types
//!
//! SQLite stores integers, floating-point numbers, text and bytes, in any column. What a value means is told by the declared
//! type of its column; an expression has none, and its values are handed out as they are stored.
//!
//! | Value | Bound as | Read back where the column is declared |
//! |---|---|---|
//! | bool | 0 or 1 | `boolean` |
//! | u64 | an integer; past `i64::MAX`, or where the statement touches a `u64_text` column, text of 20 digits | `u64_text` |
//! | decimal | text | `decimal_text`, `decimal`, `numeric` |
//! | UUID | text | `uuid_text`, `uuid` (16 bytes, too) |
//! | JSON | text | `json_text`, `json` |
//! | date, time, datetime | ISO 8601 text, six digits of a second | `date_text`, `time_text`, `datetime_text`, `date`, `time`, `datetime` |
//! | instant | the same in UTC, ending in Z | `timestamp_text`, `timestamp`; text without a zone is taken as UTC, as `CURRENT_TIMESTAMP` is |
//! | span | microseconds | `span_integer` |
//! | interval | an ISO 8601 duration | `duration_text` |
//!
//! A stored value that its column's type does not fit is handed out as it is stored, and a typed read says what it found. A
//! column that is declared `DECIMAL` turns the text `1.10` into the floating-point number 1.1; `decimal_text` keeps it. NaN is
//! refused, as SQLite would store NULL.
//!
//! Text does not compare as the number that it is: `'9' > '10'`, and `'1.0' <> '1.00'`. Every connection has a collation by which it
//! does, exactly and for any number of digits: `ORDER BY price COLLATE oarlock_decimal`, `max(price COLLATE oarlock_decimal)`. Other programs have
//! it not, so keep it out of tables, indexes and views; a comparison by it uses no index for that.
//!
//! # Where statements run
//!
//! Point reads, short writes inside a transaction, and reads that are done in a tenth of a millisecond run on the caller's
//! thread; everything else runs on tokio's threads for blocking work. The program that SQLite makes of a statement tells which
//! is which; nothing has to be configured. A page that has to come from a slow disk is waited for wherever it is asked for.
//!
//! Writers of one process wait for their turn in order, each file for itself, without holding a thread: `begin` takes the
//! turn, and with it SQLite's write lock, so that a transaction never fails halfway for want of it. The wait needs tokio's
//! timer (`enable_time`).
//!
//! # Transactions
//!
//! They are serializable. `begin` without `read_only` begins `IMMEDIATE`. An interrupted write (a call with a timeout, a dropped
//! future) makes SQLite roll back the whole transaction; its guard then refuses further statements.

mod arena;
mod backup;
mod bind;
mod bound;
mod catalog;
mod connection;
mod decimal;
mod decode;
mod error;
mod factory;
mod functions;
mod guard;
mod inline;
mod lent;
mod open;
mod options;
mod parameters;
mod program;
mod queue;
mod run;
mod session;
mod statement;
mod worker;
mod writers;

pub use backup::{Backup, BackupProgress, SqliteExt};
pub use connection::SqliteConnection;
pub use factory::{FACTORY, SqliteConnector, SqliteFactory};
pub use functions::{Aggregate, Arguments, Collation, Function};
pub use options::{Inline, JournalMode, Location, Mode, SqliteOptions, Synchronous, Trust};
