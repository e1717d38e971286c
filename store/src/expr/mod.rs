//! Expressions over a record: what checks say, what queries keep and by what they order.

mod compare;
mod eval;
mod pattern;

use oarlock_core::value::Value;

pub(crate) use compare::compare;
pub(crate) use eval::{evaluate, holds};
pub(crate) use pattern::literal_prefix;

/// An expression over the columns of one record, with SQL's three truth values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// A column, counted as in the table.
    Column(usize),
    /// A value.
    Value(Value),
    /// Does something with one operand.
    Unary(Unary, Box<Expr>),
    /// Does something with two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// Whether the operand is among others; the other way round with `true`.
    Among(Box<Expr>, Vec<Expr>, bool),
    /// Whether text fits a pattern, letters and capitals of ASCII taken as the same with `true`.
    Like(Box<Expr>, Box<Expr>, bool),
    /// Calls a function.
    Call(Function, Vec<Expr>),
}

/// What is done with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unary {
    /// `NOT`.
    Not,
    /// The number with the other sign.
    Negate,
    /// `IS NULL`.
    IsNull,
    /// `IS NOT NULL`.
    IsNotNull,
}

/// What is done with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// `AND`.
    And,
    /// `OR`.
    Or,
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Equal, where NULL equals NULL.
    Same,
    /// Not equal, where NULL equals NULL.
    NotSame,
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient: of whole numbers a whole one, its fraction cut off.
    Divide,
    /// Remainder.
    Remainder,
    /// Text after text.
    Concat,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// Text in small letters.
    Lower,
    /// Text in capitals.
    Upper,
    /// Text without spaces around it.
    Trim,
    /// The number of characters.
    CharLength,
    /// The number without its sign.
    Abs,
    /// The first operand that is not NULL.
    Coalesce,
}

impl Expr {
    /// Joins two expressions.
    #[must_use]
    pub fn binary(binary: Binary, left: Self, right: Self) -> Self {
        Self::Binary(binary, Box::new(left), Box::new(right))
    }
}
