//! What stands on the right of an operator.

use std::borrow::Cow;

use oarlock_core::schema::ColumnType;
use oarlock_core::value::{Bound, Value};
use oarlock_core::{Result, ToValue};

use super::{Column, Expr, Op};
use crate::model::Model;

/// What can be compared with an expression of type `T`, or stored in a column of it: a value of the type, a borrowed one, another
/// column or expression. Where the column may be NULL, the plain value will do.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not go with `{T}`",
    label = "expected a value, a column or an expression of `{T}`"
)]
pub trait Argument<T> {
    /// Makes it an expression.
    fn into_expr(self) -> Expr<T>;

    /// Makes it what a column is given.
    #[doc(hidden)]
    fn into_assigned(self) -> Result<Assigned>
    where
        Self: Sized,
    {
        self.into_expr().into_parts().map(|(ops, values)| Assigned::of(ops, values))
    }
}

/// What a column is given. A value, which most are given, needs no program.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub enum Assigned {
    /// A value.
    Value(Value),
    /// An expression.
    Program(Box<Program>),
}

/// An expression, and its values. It is boxed, for few columns are given one.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) ops: Vec<Op>,
    pub(crate) values: Vec<Value>,
}

impl Assigned {
    fn of(ops: Vec<Op>, mut values: Vec<Value>) -> Self {
        match values.pop() {
            Some(value) if values.is_empty() && matches!(ops.as_slice(), [Op::Value]) => Self::Value(value),
            last => {
                values.extend(last);
                Self::program(ops, values)
            }
        }
    }

    pub(crate) fn program(ops: Vec<Op>, values: Vec<Value>) -> Self {
        Self::Program(Box::new(Program { ops, values }))
    }

    fn value<V: ToValue + ?Sized>(value: &V) -> Result<Self> {
        value.to_value().and_then(Bound::into_value).map(Self::Value)
    }
}

#[diagnostic::do_not_recommend]
impl<T: ToValue + ColumnType> Argument<T> for T {
    fn into_expr(self) -> Expr<T> {
        Expr::value(&self)
    }

    fn into_assigned(self) -> Result<Assigned> {
        Assigned::value(&self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: ToValue + ColumnType> Argument<Option<T>> for T {
    fn into_expr(self) -> Expr<Option<T>> {
        Expr::value(&self)
    }

    fn into_assigned(self) -> Result<Assigned> {
        Assigned::value(&self)
    }
}

#[diagnostic::do_not_recommend]
impl<T> Argument<T> for Expr<T> {
    fn into_expr(self) -> Expr<T> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T> Argument<Option<T>> for Expr<T> {
    fn into_expr(self) -> Expr<Option<T>> {
        self.cast_unchecked()
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, T> Argument<T> for Column<M, T> {
    fn into_expr(self) -> Expr<T> {
        self.expr()
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model, T> Argument<Option<T>> for Column<M, T> {
    fn into_expr(self) -> Expr<Option<T>> {
        self.expr().cast_unchecked()
    }
}

macro_rules! borrowed {
    ($($borrowed:ty => $owned:ty;)+) => {$(
        #[diagnostic::do_not_recommend]
        impl Argument<$owned> for $borrowed {
            fn into_expr(self) -> Expr<$owned> {
                Expr::value(&*self)
            }

            fn into_assigned(self) -> Result<Assigned> {
                Assigned::value(&*self)
            }
        }

        #[diagnostic::do_not_recommend]
        impl Argument<Option<$owned>> for $borrowed {
            fn into_expr(self) -> Expr<Option<$owned>> {
                Expr::value(&*self)
            }

            fn into_assigned(self) -> Result<Assigned> {
                Assigned::value(&*self)
            }
        }
    )+};
}

borrowed! {
    &str => String;
    &String => String;
    Cow<'_, str> => String;
    &[u8] => Vec<u8>;
    &Vec<u8> => Vec<u8>;
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Argument<Vec<u8>> for &[u8; N] {
    fn into_expr(self) -> Expr<Vec<u8>> {
        Expr::value(self.as_slice())
    }
}
