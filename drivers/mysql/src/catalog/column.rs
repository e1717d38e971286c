//! The columns of tables.

use oarlock_core::schema::{Auto, Column, Default, Generated, GeneratedKind, Table, Type};
use oarlock_core::{Dialect, Result};

use super::record::Record;
use super::{Scope, expression, find, scoped};
use crate::connection::MysqlConnection;

const COLUMNS: &str = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, \
    GENERATION_EXPRESSION, COLLATION_NAME, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ?";

pub(super) async fn read(connection: &mut MysqlConnection, scope: Scope<'_>, tables: &mut [Table]) -> Result<()> {
    let (dialect, mariadb) = (connection.info.dialect, connection.server.mariadb);
    let order = " ORDER BY TABLE_NAME, ORDINAL_POSITION";
    for mut row in scoped(connection, COLUMNS, "TABLE_NAME", order, scope).await? {
        // The columns of views come as well.
        if let Some(table) = find(tables, &row.text()) {
            let column = column(&mut row, table.options.collation.as_deref(), &dialect, mariadb);
            table.columns.push(column);
        }
    }
    Ok(())
}

fn column(row: &mut Record, table_collation: Option<&str>, dialect: &Dialect, mariadb: bool) -> Column {
    let name = row.text();
    let native = row.text();
    let ty = Type::from_native(&native, dialect);
    let nullable = row.text() == "YES";
    let default = row.take_text();
    let extra = row.text().to_ascii_uppercase();
    let generated = row.take_text().filter(|text| !text.is_empty());
    let collation = row.take_text().filter(|name| Some(name.as_str()) != table_collation);
    let comment = row.take_text().filter(|text| !text.is_empty());

    let default = default.and_then(|text| {
        let sql = match () {
            () if mariadb => text,
            () if extra.contains("DEFAULT_GENERATED") => expression(text, mariadb),
            () => quoted(text, &native),
        };
        Default::from_native(&sql, &ty, dialect)
    });
    let mut column = Column::new(name, ty).native_type(native);
    column.nullable = nullable;
    column.default = default;
    column.generated = generated.map(|text| {
        let kind = if extra.contains("VIRTUAL") { GeneratedKind::Virtual } else { GeneratedKind::Stored };
        Generated::new(expression(text, mariadb), kind)
    });
    column.auto = extra.contains("AUTO_INCREMENT").then_some(Auto::ByDefault);
    column.collation = collation;
    column.comment = comment;
    column
}

/// Writes a constant of MySQL's catalog as SQL: all but numbers stand there without quotes.
fn quoted(text: String, native: &str) -> String {
    let kind = native.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_lowercase();
    let numeric = matches!(
        kind.as_str(),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "bit" | "year"
    );
    // A default of bytes comes as 0x….
    if numeric || (text.starts_with("0x") && kind.ends_with("binary")) {
        return text;
    }
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn constants_of_mysql_get_their_quotes() {
        for (text, native, sql) in [
            ("it's", "varchar(20)", "'it''s'"),
            ("1.50", "decimal(10,2)", "1.50"),
            ("b'101'", "bit(3)", "b'101'"),
            ("2024-01-01", "date", "'2024-01-01'"),
            ("0x00FF", "varbinary(2)", "0x00FF"),
            (r"a\b", "enum('a')", r"'a\\b'"),
        ] {
            assert_eq!(quoted(text.to_owned(), native), sql);
        }
    }
}
