//! The columns of a result: what they are called, and how their cells are read.

use std::sync::Arc;

use mysql_async::consts::{ColumnFlags, ColumnType};
use oarlock_core::Column;
use oarlock_core::result::Origin;
use oarlock_core::value::NativeType;

use crate::bind::Zone;
use crate::options::{TinyInt1, ZeroDates};

/// The character set that means bytes.
const BINARY: u16 = 63;

/// How the cells of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Signed,
    Unsigned,
    /// `TINYINT(1)` where truth values were asked for.
    Bool,
    Year,
    Bit,
    Float,
    Double,
    Decimal,
    Text,
    Bytes,
    Json,
    Date,
    DateTime,
    Timestamp,
    Time,
    /// What the contract has no value for.
    Native,
}

/// What a session decides about reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) zero_dates: ZeroDates,
    pub(crate) tinyint1: TinyInt1,
    pub(crate) zone: Zone,
}

/// The columns of a result set, resolved once for as long as the server describes them alike.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The description this was made from.
    raw: Arc<[mysql_async::Column]>,
    pub(crate) columns: Arc<[Column]>,
    pub(crate) kinds: Box<[Kind]>,
    pub(crate) reading: Reading,
}

impl Plan {
    pub(crate) fn new(raw: Arc<[mysql_async::Column]>, reading: Reading) -> Self {
        let columns = raw.iter().map(describe).collect();
        let kinds = raw.iter().map(|column| kind(column, reading.tinyint1)).collect();
        Self { raw, columns, kinds, reading }
    }

    /// Tells whether the plan holds for a description. The same statement may give other types for other parameters.
    pub(crate) fn fits(&self, raw: &Arc<[mysql_async::Column]>, reading: Reading) -> bool {
        self.reading == reading && (Arc::ptr_eq(&self.raw, raw) || self.raw == *raw)
    }
}

/// Describes a column in the contract's terms.
pub(crate) fn describe(column: &mysql_async::Column) -> Column {
    let origin = (!column.org_table_ref().is_empty() && !column.org_name_ref().is_empty())
        .then(|| Origin { table: column.org_table_str().into(), column: column.org_name_str().into() });
    Column {
        name: column.name_str().into(),
        native: NativeType::new(u32::from(column.column_type() as u8), type_name(column)),
        nullable: Some(!column.flags().contains(ColumnFlags::NOT_NULL_FLAG)),
        origin,
    }
}

fn kind(column: &mysql_async::Column, tinyint1: TinyInt1) -> Kind {
    use ColumnType as T;
    let unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let binary = column.character_set() == BINARY;
    match column.column_type() {
        T::MYSQL_TYPE_TINY if is_tinyint1(column) && tinyint1 == TinyInt1::Bool => Kind::Bool,
        T::MYSQL_TYPE_TINY
        | T::MYSQL_TYPE_SHORT
        | T::MYSQL_TYPE_INT24
        | T::MYSQL_TYPE_LONG
        | T::MYSQL_TYPE_LONGLONG => {
            if unsigned {
                Kind::Unsigned
            } else {
                Kind::Signed
            }
        }
        T::MYSQL_TYPE_YEAR => Kind::Year,
        T::MYSQL_TYPE_BIT => Kind::Bit,
        T::MYSQL_TYPE_FLOAT => Kind::Float,
        T::MYSQL_TYPE_DOUBLE => Kind::Double,
        T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => Kind::Decimal,
        // Its text is UTF-8 whatever the description says.
        T::MYSQL_TYPE_JSON => Kind::Json,
        T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => Kind::Date,
        T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 => Kind::DateTime,
        T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => Kind::Timestamp,
        T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => Kind::Time,
        T::MYSQL_TYPE_GEOMETRY | T::MYSQL_TYPE_VECTOR => Kind::Native,
        _ if binary => Kind::Bytes,
        _ => Kind::Text,
    }
}

/// Tells whether a column is declared as `TINYINT(1)`, which is what BOOL means.
fn is_tinyint1(column: &mysql_async::Column) -> bool {
    column.column_length() == 1 && !column.flags().contains(ColumnFlags::UNSIGNED_FLAG)
}

/// Names a type in the server's words, as far as the description tells.
fn type_name(column: &mysql_async::Column) -> String {
    use ColumnType as T;
    let flags = column.flags();
    let text =
        |text: &str, bytes: &str| if column.character_set() == BINARY { bytes.to_owned() } else { text.to_owned() };
    let integer = |name: &str| {
        if flags.contains(ColumnFlags::UNSIGNED_FLAG) { format!("{name} UNSIGNED") } else { name.to_owned() }
    };
    match column.column_type() {
        T::MYSQL_TYPE_TINY if is_tinyint1(column) => "TINYINT(1)".to_owned(),
        T::MYSQL_TYPE_TINY => integer("TINYINT"),
        T::MYSQL_TYPE_SHORT => integer("SMALLINT"),
        T::MYSQL_TYPE_INT24 => integer("MEDIUMINT"),
        T::MYSQL_TYPE_LONG => integer("INT"),
        T::MYSQL_TYPE_LONGLONG => integer("BIGINT"),
        T::MYSQL_TYPE_FLOAT => "FLOAT".to_owned(),
        T::MYSQL_TYPE_DOUBLE => "DOUBLE".to_owned(),
        T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => decimal_name(column),
        T::MYSQL_TYPE_YEAR => "YEAR".to_owned(),
        T::MYSQL_TYPE_BIT => format!("BIT({})", column.column_length()),
        T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => "DATE".to_owned(),
        T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 => "DATETIME".to_owned(),
        T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => "TIMESTAMP".to_owned(),
        T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => "TIME".to_owned(),
        T::MYSQL_TYPE_JSON => "JSON".to_owned(),
        T::MYSQL_TYPE_GEOMETRY => "GEOMETRY".to_owned(),
        T::MYSQL_TYPE_VECTOR => "VECTOR".to_owned(),
        T::MYSQL_TYPE_NULL => "NULL".to_owned(),
        _ if flags.contains(ColumnFlags::ENUM_FLAG) => "ENUM".to_owned(),
        _ if flags.contains(ColumnFlags::SET_FLAG) => "SET".to_owned(),
        T::MYSQL_TYPE_STRING => text("CHAR", "BINARY"),
        T::MYSQL_TYPE_VARCHAR | T::MYSQL_TYPE_VAR_STRING => text("VARCHAR", "VARBINARY"),
        _ => text("TEXT", "BLOB"),
    }
}

/// Names a decimal. The length that is told counts the point and the sign as well.
fn decimal_name(column: &mysql_async::Column) -> String {
    let scale = u32::from(column.decimals());
    let unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let extra = u32::from(scale > 0) + u32::from(!unsigned);
    let unsigned = if unsigned { " UNSIGNED" } else { "" };
    format!("DECIMAL({},{scale}){unsigned}", column.column_length().saturating_sub(extra))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(column_type: ColumnType) -> mysql_async::Column {
        mysql_async::Column::new(column_type).with_character_set(45)
    }

    #[test]
    fn types_are_named_as_they_are_declared() {
        use ColumnType as T;
        for (column, name) in [
            (column(T::MYSQL_TYPE_TINY).with_column_length(1), "TINYINT(1)"),
            (column(T::MYSQL_TYPE_TINY).with_column_length(4), "TINYINT"),
            (column(T::MYSQL_TYPE_LONGLONG).with_flags(ColumnFlags::UNSIGNED_FLAG), "BIGINT UNSIGNED"),
            (column(T::MYSQL_TYPE_NEWDECIMAL).with_column_length(12).with_decimals(2), "DECIMAL(10,2)"),
            (column(T::MYSQL_TYPE_VAR_STRING), "VARCHAR"),
            (column(T::MYSQL_TYPE_VAR_STRING).with_character_set(BINARY), "VARBINARY"),
            (column(T::MYSQL_TYPE_STRING).with_flags(ColumnFlags::ENUM_FLAG), "ENUM"),
            (column(T::MYSQL_TYPE_BLOB), "TEXT"),
        ] {
            assert_eq!(describe(&column).native.name(), name);
        }
    }

    #[test]
    fn an_expression_has_no_origin() {
        assert_eq!(describe(&column(ColumnType::MYSQL_TYPE_LONG).with_name(b"n")).origin, None);
        let told = describe(&column(ColumnType::MYSQL_TYPE_LONG).with_org_table(b"t").with_org_name(b"id"));
        assert_eq!(told.origin.map(|origin| (origin.table, origin.column)), Some(("t".into(), "id".into())));
    }
}
