//! A small JSON API on the ORM: the things in a store room, to add, change, take out and move.
//!
//! What the API does knows nothing of the web: [`item`] is the model, [`store`] what can be done with it, and [`problem`] says which
//! status goes with what went wrong. [`on_axum`] and [`on_actix`] put the same addresses around it.

pub mod item;
pub mod on_actix;
pub mod on_axum;
pub mod problem;
pub mod store;
