//! The pipeline whose run is waited for.

use oarlock_core::{BufferedCursor, Db, Params, Result, TxOptions};

use super::wait;

/// A pipeline whose run is waited for: see [`oarlock::Pipeline`](crate::Pipeline).
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # fn main() -> oarlock::Result<()> {
/// let db = oarlock::blocking::connect("sqlite::memory:")?;
/// db.script("CREATE TABLE t (a INTEGER)")?;
/// let mut results = db.pipeline().add("INSERT INTO t VALUES (?)", (7,)).add("SELECT a FROM t", ()).run()?;
/// assert_eq!(results[1].fetch_one::<(i64,)>()?, Some((7,)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Pipeline<'p, D>(crate::Pipeline<'p, D>);

impl<'p, D: Db> Pipeline<'p, D> {
    pub(super) fn new(inner: crate::Pipeline<'p, D>) -> Self {
        Self(inner)
    }

    /// Sets the options of the transaction: see [`Pipeline::options`](crate::Pipeline::options).
    pub fn options(&mut self, options: TxOptions) -> &mut Self {
        self.0.options(options);
        self
    }

    /// Adds a statement with its parameters: see [`Pipeline::add`](crate::Pipeline::add).
    pub fn add(&mut self, sql: &'p str, params: impl Params + 'p) -> &mut Self {
        self.0.add(sql, params);
        self
    }

    /// Gives the number of statements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are no statements.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs the statements and gives their results: see [`Pipeline::run`](crate::Pipeline::run).
    ///
    /// # Errors
    ///
    /// As its asynchronous namesake.
    pub fn run(&self) -> Result<Vec<BufferedCursor>> {
        wait(self.0.run())
    }
}
