//! How a table's definition follows what the program says of it.

use oarlock_core::schema::Table;

use super::{Layout, Stored, StoredColumn};

/// Makes the definition of a new table.
pub(crate) fn new_table(id: u32, table: Table) -> Stored {
    let columns = (0..).zip(&table.columns).map(|(id, column)| StoredColumn { id, ty: column.ty.clone() });
    let columns: Vec<StoredColumn> = columns.collect();
    let next_column = u32::try_from(columns.len()).unwrap_or(u32::MAX);
    Stored { id, table: settled(table), layouts: vec![Layout { columns }], next_column }
}

/// Gives the definition that a table has after a change, `None` where there is nothing to change.
///
/// A column is the one that has its name, else the one that it says it was renamed from.
pub(crate) fn evolved(old: &Stored, table: Table) -> Option<Stored> {
    let mut next_column = old.next_column;
    let before = old.layouts.last()?;
    let id_of = |name: &str| {
        let place = old.table.columns.iter().position(|column| column.name == name)?;
        Some(before.columns.get(place)?.id)
    };
    let mut columns = Vec::new();
    for column in &table.columns {
        let found = id_of(&column.name).or_else(|| id_of(column.renamed_from.as_deref()?));
        let id = found.unwrap_or_else(|| {
            next_column += 1;
            next_column - 1
        });
        columns.push(StoredColumn { id, ty: column.ty.clone() });
    }
    let table = settled(table);
    let layout = Layout { columns };
    if table == old.table && layout == *before {
        return None;
    }
    let mut layouts = old.layouts.clone();
    if layout != *before {
        layouts.push(layout);
    }
    Some(Stored { id: old.id, table, layouts, next_column })
}

/// Leaves out what a definition says of its past: said again, it is no change.
fn settled(mut table: Table) -> Table {
    table.renamed_from = None;
    for column in &mut table.columns {
        column.renamed_from = None;
        column.native_type = None;
    }
    table
}
