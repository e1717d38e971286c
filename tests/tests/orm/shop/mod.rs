//! A shop of fifteen tables and thousands of rows. The same data is kept in Rust, and what the ORM gives is compared with what loops over it
//! give: on every engine, by value.

#![allow(
    clippy::too_many_lines,
    reason = "each test tells one story, with what a loop gives beside what a query gives"
)]

pub(crate) mod data;
mod models;
mod reads;
mod relations;
pub(crate) mod together;
pub(crate) mod writes;
