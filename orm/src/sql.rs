//! Statements of the program's own: what `sql!` makes.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::OnceLock;

use oarlock_core::dialect::Flavor;
use oarlock_core::value::{Bound, Value};
use oarlock_core::{Cursor, Db, Error, ErrorKind, FromRow, FromValue, Outcome, Result, RowRef, ToValue};

use crate::expr::filled_up;
use crate::model::Model;
use crate::query::cursor;

/// A statement as `sql!` found it in the program.
pub struct Statement {
    pieces: &'static [Piece],
    file: &'static str,
    line: u32,
    module: &'static str,
    /// The text, where it is the same for all arguments.
    text: OnceLock<String>,
}

/// A piece of a statement's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(&'static str),
    /// A parameter.
    One,
    /// A list of parameters with commas between them.
    List,
    /// `IN (…)` of a list.
    In,
    /// `NOT IN (…)` of a list.
    NotIn,
}

inventory::collect!(&'static Statement);

/// Gives all statements that `sql!` made in this program, wherever they are and whether they have run.
pub fn statements() -> impl Iterator<Item = &'static Statement> {
    inventory::iter::<&'static Statement>.into_iter().copied()
}

impl Statement {
    /// Makes the statement of a place in the program. `sql!` calls it.
    pub const fn new(pieces: &'static [Piece], file: &'static str, line: u32, module: &'static str) -> Self {
        Self { pieces, file, line, module, text: OnceLock::new() }
    }

    /// Gives the file in which it stands.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// Gives the line in which it begins.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Gives the path of the module in which it stands.
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// Gives the text for a kind of database, with lists of some length.
    pub fn text_for(&self, flavor: Flavor) -> String {
        self.write(flavor, |_| 2)
    }

    fn has_lists(&self) -> bool {
        self.pieces.iter().any(|piece| !matches!(piece, Piece::Text(_) | Piece::One))
    }

    /// Writes the text, given the length of each list.
    fn write(&self, flavor: Flavor, length: impl Fn(usize) -> usize) -> String {
        let mut text = String::new();
        let mut argument = 0;
        let marks = |count: usize| vec!["?"; count].join(", ");
        for piece in self.pieces {
            match piece {
                Piece::Text(piece) => {
                    text.push_str(piece);
                    continue;
                }
                Piece::One => text.push('?'),
                Piece::List => text.push_str(&marks(length(argument))),
                Piece::In if flavor == Flavor::Postgres => text.push_str("= ANY(?)"),
                Piece::NotIn if flavor == Flavor::Postgres => text.push_str("<> ALL(?)"),
                Piece::In | Piece::NotIn => {
                    if *piece == Piece::NotIn {
                        text.push_str("NOT ");
                    }
                    text.push_str("IN (");
                    match filled_up(length(argument)) {
                        // A list of none is no SQL; a query that gives no rows is.
                        0 => text.push_str("SELECT NULL FROM (SELECT 1) AS none_ WHERE 1 = 0"),
                        count => text.push_str(&marks(count)),
                    }
                    text.push(')');
                }
            }
            argument += 1;
        }
        text
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text_for(Flavor::Sqlite))
    }
}

/// An argument of a statement.
pub enum SqlArgument<'a> {
    /// A value.
    One(Result<Bound<'a>>),
    /// A list of values.
    List(Result<Vec<Bound<'a>>>),
}

/// A value that is an argument.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be bound as a parameter",
    label = "`{Self}` is no value of a database's",
    note = "a newtype or an enum of texts derives `ToValue`; a document is bound as `Json(value)`, a list as `{{names..}}`"
)]
pub trait Single {
    /// Takes it as an argument.
    fn argument(&self) -> SqlArgument<'_>;
}

#[diagnostic::do_not_recommend]
impl<T: ToValue + ?Sized> Single for T {
    fn argument(&self) -> SqlArgument<'_> {
        SqlArgument::One(self.to_value())
    }
}

/// A list of values that are arguments.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of values",
    label = "`{Self}` is no list",
    note = "`{{names..}}` takes a list: a `Vec`, an array or a slice; one value is `{{name}}`"
)]
pub trait List<T> {
    /// Takes it as an argument.
    fn argument<'a>(&'a self) -> SqlArgument<'a>
    where
        T: 'a;
}

#[diagnostic::do_not_recommend]
impl<T: ToValue, L: AsRef<[T]> + ?Sized> List<T> for L {
    fn argument<'a>(&'a self) -> SqlArgument<'a>
    where
        T: 'a,
    {
        SqlArgument::List(self.as_ref().iter().map(ToValue::to_value).collect())
    }
}
/// A statement with its arguments, on a database: see `sql!`.
///
/// # Errors
///
/// Every method gives what [`DbExt`](oarlock_core::DbExt)'s methods give, and `Parameters` for a list of no values where it does not stand
/// alone in an `IN`.
#[must_use = "a statement does nothing until it is run"]
pub struct Sql<'a, D: ?Sized> {
    db: &'a D,
    statement: &'static Statement,
    arguments: Vec<SqlArgument<'a>>,
}

#[allow(clippy::missing_errors_doc)] // The type's page has them.
impl<'a, D: Db + ?Sized> Sql<'a, D> {
    /// Makes one. `sql!` calls it.
    pub fn new(db: &'a D, statement: &'static Statement, arguments: Vec<SqlArgument<'a>>) -> Self {
        Self { db, statement, arguments }
    }

    /// Runs it and gives the cursor that stands before its first row.
    #[track_caller]
    pub fn cursor(self) -> impl Future<Output = Result<Cursor>> + Send + 'a {
        self.run(Location::caller())
    }

    async fn run(self, site: &'static Location<'static>) -> Result<Cursor> {
        let mut cursor = cursor(self.db, site).await?;
        let flavor = cursor.info().dialect.flavor;
        let arguments = self.arguments.into_iter().map(checked).collect::<Result<Vec<_>>>()?;
        let parameters = parameters(self.statement.pieces, &arguments, flavor)?;
        if self.statement.has_lists() {
            let text = self.statement.write(flavor, |argument| arguments[argument].len());
            cursor.execute(&text, parameters).await?;
        } else {
            let text = self.statement.text.get_or_init(|| self.statement.write(flavor, |_| 0));
            cursor.execute(text, parameters).await?;
        }
        Ok(cursor)
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn exec(self) -> impl Future<Output = Result<Outcome>> + Send + 'a {
        let cursor = self.cursor();
        async move { cursor.await?.finish().await }
    }

    /// Runs it and reads all rows.
    #[track_caller]
    pub fn all<T: FromRow + Send + 'a>(self) -> impl Future<Output = Result<Vec<T>>> + Send + 'a {
        let cursor = self.cursor();
        async move { cursor.await?.fetch_all().await }
    }

    /// Runs it and reads the first row, `None` where there is none.
    #[track_caller]
    pub fn first<T: FromRow + Send + 'a>(self) -> impl Future<Output = Result<Option<T>>> + Send + 'a {
        let cursor = self.cursor();
        async move { cursor.await?.fetch_one().await }
    }

    /// Runs it and reads the first row. None is a `RowNotFound` error.
    #[track_caller]
    pub fn require<T: FromRow + Send + 'a>(self) -> impl Future<Output = Result<T>> + Send + 'a {
        let first = self.first();
        async move { first.await?.ok_or_else(no_row) }
    }

    /// Runs it and reads the first column of the first row. No row is a `RowNotFound` error.
    #[track_caller]
    pub fn value<T: FromValue + Send + 'a>(self) -> impl Future<Output = Result<T>> + Send + 'a {
        let first = self.first::<(T,)>();
        async move { first.await?.map(|row| row.0).ok_or_else(no_row) }
    }
}

#[cold]
fn no_row() -> Error {
    Error::new(ErrorKind::RowNotFound, "the statement gave no row, and one was required")
}

/// An argument whose values could be bound.
enum Checked<'a> {
    One(Bound<'a>),
    List(Vec<Bound<'a>>),
}

impl Checked<'_> {
    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::List(list) => list.len(),
        }
    }
}

fn checked(argument: SqlArgument<'_>) -> Result<Checked<'_>> {
    match argument {
        SqlArgument::One(value) => value.map(Checked::One),
        SqlArgument::List(list) => list.map(Checked::List),
    }
}

/// A parameter of a statement.
struct Parameter<'a>(Bound<'a>);

impl ToValue for Parameter<'_> {
    fn to_value(&self) -> Result<Bound<'_>> {
        Ok(Bound::Borrowed(self.0.as_ref()))
    }
}

fn parameters<'a>(pieces: &[Piece], arguments: &'a [Checked<'_>], flavor: Flavor) -> Result<Vec<Parameter<'a>>> {
    let mut parameters = Vec::with_capacity(arguments.len());
    let borrowed = |bound: &'a Bound<'_>| Parameter(Bound::Borrowed(bound.as_ref()));
    let places = pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_)));
    for (place, argument) in places.zip(arguments) {
        match (place, argument) {
            (_, Checked::One(value)) => parameters.push(borrowed(value)),
            (Piece::In | Piece::NotIn, Checked::List(list)) if flavor == Flavor::Postgres => {
                let values = list.iter().map(|value| ValueOf(value).owned()).collect::<Result<Vec<_>>>()?;
                parameters.push(Parameter(Bound::Owned(Value::Array(values))));
            }
            (Piece::In | Piece::NotIn, Checked::List(list)) => {
                let count = filled_up(list.len());
                parameters
                    .extend(list.iter().chain(std::iter::repeat(list.last()).flatten()).take(count).map(borrowed));
            }
            (_, Checked::List(list)) if list.is_empty() => {
                return Err(Error::new(ErrorKind::Parameters, "a list of no values can stand in `IN ({list..})` only"));
            }
            (_, Checked::List(list)) => parameters.extend(list.iter().map(borrowed)),
        }
    }
    Ok(parameters)
}

/// A value that is copied.
struct ValueOf<'v>(&'v Bound<'v>);

impl ValueOf<'_> {
    fn owned(&self) -> Result<Value> {
        self.0.as_ref().to_owned()
    }
}

/// Models whose columns stand side by side in one row, as `SELECT users.*, post.* FROM users JOIN post …` gives them: a tuple of models, and
/// of `Option`s of models where a left join may give none.
///
/// Each model takes the first columns of its names behind those of the model before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined<T>(pub T);

/// A model, or an `Option` of one, in a row of several.
pub trait JoinedPart: Sized + Send {
    /// Finds its columns from the first one on that is free; gives their places and the next one that is free.
    ///
    /// # Errors
    ///
    /// `ColumnNotFound` when one is missing.
    fn places(columns: &[oarlock_core::Column], first: usize) -> Result<(Vec<usize>, usize)>;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field and the column.
    fn read(places: &[usize], row: RowRef<'_>) -> Result<Self>;
}

impl<M: Model> JoinedPart for M {
    fn places(columns: &[oarlock_core::Column], first: usize) -> Result<(Vec<usize>, usize)> {
        let table = M::table();
        let mut places = Vec::new();
        for column in table.columns() {
            let found = columns.iter().skip(first).position(|found| *found.name == *column.name);
            let Some(found) = found else {
                return Err(Error::new(
                    ErrorKind::ColumnNotFound,
                    format!(
                        "{}.{}: there is no column {} from column {first} on",
                        table.model(),
                        column.field,
                        column.name
                    ),
                )
                .with_column(column.name.as_str()));
            };
            places.push(first + found);
        }
        let next = places.iter().max().map_or(first, |last| last + 1);
        Ok((places, next))
    }

    fn read(places: &[usize], row: RowRef<'_>) -> Result<Self> {
        M::read(places, row)
    }
}

impl<M: Model> JoinedPart for Option<M> {
    fn places(columns: &[oarlock_core::Column], first: usize) -> Result<(Vec<usize>, usize)> {
        <M as JoinedPart>::places(columns, first)
    }

    fn read(places: &[usize], row: RowRef<'_>) -> Result<Self> {
        if oarlock_core::__private::is_null(places, &[], row)? {
            return Ok(None);
        }
        <M as Model>::read(places, row).map(Some)
    }
}

macro_rules! tuples {
    ($(($($name:ident . $index:tt),+))+) => {$(
        impl<$($name: JoinedPart),+> FromRow for Joined<($($name,)+)> {
            type Plan = Vec<Vec<usize>>;

            fn plan(columns: &[oarlock_core::Column]) -> Result<Self::Plan> {
                let mut plan = Vec::new();
                let mut next = 0;
                for places in [$($name::places),+] {
                    let (found, after) = places(columns, next)?;
                    plan.push(found);
                    next = after;
                }
                Ok(plan)
            }

            fn from_row(plan: &Self::Plan, row: RowRef<'_>) -> Result<Self> {
                Ok(Self(($($name::read(&plan[$index], row)?,)+)))
            }
        }
    )+};
}

tuples! {
    (A.0, B.1)
    (A.0, B.1, C.2)
    (A.0, B.1, C.2, D.3)
    (A.0, B.1, C.2, D.3, E.4)
}
