//! Records: structs that are kept as they are, by their fields and without SQL.

use crate::Result;
use crate::schema::Table;
use crate::value::ValueRef;

/// A struct that a record store keeps.
///
/// `derive(Model)` writes it beside the model where oarlock's feature `store` is on. Values go straight from the fields into the record's bytes and
/// back: there is no row in between.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a record",
    label = "not kept by a record store",
    note = "a struct becomes one by `#[derive(Model)]`, with oarlock's feature `store`"
)]
pub trait Record: Sized + Send + Sync + 'static {
    /// The type of the primary key: that of its field, or a tuple where it has several.
    type Key: Send + Sync + 'static;

    /// Gives what the struct says about its table. It is the same one each time.
    fn definition() -> &'static Definition;

    /// Gives the values of a primary key, in the order of its columns.
    ///
    /// # Errors
    ///
    /// That of a value that cannot be kept, and the sink's.
    fn encode_key<S: Sink>(key: &Self::Key, sink: &mut S) -> Result<()>;

    /// Gives the values of the fields, in the order of the table's columns.
    ///
    /// # Errors
    ///
    /// That of a value that cannot be kept, and the sink's.
    fn encode<S: Sink>(&self, sink: &mut S) -> Result<()>;

    /// Makes the struct of values, in the order of the table's columns.
    ///
    /// # Errors
    ///
    /// `Conversion` that names the field, and the source's.
    fn decode<'f, F: Fields<'f>>(fields: &mut F) -> Result<Self>;

    /// Holds the values against the struct's own rules.
    ///
    /// # Errors
    ///
    /// `Invalid` that tells what is wrong with which field.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// A struct of several columns that stands in a record.
pub trait RecordPart: Sized {
    /// Gives the values of the fields: see [`Record::encode`].
    ///
    /// # Errors
    ///
    /// As there.
    fn encode<S: Sink>(&self, sink: &mut S) -> Result<()>;

    /// Makes the struct of values: see [`Record::decode`].
    ///
    /// # Errors
    ///
    /// As there.
    fn decode<'f, F: Fields<'f>>(fields: &mut F) -> Result<Self>;
}

/// What a record says about its table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Definition {
    /// The struct's name, for messages.
    pub name: &'static str,
    /// The table.
    pub table: Table,
    /// The column that holds when the record was made.
    pub created_at: Option<usize>,
    /// The column that holds when the record was last changed.
    pub updated_at: Option<usize>,
    /// The column that counts the updates, for optimistic locking.
    pub version: Option<usize>,
    /// The column that holds when the record was deleted, which is then still there.
    pub deleted_at: Option<usize>,
}

impl Definition {
    /// Makes a definition of a table whose columns have no roles.
    #[must_use]
    pub const fn new(name: &'static str, table: Table) -> Self {
        Self { name, table, created_at: None, updated_at: None, version: None, deleted_at: None }
    }
}

/// What takes values one after the other.
pub trait Sink {
    /// Takes the next value.
    ///
    /// # Errors
    ///
    /// The sink's own.
    fn put(&mut self, value: ValueRef<'_>) -> Result<()>;
}

/// What gives values one after the other.
pub trait Fields<'f> {
    /// Gives the next value.
    ///
    /// # Errors
    ///
    /// The source's own, and where there is none left.
    fn next(&mut self) -> Result<ValueRef<'f>>;
}

/// Whether a value of type `V` can stand in a column of this type: the type itself, and what can be compared with it without a conversion.
#[diagnostic::on_unimplemented(message = "a column of `{Self}` holds no `{V}`", label = "expected a value of `{Self}`")]
pub trait Accepts<V: ?Sized> {}

#[diagnostic::do_not_recommend]
impl<T> Accepts<T> for T {}
#[diagnostic::do_not_recommend]
impl<T> Accepts<T> for Option<T> {}
impl Accepts<str> for String {}
impl Accepts<str> for Option<String> {}
impl Accepts<[u8]> for Vec<u8> {}
impl Accepts<[u8]> for Option<Vec<u8>> {}
