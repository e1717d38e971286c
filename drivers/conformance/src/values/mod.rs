//! Rules 40 to 49: every type, through bind → store → fetch and through literal → fetch.

mod literal;
mod numbers;
mod samples;
mod temporal;
mod text;
mod trip;
mod typed;

pub use numbers::*;
pub use temporal::*;
pub use text::*;
pub use typed::*;
