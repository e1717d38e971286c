//! Typed expressions.

mod argument;
mod column;
mod op;
mod operators;
mod order;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use oarlock_core::value::Value;
use oarlock_core::{Error, Result, ToValue};

pub use argument::{Argument, Assigned};
pub use column::Column;
pub use op::{Aggregate, Binary, ColumnOp, Function, Op, SubqueryUse, TextMatch, Unary};
pub(crate) use operators::filled_up;
pub use operators::{Number, Text};
pub use order::{Direction, Nulls, Order, OrderTerm};

/// An expression of a type: a program, and the values that it binds.
///
/// A value that cannot be bound makes an expression whose error is told when it is run.
#[must_use = "an expression does nothing until a query has it"]
pub struct Expr<T> {
    pub(crate) ops: Vec<Op>,
    pub(crate) values: Vec<Value>,
    pub(crate) error: Option<Arc<Error>>,
    ty: PhantomData<fn() -> T>,
}

impl<T> Expr<T> {
    /// Makes an expression of its program and values. Nothing checks that they belong together, or the type.
    pub fn new(ops: Vec<Op>, values: Vec<Value>) -> Self {
        Self { ops, values, error: None, ty: PhantomData }
    }

    /// Makes an expression of a value.
    pub fn value<V: ToValue + ?Sized>(value: &V) -> Self {
        match value.to_value().and_then(oarlock_core::value::Bound::into_value) {
            Ok(value) => Self::new(vec![Op::Value], vec![value]),
            Err(error) => Self::failed(error),
        }
    }

    /// Makes an expression whose error is told when it is run.
    pub(crate) fn failed(error: Error) -> Self {
        Self { ops: vec![Op::Null], values: Vec::new(), error: Some(Arc::new(error)), ty: PhantomData }
    }

    /// Makes an expression in the words of the database: each `?` takes one of the operands, `??` is a `?`.
    ///
    /// The text must be a constant of the program's: it is not checked. Its type is what the caller says.
    pub fn sql(text: &'static str, operands: impl IntoIterator<Item = AnyExpr>) -> Self {
        let mut whole = Self::new(Vec::new(), Vec::new());
        let mut count = 0;
        for operand in operands {
            whole.append(operand);
            count += 1;
        }
        whole.ops.push(Op::Sql(text.into(), count));
        whole
    }

    /// Takes the expression apart.
    ///
    /// # Errors
    ///
    /// That of a value which could not be bound.
    pub fn into_parts(self) -> Result<(Vec<Op>, Vec<Value>)> {
        match self.error {
            Some(error) => Err(raise(error)),
            None => Ok((self.ops, self.values)),
        }
    }

    /// Takes the expression for one of another type. Nothing is converted: the database's own rules say what is read.
    pub fn cast_unchecked<U>(self) -> Expr<U> {
        Expr { ops: self.ops, values: self.values, error: self.error, ty: PhantomData }
    }

    /// Forgets the type.
    pub fn erase(self) -> AnyExpr {
        self.cast_unchecked()
    }

    /// Puts another expression behind this one's program.
    pub(crate) fn append<U>(&mut self, other: Expr<U>) {
        self.ops.extend(other.ops);
        self.values.extend(other.values);
        if self.error.is_none() {
            self.error = other.error;
        }
    }

    pub(crate) fn then<U>(mut self, op: Op) -> Expr<U> {
        self.ops.push(op);
        self.cast_unchecked()
    }

    pub(crate) fn binary<U, V>(mut self, binary: Binary, other: Expr<U>) -> Expr<V> {
        self.append(other);
        self.then(Op::Binary(binary))
    }
}

/// Gives the error of a value that could not be bound, of which an expression's copies have one together.
pub(crate) fn raise(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|shared| again(&shared))
}

/// Gives an error again, for what is told more than once: its kind and its message.
pub(crate) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.message())
}

/// An expression whose type does not matter.
pub type AnyExpr = Expr<()>;

impl Expr<bool> {
    /// What is always true.
    pub fn always() -> Self {
        Self::value(&true)
    }

    /// Both.
    pub fn and(self, other: impl Argument<bool>) -> Self {
        self.binary(Binary::And, other.into_expr())
    }

    /// One or both.
    pub fn or(self, other: impl Argument<bool>) -> Self {
        self.binary(Binary::Or, other.into_expr())
    }

    /// All of several; true of none.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        conditions.into_iter().reduce(Self::and).unwrap_or_else(Self::always)
    }

    /// One of several; false of none.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        conditions.into_iter().reduce(Self::or).unwrap_or_else(|| Self::value(&false))
    }
}

impl<R: Argument<bool>> std::ops::BitAnd<R> for Expr<bool> {
    type Output = Self;

    fn bitand(self, other: R) -> Self {
        self.and(other)
    }
}

impl<R: Argument<bool>> std::ops::BitOr<R> for Expr<bool> {
    type Output = Self;

    fn bitor(self, other: R) -> Self {
        self.or(other)
    }
}

impl std::ops::Not for Expr<bool> {
    type Output = Self;

    fn not(self) -> Self {
        self.then(Op::Unary(Unary::Not))
    }
}

impl<T> Expr<T> {
    /// The first of the two that is not NULL.
    pub fn coalesce<U>(self, other: impl Argument<U>) -> Expr<U>
    where
        T: Into<Option<U>>,
    {
        let mut whole = self;
        whole.append(other.into_expr());
        whole.then(Op::Call(Function::Coalesce, 2))
    }
}

impl<T> Clone for Expr<T> {
    fn clone(&self) -> Self {
        Self { ops: self.ops.clone(), values: self.values.clone(), error: self.error.clone(), ty: PhantomData }
    }
}

/// Shows the program without its values.
impl<T> fmt::Debug for Expr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.ops).finish()
    }
}
