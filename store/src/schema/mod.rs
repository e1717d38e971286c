//! What a table is: what the file says of it, and what that means for records.

mod evolve;
mod resolve;

use oarlock_core::schema::{Table, Type};
use oarlock_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

pub(crate) use evolve::{evolved, new_table};
pub(crate) use resolve::{Foreign, KeyDef, Limit, TableDef, Target, position};

/// A table as the file keeps it: as JSON, for it is read once and should be readable without us.
///
/// Columns have numbers that are never given again. A record says in which layout it was written, and a layout says which columns it has, so adding,
/// dropping, renaming and retyping columns writes no record anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The table's number, which is never given again.
    pub(crate) id: u32,
    pub(crate) table: Table,
    /// The layouts that records may have, the last one that of new ones.
    pub(crate) layouts: Vec<Layout>,
    /// The next column's number.
    pub(crate) next_column: u32,
}

/// The columns of a record, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<StoredColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredColumn {
    pub(crate) id: u32,
    #[serde(rename = "type")]
    pub(crate) ty: Type,
}

impl Stored {
    pub(crate) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the definition of {} cannot be written", self.table.name))
                .with_source(error)
        })
    }

    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self> {
        let stored: Self = serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Internal, "the definition of a table cannot be read").with_source(error)
        })?;
        let columns = stored.layouts.last().map_or(0, |layout| layout.columns.len());
        if columns != stored.table.columns.len() {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("the definition of {} contradicts itself", stored.table.name),
            ));
        }
        Ok(stored)
    }
}
