//! Functions and collations of the program's own, in SQL.
//!
//! They belong to the options, and not to a connection: a pool's connections all have them, and a reset, which may open the
//! database anew, keeps them.

use std::cmp::Ordering;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use oarlock_core::{Error, ErrorKind, FromValue, Result, ToValue, Value, ValueRef};
use rusqlite::Connection;
use rusqlite::functions::{self, Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef as Stored};

use crate::bind::stored;
use crate::program;

type Scalar = dyn Fn(&Arguments<'_>) -> Result<Value> + Send + Sync;
type Make = dyn Fn() -> Box<dyn Aggregate> + Send + Sync;
type Compare = dyn Fn(&str, &str) -> Ordering + Send + Sync;

/// A function that SQL may call.
///
/// It runs on a worker thread and may take its time. Its error, and a panic in it, is a `Database` error of the statement. Without
/// [`innocuous`](Self::innocuous) it can be called by the program's own statements only, and not by what stands in the file.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use oarlock_core::factory::Purpose;
/// use oarlock_sqlite::{Function, Location, SqliteConnector, SqliteOptions};
///
/// let slug = Function::scalar("slug", 1, |arguments| {
///     Ok(arguments.get::<String>(0)?.to_lowercase().replace(' ', "-"))
/// });
/// let options = SqliteOptions::new(Location::Memory).function(slug.deterministic());
/// let connector = Arc::new(SqliteConnector::new(options, Purpose::Pool));
/// // oarlock::Pool::new(connector, PoolOptions::new())
/// ```
#[derive(Clone)]
pub struct Function {
    name: Arc<str>,
    arity: i32,
    flags: FunctionFlags,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Scalar(Arc<Scalar>),
    Aggregate(Arc<Make>),
}

/// An aggregate function at work on one group of rows.
pub trait Aggregate: Send {
    /// Takes a row.
    ///
    /// # Errors
    ///
    /// Ends the statement.
    fn step(&mut self, arguments: &Arguments<'_>) -> Result<()>;

    /// Gives the result; without a row it is the first and only call.
    ///
    /// # Errors
    ///
    /// Ends the statement.
    fn finish(self: Box<Self>) -> Result<Value>;
}

impl Function {
    /// Takes any number of arguments, as an arity.
    pub const VARIADIC: i32 = -1;

    /// Makes a function of one row's values, with so many arguments. One of SQLite's own that has the same name and arity is
    /// replaced.
    #[must_use]
    pub fn scalar<T, F>(name: &str, arity: i32, body: F) -> Self
    where
        T: ToValue,
        F: Fn(&Arguments<'_>) -> Result<T> + Send + Sync + 'static,
    {
        let scalar: Arc<Scalar> = Arc::new(move |arguments| body(arguments)?.to_value()?.into_value());
        Self::new(name, arity, Body::Scalar(scalar))
    }

    /// Makes a function of many rows' values, with so many arguments; each group of rows gets an [`Aggregate`] of its own.
    #[must_use]
    pub fn aggregate<A, F>(name: &str, arity: i32, make: F) -> Self
    where
        A: Aggregate + 'static,
        F: Fn() -> A + Send + Sync + 'static,
    {
        Self::new(name, arity, Body::Aggregate(Arc::new(move || Box::new(make()))))
    }

    fn new(name: &str, arity: i32, body: Body) -> Self {
        Self { name: name.into(), arity, flags: FunctionFlags::SQLITE_UTF8, body }
    }

    /// Promises the same result for the same arguments: SQLite may then call it less often, and an index may use it.
    #[must_use]
    pub fn deterministic(mut self) -> Self {
        self.flags |= FunctionFlags::SQLITE_DETERMINISTIC;
        self
    }

    /// Promises that it has no side effects and tells nothing but what its arguments tell: views, triggers, checks and
    /// indexes may then call it, whoever has written them into the file.
    #[must_use]
    pub fn innocuous(mut self) -> Self {
        self.flags |= FunctionFlags::SQLITE_INNOCUOUS;
        self
    }

    /// Tells whether SQLite has a function of this name that runs on the caller's thread.
    pub(crate) fn shadows(&self) -> bool {
        program::is_short_function(&self.name.to_ascii_lowercase())
    }

    pub(crate) fn install(&self, db: &Connection) -> rusqlite::Result<()> {
        // Without the promise, not even a schema that is trusted may call it.
        let flags = if self.flags.contains(FunctionFlags::SQLITE_INNOCUOUS) {
            self.flags
        } else {
            self.flags | FunctionFlags::SQLITE_DIRECTONLY
        };
        match &self.body {
            Body::Scalar(body) => {
                let (name, body) = (Arc::clone(&self.name), Arc::clone(body));
                db.create_scalar_function(&*self.name, self.arity, flags, move |context| {
                    body(&Arguments { context }).and_then(own).map_err(|error| failed(&name, error))
                })
            }
            Body::Aggregate(make) => db.create_aggregate_function(
                &*self.name,
                self.arity,
                flags,
                Aggregates { name: Arc::clone(&self.name), make: Arc::clone(make) },
            ),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name).field("arity", &self.arity).finish_non_exhaustive()
    }
}

/// The same function is equal to its clones alone: what it does cannot be compared.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.name, &other.name) && self.arity == other.arity && self.flags.bits() == other.flags.bits()
    }
}

impl Eq for Function {}

/// The arguments of a call, in the form in which SQLite stores them: integers, floating-point numbers, text, bytes.
pub struct Arguments<'a> {
    context: &'a Context<'a>,
}

impl Arguments<'_> {
    /// Tells how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.context.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.context.is_empty()
    }

    /// Gives an argument, counted from 0.
    ///
    /// # Errors
    ///
    /// `Conversion` for a value that does not fit the type, or an argument that was not given.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        let argument = |error: Error| error.context(format_args!("argument {index}"));
        T::from_value(self.value(index).map_err(argument)?).map_err(argument)
    }

    /// Gives an argument as it is stored, counted from 0.
    ///
    /// # Errors
    ///
    /// `Conversion` for an argument that was not given, or text that is not UTF-8.
    pub fn value(&self, index: usize) -> Result<ValueRef<'_>> {
        if index >= self.len() {
            return Err(Error::new(ErrorKind::Conversion, format!("{} arguments were given", self.len())));
        }
        Ok(match self.context.get_raw(index) {
            Stored::Null => ValueRef::Null,
            Stored::Integer(value) => ValueRef::I64(value),
            Stored::Real(value) => ValueRef::F64(value),
            Stored::Text(text) => ValueRef::Text(
                std::str::from_utf8(text).map_err(|_| Error::new(ErrorKind::Conversion, "the text is not UTF-8"))?,
            ),
            Stored::Blob(bytes) => ValueRef::Bytes(bytes),
        })
    }
}

impl fmt::Debug for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// rusqlite's side of an aggregate: a maker of states.
struct Aggregates {
    name: Arc<str>,
    make: Arc<Make>,
}

/// After a panic SQLite ends the statement, and nobody looks at the state again.
type State = AssertUnwindSafe<Box<dyn Aggregate>>;

impl functions::Aggregate<State, Owned> for Aggregates {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<State> {
        Ok(AssertUnwindSafe((self.make)()))
    }

    fn step(&self, context: &mut Context<'_>, state: &mut State) -> rusqlite::Result<()> {
        state.0.step(&Arguments { context }).map_err(|error| failed(&self.name, error))
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<State>) -> rusqlite::Result<Owned> {
        let state = state.map_or_else(|| (self.make)(), |state| state.0);
        state.finish().and_then(own).map_err(|error| failed(&self.name, error))
    }
}

/// Gives a result the form in which it would be stored as a parameter.
fn own(value: Value) -> Result<Owned> {
    let unfit = || Error::new(ErrorKind::Internal, "a result has no form in sqlite");
    match stored(value.as_ref(), false)? {
        ToSqlOutput::Borrowed(value) => Owned::try_from(value).map_err(|_| unfit()),
        ToSqlOutput::Owned(value) => Ok(value),
        _ => Err(unfit()),
    }
}

/// SQLite keeps of an error its text alone, and what it begins with tells whose it is.
fn failed(name: &str, error: Error) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(Box::new(error.context(format_args!("function {name}"))))
}

/// An order of texts that SQL may name: `ORDER BY name COLLATE german`.
///
/// It runs wherever the statement runs, which may be an asynchronous thread, and must be as short as a comparison is. An
/// index keeps its rows in this order: every program that writes to the file has to have the same one.
#[derive(Clone)]
pub struct Collation {
    name: Arc<str>,
    compare: Arc<Compare>,
}

impl Collation {
    /// Makes a collation, which has to be a total order.
    #[must_use]
    pub fn new(name: &str, compare: impl Fn(&str, &str) -> Ordering + Send + Sync + 'static) -> Self {
        Self { name: name.into(), compare: Arc::new(compare) }
    }

    pub(crate) fn install(&self, db: &Connection) -> rusqlite::Result<()> {
        let compare = Arc::clone(&self.compare);
        db.create_collation(&*self.name, move |a, b| compare(a, b))
    }
}

impl fmt::Debug for Collation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collation").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A collation is equal to its clones alone.
impl PartialEq for Collation {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.name, &other.name)
    }
}

impl Eq for Collation {}
