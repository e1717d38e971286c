//! The operations of an expression's program.

use std::sync::Arc;

use oarlock_core::schema::Type;

use crate::model::TableInfo;
use crate::query::Select;

/// One operation of a program in postfix form: operands stand before what is done with them.
///
/// A program and its values together are an expression; the program alone is its shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Op {
    /// A column of a table of the query.
    Column(ColumnOp),
    /// A column of the query around a subquery.
    Outer(ColumnOp),
    /// The next value.
    Value,
    /// The next value, which is a list: the right side of [`Binary::In`]. Where the database takes no list as one parameter, it
    /// is written with so many, the last value repeated.
    List(usize),
    /// Makes one operand of so many.
    Tuple(usize),
    /// A list of tuples, whose columns are the next `width` values, lists of one length: the right side of [`Binary::In`]. It
    /// is written with `count` tuples, the last one repeated.
    Tuples {
        /// How many tuples are written.
        count: usize,
        /// How many values each has.
        width: usize,
    },
    /// NULL.
    Null,
    /// `COUNT(*)`.
    CountRows,
    /// Does something with one operand.
    Unary(Unary),
    /// Does something with two operands.
    Binary(Binary),
    /// Compares text with the pattern that is the next value.
    Match(TextMatch),
    /// Sums one operand up over rows.
    Aggregate {
        /// What is computed.
        function: Aggregate,
        /// Whether equal values count once.
        distinct: bool,
    },
    /// Calls a function with so many operands.
    Call(Function, usize),
    /// A query inside the query.
    Subquery(SubqueryUse, Arc<Select>),
    /// SQL in the words of the database, where each `?` takes one operand.
    Sql(Arc<str>, usize),
}

/// A column of a table that takes part in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColumnOp {
    /// The table.
    pub table: &'static TableInfo,
    /// The name under which the table takes part, where it does so several times.
    pub alias: Option<&'static str>,
    /// The column.
    pub column: usize,
}

impl ColumnOp {
    /// Tells whether the column holds decimals.
    #[must_use]
    pub fn is_decimal(&self) -> bool {
        matches!(self.table.column(self.column).ty, Type::Decimal { .. })
    }
}

/// What is done with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Among the values of a list.
    In,
    /// Not among the values of a list.
    NotIn,
    /// Sum.
    Add,
    /// Difference.
    Subtract,
    /// Product.
    Multiply,
    /// Quotient.
    Divide,
    /// Quotient of whole numbers, which is whole: its fraction is cut off.
    DivideWhole,
    /// Remainder.
    Remainder,
    /// Text after text.
    Concat,
}

impl Binary {
    /// Tells whether it computes a number of its operands.
    #[must_use]
    pub const fn computes(self) -> bool {
        matches!(self, Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::DivideWhole | Self::Remainder)
    }

    /// Tells whether it compares its operands.
    #[must_use]
    pub const fn compares(self) -> bool {
        matches!(
            self,
            Self::Eq
                | Self::Ne
                | Self::Lt
                | Self::Le
                | Self::Gt
                | Self::Ge
                | Self::Same
                | Self::NotSame
                | Self::In
                | Self::NotIn
        )
    }
}

/// How text is compared with a pattern, in which `%` stands for any text, `_` for any character, and `\` takes that from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextMatch {
    /// Letters are told from capitals.
    Exact,
    /// ASCII letters and capitals are the same.
    IgnoreCase,
}

/// What is computed over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// How many are not NULL.
    Count,
    /// The sum of whole numbers.
    SumInteger,
    /// The sum of other numbers.
    Sum,
    /// The mean.
    Average,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Function {
    /// Text in small letters.
    Lower,
    /// Text in capitals.
    Upper,
    /// The number of characters.
    CharLength,
    /// The number without its sign.
    Abs,
    /// The first operand that is not NULL.
    Coalesce,
}

/// What becomes of a query inside a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubqueryUse {
    /// Whether it gives a row.
    Exists,
    /// Its one value.
    Scalar,
    /// Whether the operand is among its values.
    In,
    /// Whether the operand is not among its values.
    NotIn,
}
