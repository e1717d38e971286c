//! The ORM, with the same results on every engine.

mod blog;
mod pages;
mod reads;
mod relations;
mod rules;
mod sea;
mod selections;
mod sql;
mod types;
mod writes;
