//! The model as DDL, in each dialect.
//!
//! Every function gives statements without a semicolon, to be run one by one in their order. All names are quoted, all
//! constants are written so that no setting of the session changes their meaning. What a dialect has no words for is a
//! `NotSupported` error that names table, column and what to do instead; nothing is left out in silence but comments on
//! SQLite, which keeps none.
//!
//! - **SQLite**: tables are not STRICT. The declared name of a column carries its type, its affinity leaves the stored
//!   form alone, and a `CHECK (typeof(…) …)` guards it ([`settle`](super::settle) takes the guards off what a catalog
//!   found). Dates are ISO 8601 with `T`, instants end in `Z`, both with six digits after the point, so that text sorts
//!   as time does. A primary key of one `integer` column is the rowid whether numbered or not: SQLite gives a number
//!   where NULL is inserted.
//! - **MySQL, MariaDB**: `InnoDB`, `utf8mb4`, and the collation that compares by code point with trailing blanks. Text is
//!   `LONGTEXT`, as no other engine ends at the 64 KiB of `TEXT`; a key needs `VARCHAR`. `TIMESTAMP` columns expect
//!   `explicit_defaults_for_timestamp=ON`, the default of MySQL 8 and MariaDB 10.10, without which the server gives the
//!   first of them `ON UPDATE CURRENT_TIMESTAMP`: DDL has no words against it, so a session sets the variable.
//! - **PostgreSQL**: identity columns rather than `serial`; enums as text with a check unless they are
//!   [`native`](super::EnumType::native).

// One small string per statement of DDL, which is run once: that it reads like the SQL is worth more.
#![allow(clippy::format_push_string)]

mod alter;
mod column;
mod constraint;
pub(super) mod engine;
mod index;
pub(super) mod literal;
mod order;
mod table;
mod types;
mod validate;
mod view;

pub use alter::{
    add_check, add_column, add_foreign_key, add_primary_key, add_unique, drop_check, drop_column, drop_foreign_key,
    drop_primary_key, drop_unique, rename_column, rename_table,
};
pub use column::{column_definition, column_type};
pub use index::{create_index, drop_index};
pub use order::{create_schema, drop_schema};
pub use table::{create_table, drop_table};
pub use view::{create_enum, create_sequence, create_view, drop_enum, drop_sequence, drop_view};

pub(super) use index::nulls_by_default;
pub(super) use types::MYSQL_ENUM_WIDTH;
