//! What stands on the right of an operator.

use std::borrow::Cow;

use oarlock_core::ToValue;
use oarlock_core::schema::ColumnType;

use super::{Column, Expr};
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
}

#[diagnostic::do_not_recommend]
impl<T: ToValue + ColumnType> Argument<T> for T {
    fn into_expr(self) -> Expr<T> {
        Expr::value(&self)
    }
}

#[diagnostic::do_not_recommend]
impl<T: ToValue + ColumnType> Argument<Option<T>> for T {
    fn into_expr(self) -> Expr<Option<T>> {
        Expr::value(&self)
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
        }

        #[diagnostic::do_not_recommend]
        impl Argument<Option<$owned>> for $borrowed {
            fn into_expr(self) -> Expr<Option<$owned>> {
                Expr::value(&*self)
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
