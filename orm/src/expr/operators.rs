//! What can be done with columns and expressions.

use std::sync::Arc;

use oarlock_core::ToValue;
use oarlock_core::value::{Bound, Decimal, Value};

use super::{Aggregate, AnyExpr, Argument, Binary, Column, Direction, Expr, Function, Op, Order, TextMatch, Unary};
use crate::model::Model;

/// A type that is text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text",
    label = "only text can be searched: columns of `String` and `Option<String>`"
)]
pub trait Text {}

#[diagnostic::do_not_recommend]
impl Text for String {}
#[diagnostic::do_not_recommend]
impl Text for Option<String> {}

/// A type that is a number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    label = "only numbers can be computed with: integers, floating-point numbers, decimals, and `Option`s of them"
)]
pub trait Number {
    /// The type of a sum: a whole number of 64 bits for integers, else the type itself; `None` over no rows.
    type Sum;
    /// Whether the number is whole.
    const WHOLE: bool;
}

macro_rules! numbers {
    ($($type:ty => $sum:ty, $whole:literal;)+) => {$(
        #[diagnostic::do_not_recommend]
        impl Number for $type {
            type Sum = Option<$sum>;
            const WHOLE: bool = $whole;
        }

        #[diagnostic::do_not_recommend]
        impl Number for Option<$type> {
            type Sum = Option<$sum>;
            const WHOLE: bool = $whole;
        }
    )+};
}

numbers! {
    i16 => i64, true;
    i32 => i64, true;
    i64 => i64, true;
    u32 => i64, true;
    u64 => i64, true;
    f32 => f64, false;
    f64 => f64, false;
    Decimal => Decimal, false;
}

/// Writes the operators for columns and for expressions, which differ in how they become an expression only. They are given as they stand, so
/// that a compile error names their line and not that of a macro.
macro_rules! operators {
    ($($methods:tt)*) => {
        impl<M: Model, T> Column<M, T> {
            $($methods)*
        }

        impl<T> Expr<T> {
            $($methods)*
        }
    };
}

operators! {
    /// Is equal to. A comparison with NULL is never true: see [`same`](Self::same).
    pub fn eq(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Eq, other.into_expr())
    }

    /// Is not equal to. A comparison with NULL is never true: see [`not_same`](Self::not_same).
    pub fn ne(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Ne, other.into_expr())
    }

    /// Is less than.
    pub fn lt(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Lt, other.into_expr())
    }

    /// Is less than or equal to.
    pub fn le(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Le, other.into_expr())
    }

    /// Is greater than.
    pub fn gt(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Gt, other.into_expr())
    }

    /// Is greater than or equal to.
    pub fn ge(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Ge, other.into_expr())
    }

    /// Is equal to, where NULL is equal to NULL.
    pub fn same(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::Same, other.into_expr())
    }

    /// Is not equal to, where NULL is equal to NULL.
    pub fn not_same(self, other: impl Argument<T>) -> Expr<bool> {
        self.expr().binary(Binary::NotSame, other.into_expr())
    }

    /// Lies between two values, both of them included.
    pub fn between(self, low: impl Argument<T>, high: impl Argument<T>) -> Expr<bool> {
        let expr = self.expr();
        expr.clone().binary::<T, bool>(Binary::Ge, low.into_expr()).and(
            expr.binary::<T, bool>(Binary::Le, high.into_expr()),
        )
    }

    /// Is one of the values; of none, false.
    ///
    /// PostgreSQL takes a list of any length as one parameter; elsewhere each value is one, and there may be as many as
    /// `Capabilities::max_parameters` says: 32,766 on SQLite, 65,535 on MySQL. More are an `Interface` error.
    pub fn one_of<V: ToValue + Argument<T>>(self, values: impl IntoIterator<Item = V>) -> Expr<bool> {
        list(self.expr(), Binary::In, values)
    }

    /// Is none of the values; of none, true.
    pub fn none_of<V: ToValue + Argument<T>>(self, values: impl IntoIterator<Item = V>) -> Expr<bool> {
        list(self.expr(), Binary::NotIn, values)
    }

    /// Is NULL.
    pub fn is_null(self) -> Expr<bool> {
        self.expr().then(Op::Unary(Unary::IsNull))
    }

    /// Is not NULL.
    pub fn is_not_null(self) -> Expr<bool> {
        self.expr().then(Op::Unary(Unary::IsNotNull))
    }

    /// Orders by it, the least first.
    pub fn asc(self) -> Order {
        Order::new(self.expr(), Direction::Ascending)
    }

    /// Orders by it, the greatest first.
    pub fn desc(self) -> Order {
        Order::new(self.expr(), Direction::Descending)
    }

    /// Counts the rows in which it is not NULL.
    pub fn count(self) -> Expr<i64> {
        aggregate(self.expr(), Aggregate::Count, false)
    }

    /// Counts its values, equal ones once.
    pub fn count_distinct(self) -> Expr<i64> {
        aggregate(self.expr(), Aggregate::Count, true)
    }

    /// Its least value, `None` over no rows.
    pub fn min(self) -> Expr<Option<T>> {
        aggregate(self.expr(), Aggregate::Min, false)
    }

    /// Its greatest value, `None` over no rows.
    pub fn max(self) -> Expr<Option<T>> {
        aggregate(self.expr(), Aggregate::Max, false)
    }

    /// The sum, `None` over no rows: of integers one of 64 bits, past which is an error.
    pub fn sum(self) -> Expr<T::Sum>
    where
        T: Number,
    {
        aggregate(self.expr(), if T::WHOLE { Aggregate::SumInteger } else { Aggregate::Sum }, false)
    }

    /// The mean, as a floating-point number; `None` over no rows.
    pub fn average(self) -> Expr<Option<f64>>
    where
        T: Number,
    {
        aggregate(self.expr(), Aggregate::Average, false)
    }

    /// The number without its sign.
    pub fn abs(self) -> Expr<T>
    where
        T: Number,
    {
        self.expr().then(Op::Call(Function::Abs, 1))
    }

    /// Text in small letters. Beyond ASCII the databases differ.
    pub fn lower(self) -> Expr<T>
    where
        T: Text,
    {
        self.expr().then(Op::Call(Function::Lower, 1))
    }

    /// Text in capitals. Beyond ASCII the databases differ.
    pub fn upper(self) -> Expr<T>
    where
        T: Text,
    {
        self.expr().then(Op::Call(Function::Upper, 1))
    }

    /// The number of characters.
    pub fn char_length(self) -> Expr<i64>
    where
        T: Text,
    {
        self.expr().then(Op::Call(Function::CharLength, 1))
    }

    /// Begins with the text, letters told from capitals.
    pub fn starts_with(self, text: &str) -> Expr<bool>
    where
        T: Text,
    {
        pattern(self.expr(), TextMatch::Exact, &format!("{}%", escape(text)))
    }

    /// Ends with the text, letters told from capitals.
    pub fn ends_with(self, text: &str) -> Expr<bool>
    where
        T: Text,
    {
        pattern(self.expr(), TextMatch::Exact, &format!("%{}", escape(text)))
    }

    /// Has the text in it, letters told from capitals.
    pub fn contains(self, text: &str) -> Expr<bool>
    where
        T: Text,
    {
        pattern(self.expr(), TextMatch::Exact, &format!("%{}%", escape(text)))
    }

    /// Fits a pattern in which `%` stands for any text, `_` for any character and `\` takes that from the next one. Letters
    /// are told from capitals, on every database.
    pub fn like(self, text: &str) -> Expr<bool>
    where
        T: Text,
    {
        pattern(self.expr(), TextMatch::Exact, text)
    }

    /// Fits a pattern as [`like`](Self::like) does, ASCII letters and capitals taken as the same. Beyond ASCII the databases differ.
    pub fn like_ignoring_case(self, text: &str) -> Expr<bool>
    where
        T: Text,
    {
        pattern(self.expr(), TextMatch::IgnoreCase, text)
    }
}

/// Writes the operators of arithmetic, for columns and for expressions.
macro_rules! arithmetic {
    ($($trait:ident $method:ident $binary:expr;)+) => {$(
        arithmetic!(for [M: Model, T] Column<M, T>, $trait $method $binary);
        arithmetic!(for [T] Expr<T>, $trait $method $binary);
    )+};
    (for [$($generics:tt)*] $type:ty, $trait:ident $method:ident $binary:expr) => {
        impl<$($generics)*, R: Argument<T>> std::ops::$trait<R> for $type
        where
            T: Number,
        {
            type Output = Expr<T>;

            fn $method(self, other: R) -> Expr<T> {
                self.expr().binary($binary, other.into_expr())
            }
        }
    };
}

arithmetic! {
    Add add Binary::Add;
    Sub sub Binary::Subtract;
    Mul mul Binary::Multiply;
    Div div if T::WHOLE { Binary::DivideWhole } else { Binary::Divide };
    Rem rem Binary::Remainder;
}

impl<T> Expr<T> {
    /// Itself: columns become an expression by the same name.
    pub fn expr(self) -> Self {
        self
    }
}

impl Expr<i64> {
    /// Counts rows: `COUNT(*)`.
    pub fn count_rows() -> Self {
        Self::new(vec![Op::CountRows], Vec::new())
    }
}

fn aggregate<T, U>(expr: Expr<T>, function: Aggregate, distinct: bool) -> Expr<U> {
    expr.then(Op::Aggregate { function, distinct })
}

fn pattern<T>(expr: Expr<T>, kind: TextMatch, pattern: &str) -> Expr<bool> {
    let mut whole: AnyExpr = expr.erase();
    whole.values.push(Value::Text(pattern.to_owned()));
    whole.then(Op::Match(kind))
}

/// Takes what a pattern's characters mean from text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// The lengths to which lists are filled up, so that lists of all lengths make few statements: powers of two, and half-way between. Very
/// long ones are left as they are: filled up, they might have more values than the database takes.
pub(crate) fn filled_up(count: usize) -> usize {
    const LONG: usize = 8192;
    if count > LONG {
        return count;
    }
    let power = count.next_power_of_two();
    let between = power / 4 * 3;
    if count <= between { between } else { power }
}

fn list<T, V: ToValue>(mut expr: Expr<T>, binary: Binary, values: impl IntoIterator<Item = V>) -> Expr<bool> {
    let mut list = Vec::new();
    for value in values {
        match value.to_value().and_then(Bound::into_value) {
            Ok(value) => list.push(value),
            Err(error) => expr.error = Some(expr.error.unwrap_or_else(|| Arc::new(error))),
        }
    }
    expr.ops.push(Op::List(filled_up(list.len())));
    expr.values.push(Value::Array(list));
    expr.then(Op::Binary(binary))
}

#[cfg(test)]
mod tests {
    use super::filled_up;

    #[test]
    fn lists_are_filled_up_by_half_at_the_most() {
        let lengths: Vec<usize> = [0, 1, 2, 3, 4, 5, 6, 7, 9, 13, 100].map(filled_up).into();
        assert_eq!(lengths, [0, 1, 2, 3, 4, 6, 6, 8, 12, 16, 128]);
        assert_eq!([8191, 8192, 8193, 32_766].map(filled_up), [8192, 8192, 8193, 32_766], "long ones are as they are");
        for count in 3..10_000 {
            let filled = filled_up(count);
            assert!(filled >= count && (filled - count) * 2 <= count, "{count} to {filled}");
        }
    }
}
