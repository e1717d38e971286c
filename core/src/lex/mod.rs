//! Reads SQL text just far enough to find its parameters, its kind and its end, in each dialect.
//!
//! Three ways in: [`lex`] prepares one statement for a driver, [`split`] cuts a script into statements, and [`Tokens`]
//! gives the bare tokens that both are built on; [`InsertRow`] looks closer at one kind of statement. None of them parses: a text the server would refuse passes through,
//! and the server's own error is the one the caller sees.
//!
//! A caller writes parameters as `?`, `:name` or `$1`, one style in a statement, the same on every database. `??`
//! stands for a literal `?`, so PostgreSQL's operators `?`, `?|` and `?&` are written `??`, `??|` and `??&`. What stands in
//! strings, comments, quoted identifiers and dollar quotes is left alone. The connection must speak UTF-8, as the text does:
//! in some other encodings a byte of a character looks like a backslash.

mod body;
mod insert;
mod parameters;
mod position;
mod quoted;
mod rules;
mod split;
mod statement;
mod token;
mod tokens;
mod verb;

pub use insert::{InsertRow, RowParameter};
pub use position::line_column;
pub use rules::{Bodies, DoubleQuote, ExecutableComments, Lexing, Variables};
pub use split::{Span, Spans, first_message, split};
pub use statement::{Lexed, lex};
pub use token::{ParamStyle, Token, TokenKind, Unterminated};
pub use tokens::Tokens;
pub use verb::Verb;
