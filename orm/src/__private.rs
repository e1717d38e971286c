//! What the code of `derive(Model)` names. Not for users: it changes without notice.

pub use inventory;
pub use oarlock_core::schema::Action;
pub use oarlock_core::value::{Json, Value};
pub use oarlock_core::{Db, Dialect};

pub use crate::__record as record;
pub use crate::expr::{Argument, Column as ModelColumn};
pub use crate::model::{
    ColumnDef, DefaultDef, Document, Embed, Embedded, FieldDef, FieldKind, ForeignKeyDef, Model, ModelDef, Role,
    Stored, TableInfo, foreign_key, foreign_keys,
};
pub use crate::query::All;
pub use crate::relation::{KeyOf, ManyRelation, Relation};
pub use crate::sql::{
    List as SqlList, Piece as SqlPiece, Single as SqlSingle, Sql, SqlArgument, Statement as SqlStatement,
};
#[cfg(feature = "store")]
pub use crate::store::{record_definition, validate_record};
pub use crate::validate::{Hooks, Rule};
pub use crate::write::{Assign, Create, CreateBy, Draft, Execute, UniqueKey, Update, Upsert};

use oarlock_core::value::Bound;
use oarlock_core::{Column, Error, ErrorKind, FromValue, Result};

use crate::expr::Assigned;

/// Finds a model's columns by their names.
pub fn plan_model<M: Model>(columns: &[Column]) -> Result<Box<[usize]>> {
    let table = M::table();
    table.columns().iter().map(|column| oarlock_core::__private::find(columns, &column.name, table.model())).collect()
}

/// Gives the places of as many columns as a struct has.
#[inline]
pub fn exactly<const N: usize>(columns: &[usize]) -> Result<&[usize; N]> {
    columns.try_into().map_err(|_| Error::new(ErrorKind::Internal, "a row is read by a plan of another length"))
}

#[cold]
pub fn no_column(column: usize) -> Error {
    Error::new(ErrorKind::Internal, format!("there is no column {column} in this struct"))
}

pub fn assign<W: Assign, T>(write: &mut W, column: usize, value: impl Argument<T>) {
    write.assign(column, value.into_assigned());
}

pub fn document(bound: Result<Bound<'_>>) -> Result<Assigned> {
    bound.and_then(Bound::into_value).map(Assigned::Value)
}

/// Has a function of the program's check a value; NULL in a field that is no `Option` is not its matter.
pub fn validate<T: FromValue, E: Into<String>>(
    value: &Value,
    check: impl Fn(&T) -> Result<(), E>,
) -> Result<(), String> {
    match T::from_value(value.as_ref()) {
        Ok(value) => check(&value).map_err(Into::into),
        Err(_) => Ok(()),
    }
}
