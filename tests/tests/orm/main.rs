//! The ORM, with the same results on every engine.

mod blog;
mod pages;
mod reads;
mod relations;
mod selections;
mod writes;
