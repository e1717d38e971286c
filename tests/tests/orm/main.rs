//! The ORM, with the same results on every engine.

mod blog;
mod reads;
mod relations;
mod writes;
