//! Parameters: how callers give them, and how they are put into the order a server wants.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::lex::Lexed;
use crate::value::{Bound, ToValue, Value, ValueRef};
use crate::{Error, ErrorKind, Result};

/// The parameters of one call as a driver gets them.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'q> {
    /// The names, where the caller gave names: as many as there are values.
    pub names: Option<&'q [&'q str]>,
    /// The values.
    pub values: &'q [ValueRef<'q>],
}

impl<'q> Parameters<'q> {
    /// No parameters.
    #[must_use]
    pub const fn none() -> Self {
        Self { names: None, values: &[] }
    }

    /// Parameters by position.
    #[must_use]
    pub const fn positional(values: &'q [ValueRef<'q>]) -> Self {
        Self { names: None, values }
    }
}

/// Which of the caller's values each of the server's parameters takes.
#[derive(Debug)]
pub struct Arrangement<'l>(Order<'l>);

#[derive(Debug)]
enum Order<'l> {
    Identity(usize),
    Slots(&'l [usize]),
    Mapped(SmallVec<[usize; 8]>),
}

impl Arrangement<'_> {
    /// Gives the number of the server's parameters.
    pub fn len(&self) -> usize {
        match &self.0 {
            Order::Identity(count) => *count,
            Order::Slots(slots) => slots.len(),
            Order::Mapped(slots) => slots.len(),
        }
    }

    /// Tells whether the server wants no parameters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the indexes into the caller's values, in the server's order.
    pub fn indexes(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        (0..self.len()).map(|native| match &self.0 {
            Order::Identity(_) => native,
            Order::Slots(slots) => slots[native],
            Order::Mapped(slots) => slots[native],
        })
    }

    /// Gives a row's values in the server's order.
    pub fn values<'v, 's: 'v>(
        &'s self,
        values: &'v [ValueRef<'v>],
    ) -> impl ExactSizeIterator<Item = ValueRef<'v>> + 'v {
        self.indexes().map(|index| values[index])
    }
}

/// Finds which of the caller's `count` values, named where `names` is given, each of the server's parameters takes.
///
/// # Errors
///
/// `Parameters` when their number differs from the statement's, a name is missing, unknown or given twice, or names were
/// given to a statement without names (or the reverse).
pub fn arrange<'l>(lexed: &'l Lexed, names: Option<&[&str]>, count: usize) -> Result<Arrangement<'l>> {
    let wanted = lexed.names();
    match names {
        None if !wanted.is_empty() => Err(Error::new(
            ErrorKind::Parameters,
            format!("the statement names its parameters ({}), but they were given by position", list(wanted)),
        )
        .with_hint("give them by name: named! { name: value }")),
        None if count != lexed.arity() => Err(Error::new(
            ErrorKind::Parameters,
            format!("the statement takes {}, but {count} were given", plural(lexed.arity())),
        )),
        None => Ok(Arrangement(match lexed.slots() {
            slots if lexed.slots_are_identity() => Order::Identity(slots.len()),
            slots => Order::Slots(slots),
        })),
        Some(names) => arrange_named(lexed, names),
    }
}

fn arrange_named<'l>(lexed: &'l Lexed, names: &[&str]) -> Result<Arrangement<'l>> {
    let wanted = lexed.names();
    if wanted.is_empty() && !names.is_empty() {
        return Err(Error::new(
            ErrorKind::Parameters,
            format!("parameters were given by name, but the statement has {} and no names", plural(lexed.arity())),
        )
        .with_hint("write :name in the statement"));
    }
    for (index, name) in names.iter().enumerate() {
        if !wanted.iter().any(|known| &**known == *name) {
            return Err(Error::new(
                ErrorKind::Parameters,
                format!("the statement has no parameter :{name}; it has {}", list(wanted)),
            ));
        }
        if names[..index].contains(name) {
            return Err(Error::new(ErrorKind::Parameters, format!("parameter :{name} was given twice")));
        }
    }
    let mut positions = SmallVec::<[usize; 8]>::with_capacity(wanted.len());
    for name in wanted {
        match names.iter().position(|given| *given == &**name) {
            Some(position) => positions.push(position),
            None => {
                return Err(Error::new(ErrorKind::Parameters, format!("parameter :{name} was not given")));
            }
        }
    }
    Ok(Arrangement(Order::Mapped(lexed.slots().iter().map(|slot| positions[*slot]).collect())))
}

fn plural(count: usize) -> String {
    match count {
        1 => "1 parameter".to_owned(),
        count => format!("{count} parameters"),
    }
}

fn list<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!(":{}", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// What binding collects. A few values stay where it is: it is part of the future that runs the statement, so it is kept small.
#[derive(Debug, Default)]
pub struct Bindings<'a> {
    names: Vec<&'a str>,
    values: SmallVec<[ValueRef<'a>; 4]>,
    /// Values that were made for the call, each with its place, where a NULL stands for it.
    made: Vec<(usize, Value)>,
    /// Where the row begins that is being bound, of many in one list.
    row: usize,
}

impl<'a> Bindings<'a> {
    /// Adds a value by position.
    ///
    /// # Errors
    ///
    /// The value's own, when it cannot be bound.
    pub fn push<T: ToValue + ?Sized>(&mut self, value: &'a T) -> Result<()> {
        let bound =
            value.to_value().map_err(|error| error.context(format_args!("parameter {}", self.next_number())))?;
        self.add(bound);
        Ok(())
    }

    /// Makes room for so many values more.
    pub fn reserve(&mut self, count: usize) {
        self.values.reserve(count);
    }

    /// Adds a value by position that is one already.
    #[inline]
    pub fn push_ref(&mut self, value: ValueRef<'a>) {
        self.values.push(value);
    }

    #[inline]
    fn add(&mut self, bound: Bound<'a>) {
        self.values.push(match bound {
            Bound::Borrowed(value) => value,
            Bound::Owned(value) => {
                self.made.push((self.values.len(), value));
                ValueRef::Null
            }
        });
    }

    /// Adds a value by name.
    ///
    /// # Errors
    ///
    /// The value's own, when it cannot be bound.
    pub fn push_named<T: ToValue + ?Sized>(&mut self, name: &'a str, value: &'a T) -> Result<()> {
        let bound = value.to_value().map_err(|error| error.context(format_args!("parameter :{name}")))?;
        self.names.push(name);
        self.add(bound);
        Ok(())
    }

    /// Adds a value that was made for the call, by name or by position.
    pub(crate) fn push_bound(&mut self, name: Option<&'a str>, bound: Result<Bound<'a>>) -> Result<()> {
        let bound = bound.map_err(|error| match name {
            Some(name) => error.context(format_args!("parameter :{name}")),
            None => error.context(format_args!("parameter {}", self.next_number())),
        })?;
        self.names.extend(name);
        self.add(bound);
        Ok(())
    }

    /// Gives the number of the next value in its row, counted from 1.
    fn next_number(&self) -> usize {
        self.values.len() - self.row + 1
    }

    /// Gives the names, where values were added by name.
    ///
    /// # Errors
    ///
    /// `Parameters` when only some values have names.
    pub fn names(&self) -> Result<Option<&[&'a str]>> {
        match self.names.len() {
            0 => Ok(None),
            count if count == self.values.len() => Ok(Some(&self.names)),
            _ => Err(Error::new(ErrorKind::Parameters, "some parameters were given by name and some by position")),
        }
    }

    /// Borrows the values.
    #[inline]
    pub fn values(&self) -> Cow<'_, [ValueRef<'_>]> {
        if self.made.is_empty() { Cow::Borrowed(&self.values) } else { Cow::Owned(self.with_made()) }
    }

    fn with_made(&self) -> Vec<ValueRef<'_>> {
        let mut values: Vec<ValueRef<'_>> = self.values.to_vec();
        for (place, value) in &self.made {
            values[*place] = value.as_ref();
        }
        values
    }

    /// Gives the number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Tells whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// The rows of a batch, bound one after the other into one list: a row costs what its values do.
#[derive(Debug)]
pub(crate) struct BoundRows<'a> {
    bindings: Bindings<'a>,
    rows: usize,
    width: usize,
}

impl<'a> BoundRows<'a> {
    /// Binds all rows.
    ///
    /// # Errors
    ///
    /// `Parameters` for a row with other parameters than the first, and a value's own; with the row's index.
    pub(crate) fn of<P: Params>(rows: &'a [P]) -> Result<Self> {
        let mut bindings = Bindings::default();
        let Some((first, rest)) = rows.split_first() else {
            return Ok(Self { bindings, rows: 0, width: 0 });
        };
        first
            .bind(&mut bindings)
            .and_then(|()| bindings.names().map(drop))
            .map_err(|error| error.with_batch_index(0))?;
        let (width, name_count) = (bindings.values.len(), bindings.names.len());
        bindings.values.reserve_exact(width * rest.len());
        for (index, row) in (1..).zip(rest) {
            bindings.row = bindings.values.len();
            row.bind(&mut bindings).map_err(|error| error.with_batch_index(index))?;
            let count = bindings.values.len() - bindings.row;
            let (names, again) = bindings.names.split_at(name_count);
            if count != width || names != again {
                return Err(Error::new(
                    ErrorKind::Parameters,
                    format!("row {index} has other parameters than row 0: {count} and {width} of them"),
                )
                .with_batch_index(index));
            }
            bindings.names.truncate(name_count);
        }
        Ok(Self { bindings, rows: rows.len(), width })
    }

    /// Gives the names that every row has.
    pub(crate) fn names(&self) -> Option<&[&'a str]> {
        (!self.bindings.names.is_empty()).then_some(&*self.bindings.names)
    }

    /// Gives the number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Gives the number of values in a row.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Borrows all values, row after row.
    pub(crate) fn values(&self) -> Cow<'_, [ValueRef<'_>]> {
        self.bindings.values()
    }
}

/// What can be given as the parameters of a statement: `()`, tuples of up to sixteen, slices and arrays, vectors, names with
/// values by [`named!`](crate::named), and structs by `derive(Params)`.
pub trait Params: Send + Sync {
    /// Adds the values in order.
    ///
    /// # Errors
    ///
    /// The first value's that cannot be bound.
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()>;
}

impl<P: Params + ?Sized> Params for &P {
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
        P::bind(self, bindings)
    }
}

impl Params for () {
    fn bind<'a>(&'a self, _: &mut Bindings<'a>) -> Result<()> {
        Ok(())
    }
}

impl<T: ToValue + Send + Sync> Params for [T] {
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
        self.iter().try_for_each(|value| bindings.push(value))
    }
}

impl<T: ToValue + Send + Sync> Params for Vec<T> {
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
        self.as_slice().bind(bindings)
    }
}

impl<T: ToValue + Send + Sync, const N: usize> Params for [T; N] {
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
        self.as_slice().bind(bindings)
    }
}

/// Parameters by name; [`named!`](crate::named) writes it.
#[derive(Clone, Copy)]
pub struct Named<'n>(pub &'n [(&'n str, &'n (dyn ToValue + Sync))]);

impl Params for Named<'_> {
    fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
        self.0.iter().try_for_each(|(name, value)| bindings.push_named(name, *value))
    }
}

/// Gives parameters by name: `named! { id: 7, name: "Ada" }` for `:id` and `:name`.
#[macro_export]
macro_rules! named {
    ($($name:ident : $value:expr),* $(,)?) => {
        $crate::params::Named(&[$((::std::stringify!($name), &$value as &(dyn $crate::ToValue + ::std::marker::Sync))),*])
    };
}

macro_rules! tuples {
    ($(($($name:ident . $index:tt),+))+) => {$(
        impl<$($name: ToValue + Send + Sync),+> Params for ($($name,)+) {
            fn bind<'a>(&'a self, bindings: &mut Bindings<'a>) -> Result<()> {
                $(bindings.push(&self.$index)?;)+
                Ok(())
            }
        }
    )+};
}

tuples! {
    (A.0)
    (A.0, B.1)
    (A.0, B.1, C.2)
    (A.0, B.1, C.2, D.3)
    (A.0, B.1, C.2, D.3, E.4)
    (A.0, B.1, C.2, D.3, E.4, F.5)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12, N.13)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12, N.13, O.14)
    (A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11, M.12, N.13, O.14, P.15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Json;

    #[test]
    fn rows_are_bound_one_after_the_other() -> Result<()> {
        let rows = [(1, Some("a")), (2, None)];
        let bound = BoundRows::of(&rows)?;
        assert_eq!((bound.rows(), bound.width(), bound.names()), (2, 2, None));
        let values = [ValueRef::I64(1), ValueRef::Text("a"), ValueRef::I64(2), ValueRef::Null];
        assert_eq!(*bound.values(), values);
        let none: [(i32,); 0] = [];
        assert_eq!(BoundRows::of(&none)?.rows(), 0);
        Ok(())
    }

    #[test]
    fn values_that_are_made_stand_in_their_places() -> Result<()> {
        let rows = [(1, Json([2]), "a", Json([3])), (4, Json([5]), "b", Json([6]))];
        let bound = BoundRows::of(&rows)?;
        let (number, json, text) = (ValueRef::I64, ValueRef::Json, ValueRef::Text);
        let values = [number(1), json("[2]"), text("a"), json("[3]"), number(4), json("[5]"), text("b"), json("[6]")];
        assert_eq!(*bound.values(), values);
        Ok(())
    }

    #[test]
    fn every_row_has_the_names_of_the_first() -> Result<()> {
        let (one, two) = (1, 2);
        let rows = [named! { id: one, n: two }, named! { id: two, n: one }];
        let bound = BoundRows::of(&rows)?;
        assert_eq!((bound.names(), bound.width()), (Some(&["id", "n"][..]), 2));
        assert_eq!(*bound.values(), [1, 2, 2, 1].map(ValueRef::I64));
        let rows = [named! { id: one }, named! { n: one }];
        let error = BoundRows::of(&rows).expect_err("another name");
        assert_eq!((error.kind(), error.batch_index()), (ErrorKind::Parameters, Some(1)));
        Ok(())
    }

    #[test]
    fn the_row_and_the_parameter_at_fault_are_told() {
        let rows = [vec![1, 2], vec![3]];
        let error = BoundRows::of(&rows).expect_err("too short");
        assert_eq!(error.message(), "row 1 has other parameters than row 0: 1 and 2 of them");
        let bad = std::collections::HashMap::from([((1, 2), 3)]);
        let rows = [(1, Json(None)), (2, Json(Some(&bad)))];
        let error = BoundRows::of(&rows).expect_err("no document has such a key");
        assert_eq!(error.batch_index(), Some(1));
        assert!(error.message().starts_with("parameter 2: "), "{error}");
    }
}
