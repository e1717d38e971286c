//! One line of the script: what is asked, and the answer.

use std::sync::PoisonError;

use oarlock_core::params::Bindings;
use oarlock_core::result::Notice;
use oarlock_core::{Error, Params, Value, ValueRef};

use crate::batch::Set;
use crate::mock::Mock;

/// What a statement's parameters must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    /// The names, where they were given by name.
    pub(crate) names: Option<Vec<String>>,
    /// The values.
    pub(crate) values: Vec<Value>,
}

impl Given {
    pub(crate) fn bind(params: &impl Params) -> Self {
        let mut bindings = Bindings::default();
        params.bind(&mut bindings).expect("an expectation's parameters can be bound");
        let names = bindings.names().expect("an expectation's parameters all have names, or none has");
        Self {
            names: names.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            values: bindings
                .values()
                .iter()
                .map(|value| ValueRef::to_owned(*value).expect("its values can be owned"))
                .collect(),
        }
    }

    /// Compares by position, or name by name whatever the order.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        match (&self.names, &other.names) {
            (Some(mine), Some(theirs)) => {
                let pairs = |names: &[String], values: &[Value]| {
                    let mut pairs: Vec<(String, Value)> = names.iter().cloned().zip(values.iter().cloned()).collect();
                    pairs.sort_by(|one, other| one.0.cmp(&other.0));
                    pairs
                };
                pairs(mine, &self.values) == pairs(theirs, &other.values)
            }
            (None, None) => self.values == other.values,
            _ => false,
        }
    }
}

/// How many rows an answer says were affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Affected {
    /// The number of rows that the answer gives, or of an `execute_many`.
    #[default]
    Given,
    /// This number.
    Rows(u64),
    /// No number, as after DDL.
    Uncounted,
}

/// The expected statement and its answer, as the script keeps them.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) sql: String,
    pub(crate) rows: Option<Vec<Given>>,
    pub(crate) sets: Vec<Set>,
    pub(crate) affected: Affected,
    pub(crate) inserted: Option<i64>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) error: Option<Error>,
}

/// What a [`Mock`] expects of one statement, to be said more exactly: see [`Mock::expect`].
///
/// Unless it is said, the parameters are not looked at, the answer has no rows, and no row was affected.
pub struct Expectation<'m> {
    mock: &'m Mock,
    /// Which line of the script it is, counted from the first that there ever was.
    number: usize,
}

impl<'m> Expectation<'m> {
    pub(crate) fn new(mock: &'m Mock, number: usize) -> Self {
        Self { mock, number }
    }

    fn set(self, change: impl FnOnce(&mut Line)) -> Self {
        let mut script = self.mock.script.lock().unwrap_or_else(PoisonError::into_inner);
        match script.line(self.number) {
            Some(line) => change(line),
            None => panic!("the expectation was used already: say all of it before the code under test runs"),
        }
        drop(script);
        self
    }

    /// Requires these parameters: a tuple, a slice, or `named! { … }` for a statement that names them.
    ///
    /// They are compared as values: `7_i32` and `7_i64` are the same integer, `7.0` is not.
    ///
    /// # Panics
    ///
    /// When a value cannot be bound.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn with(self, params: impl Params) -> Self {
        let given = Given::bind(&params);
        self.set(|line| line.rows = Some(vec![given]))
    }

    /// Requires an `execute_many` of these rows of parameters.
    ///
    /// # Panics
    ///
    /// When a value cannot be bound.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn with_many<P: Params>(self, rows: impl IntoIterator<Item = P>) -> Self {
        let rows = rows.into_iter().map(|row| Given::bind(&row)).collect();
        self.set(|line| line.rows = Some(rows))
    }

    /// Answers with rows: the names of the columns, and the values of each row as a tuple or a slice. Said again, it adds
    /// another result set.
    ///
    /// # Panics
    ///
    /// When a row has not as many values as there are columns.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn returns<'c, P: Params>(self, columns: impl AsRef<[&'c str]>, rows: impl IntoIterator<Item = P>) -> Self {
        let columns = columns.as_ref();
        let rows: Vec<Vec<Value>> = rows.into_iter().map(|row| Given::bind(&row).values).collect();
        for (index, row) in rows.iter().enumerate() {
            let (width, found) = (columns.len(), row.len());
            assert!(width == found, "row {index} of the answer has {found} values for {width} columns");
        }
        let set = Set::new(columns, rows);
        self.set(|line| line.sets.push(set))
    }

    /// Answers with a number of affected rows.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn affects(self, rows: u64) -> Self {
        self.set(|line| line.affected = Affected::Rows(rows))
    }

    /// Answers as DDL does: without a number of affected rows.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn affects_nothing_countable(self) -> Self {
        self.set(|line| line.affected = Affected::Uncounted)
    }

    /// Answers that one row was inserted, under this generated key.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn inserts(self, id: i64) -> Self {
        self.set(|line| {
            line.affected = Affected::Rows(1);
            line.inserted = Some(id);
        })
    }

    /// Adds a warning to the answer.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn warns(self, notice: Notice) -> Self {
        self.set(|line| line.notices.push(notice))
    }

    /// Fails: at once, or after the rows where there are any, as a server may.
    #[allow(clippy::return_self_not_must_use)] // The expectation stands in the script already.
    pub fn fails(self, error: Error) -> Self {
        self.set(|line| line.error = Some(error))
    }
}

impl std::fmt::Debug for Expectation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expectation").field("number", &self.number).finish_non_exhaustive()
    }
}
