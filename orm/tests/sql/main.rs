//! The SQL of everything that the builder has a word for, on every kind of database, as a person would review it: `snapshots/`.
//!
//! A change of the SQL shows up as a difference there; `INSTA_UPDATE=always cargo test -p oarlock-orm --test sql` writes it down anew.

mod models;
mod page;
mod reads;
mod relations;
mod writes;
