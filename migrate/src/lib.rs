//! Migrations: plain SQL files and Rust, each run once, in order, and finished after any interruption.
//!
//! ```no_run
//! # async fn f(db: &dyn oarlock_core::Db) -> oarlock_migrate::Result<()> {
//! use oarlock_migrate::{Migrator, Source};
//!
//! Migrator::new(Source::directory("migrations")?).run(db).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Files
//!
//! | Path | What it is |
//! |---|---|
//! | `20261121093000_create_users/up.sql`, `…/down.sql` | a migration and its way back |
//! | `20261121093000_create_users.sql` | the same in one file: `-- oarlock: up`, `-- oarlock: down` |
//! | `…/up.postgres.sql`, `….sqlite.sql` | the text for one dialect: `sqlite`, `postgres`, `mysql`, `mariadb`, which takes `mysql` else |
//! | `R__views.sql` | a repeatable migration: it runs after the others, whenever it has changed |
//!
//! The number orders them; other files are left alone. Comments before the first statement may hold directives:
//!
//! | Directive | What it does |
//! |---|---|
//! | `-- oarlock: no-transaction` | each statement commits by itself, for one that cannot be in a transaction; `BEGIN … COMMIT` may stand |
//! | `-- oarlock: lock-timeout=5s` | how long a statement may wait for a lock |
//! | `-- oarlock: allow=call` | on MySQL and MariaDB: the file's CALL (`load-data`, `execute`, `rerun` for anything) may run twice |
//!
//! # What an interruption leaves
//!
//! On SQLite and PostgreSQL a migration is one transaction, with its entry in the history. On MySQL and MariaDB, where DDL commits, and
//! with `no-transaction`, a journal says what is done: data commits together with its line in the journal, and before a
//! statement that commits by itself the journal takes a digest of what the catalog says of the objects that it names. The next run
//! compares: where nothing has changed, the statement runs again. On PostgreSQL an index that was left invalid is dropped first.

mod catalog;
mod dump;
mod engine;
mod error;
mod event;
mod history;
mod migration;
mod migrator;
mod plan;
mod records;
mod script;
mod series;
mod shape;
mod source;
mod status;
mod step;
mod version;

pub use catalog::{Catalog, Kind, Object};
pub use dump::{Dump, Dumped, Load, Loaded};
pub use error::{Error, ErrorKind, Result};
pub use event::Event;
pub use history::Applied;
pub use migration::{Direction, Id, Migration, Work};
pub use migrator::{Done, Migrator, Report};
pub use plan::{Back, Plan};
pub use script::{Directives, Place, Script, Statement};
pub use source::{RustMigration, Seeds, Source};
pub use status::{Entry, State, Status};
pub use step::{Command, Purpose, Step};
pub use version::Version;
