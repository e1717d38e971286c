//! The ORM of oarlock: models, typed queries, relations and writes over the contract, with SQL that is rendered once.
//!
//! A struct derives `Model`; a query is a [`shape`](query::Select) of postfix programs ([`Op`](expr::Op)) beside the values that they
//! bind. A shape is written as SQL by sea-query the first time that it is run on a kind of database, and looked up by comparison from
//! then on. Rows go straight from the driver's buffer into the struct, by place.

#[doc(hidden)]
pub mod __private;
pub mod expr;
pub mod model;
pub mod query;
pub mod relation;
mod render;
pub mod schema;
pub mod sea;
pub mod sql;
#[cfg(feature = "store")]
mod store;
pub mod validate;
pub mod write;

pub use sea_query;

pub use expr::{Argument, Column, Expr, Order};
pub use model::Model;
pub use query::Query;
pub use relation::{BelongsTo, HasMany, HasOne, ManyToMany};
pub use schema::create_tables;
pub use validate::{Hooks, Invalid};
pub use write::{Create, Draft, Update, UpdateMany, Upsert};

/// Passes on what `derive(Model)` writes for a record store.
#[cfg(feature = "store")]
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($($item:item)*) => { $($item)* };
}

/// Leaves out what `derive(Model)` writes for a record store: without the feature `store` nobody pays for it.
#[cfg(not(feature = "store"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($($item:tt)*) => {};
}
