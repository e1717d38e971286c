//! The ORM, with the same results on every engine.

mod blog;
mod extremes;
#[allow(clippy::print_stdout)] // What a reader's own program would do.
mod guide;
mod pages;
mod reads;
mod relations;
mod rules;
mod sea;
mod selections;
mod shop;
mod sql;
mod types;
mod without_returning;
mod writes;
