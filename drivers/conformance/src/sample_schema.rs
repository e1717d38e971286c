//! A schema with something of everything that a catalog must find again.
//!
//! Names that need quoting, every type that the dialect has, defaults of every kind, generated columns, keys of one and
//! several columns, foreign keys with actions, to the table itself and in a circle, checks, and the kinds of index that the
//! driver declares.

use oarlock_core::dialect::Flavor;
use oarlock_core::schema::{
    Action, Check, Column, Default, EnumType, ForeignKey, Index, IndexPart, Literal, Schema, Table, Type, Unique, View,
    render,
};
use oarlock_core::{Capabilities, Dialect};

/// A name with each dialect's quotes and letters beyond ASCII.
pub const ODD: &str = "odd \"na`me\" 'ü' ?";

/// Makes the sample for a dialect and what its driver declares.
///
/// It is rendered by [`render::create_schema`] and removed by [`render::drop_schema`]; a catalog's tables are compared
/// with its own by [`equivalent`](oarlock_core::schema::equivalent).
///
/// # Examples
///
/// ```
/// use oarlock_conformance::sample_schema::sample_schema;
/// use oarlock_core::schema::{canonical, render};
/// use oarlock_core::{Capabilities, Dialect};
///
/// let dialect = Dialect::SQLITE;
/// let sample = sample_schema(&dialect, &Capabilities::NONE);
/// for statement in render::create_schema(&sample, &dialect)? {
///     // Execute it.
///     assert!(statement.starts_with("CREATE "));
/// }
/// for table in &sample.tables {
///     assert_eq!(canonical(&canonical(table, &dialect), &dialect), canonical(table, &dialect));
/// }
/// # Ok::<(), oarlock_core::Error>(())
/// ```
pub fn sample_schema(dialect: &Dialect, capabilities: &Capabilities) -> Schema {
    let quoted = |name: &str| dialect.quote_identifier(name);
    let orders = View::new(
        "Open orders",
        format!(
            "SELECT {id}, {placed} FROM {order} WHERE {closed} IS NULL",
            id = quoted("id"),
            placed = quoted("placed_at"),
            order = quoted("order"),
            closed = quoted("closed_at")
        ),
    )
    .columns(["id", "Placed"]);
    Schema::new()
        .table(line_item(dialect))
        .table(customer(dialect, capabilities))
        .table(order(dialect, capabilities))
        .table(odd(dialect))
        .table(every_type(dialect))
        .view(orders)
}

/// Mixed case, an expression index, and a circle of foreign keys with `order`.
fn customer(dialect: &Dialect, capabilities: &Capabilities) -> Table {
    let email = dialect.quote_identifier("Email");
    let mut table = Table::new("Customer")
        .column(Column::new("id", Type::Int8).auto())
        .column(Column::new("Email", Type::VarChar(120)).comment("it's where the bill goes"))
        .column(Column::new("name", Type::Text).nullable())
        .column(Column::new("mood", EnumType::new("mood", ["sad", "it's ok", "glad"])).default("it's ok"))
        .column(Column::new("lastOrder", Type::Int8).nullable())
        .column(Column::new("created_at", Type::Timestamp).default(Default::Now))
        .primary_key(["id"])
        .unique(["Email"])
        .check(Check::new(format!("{email} <> ''")).named("Customer has an e-mail"))
        .foreign_key(ForeignKey::new(["lastOrder"], "order", ["id"]).on_delete(Action::SetNull))
        .index(Index::new([IndexPart::column("created_at").descending(), IndexPart::column("id")]))
        .comment("who buys; 100% of them");
    if capabilities.expression_indexes {
        let lower = IndexPart::expression(format!("lower({email})"));
        table = table.index(Index::new([lower]).named("Customer by e-mail").unique());
    }
    table
}

/// A reserved word as its name, foreign keys with actions, and a partial index.
fn order(dialect: &Dialect, capabilities: &Capabilities) -> Table {
    let closed = dialect.quote_identifier("closed_at");
    let placed = dialect.quote_identifier("placed_at");
    let mut table = Table::new("order")
        .column(Column::new("id", Type::Int8))
        .column(Column::new("customer_id", Type::Int8))
        .column(Column::new("parent id", Type::Int8).nullable())
        .column(Column::new("placed_at", Type::Timestamp))
        .column(Column::new("closed_at", Type::Timestamp).nullable())
        .primary_key(["id"])
        .check(Check::new(format!("{closed} IS NULL OR {closed} >= {placed}")))
        .foreign_key(
            ForeignKey::new(["customer_id"], "Customer", ["id"]).on_delete(Action::Cascade).on_update(Action::Cascade),
        )
        .foreign_key(
            ForeignKey::new(["parent id"], "order", ["id"]).named("order of an order").on_delete(Action::SetNull),
        )
        .index(Index::new(["customer_id", "placed_at"]));
    if capabilities.partial_indexes {
        let open = Index::new(["placed_at"]).named("order still open").only_where(format!("{closed} IS NULL"));
        table = table.index(open);
    }
    table
}

/// A key of two columns, a foreign key of two columns, generated columns and a check of several parts.
fn line_item(dialect: &Dialect) -> Table {
    let (price, quantity) = (dialect.quote_identifier("price"), dialect.quote_identifier("Quantity"));
    let total = format!("{price} * {quantity}");
    let mut table = Table::new("line item")
        .column(Column::new("order_id", Type::Int8))
        .column(Column::new("position", Type::Int4))
        .column(Column::new("Quantity", Type::Int4).default(1))
        .column(Column::new("price", Type::Int8).default(0))
        .column(Column::new("of position", Type::Int4).nullable())
        .column(Column::new("total", Type::Int8).nullable().stored_as(total.clone()))
        .primary_key(["order_id", "position"])
        .check(Check::new(format!("{quantity} > 0 AND {quantity} <= 1000 OR {price} = 0")))
        .check(Check::new(format!("NOT ({price} < -5)")))
        .foreign_key(ForeignKey::new(["order_id"], "order", ["id"]).on_delete(Action::Cascade))
        .foreign_key(
            ForeignKey::new(["order_id", "of position"], "line item", ["order_id", "position"])
                .on_update(Action::Restrict),
        );
    if render::column_definition(&table, &Column::new("v", Type::Int8).nullable().virtual_as("1"), dialect).is_ok() {
        table = table.column(Column::new("twice", Type::Int8).nullable().virtual_as(format!("{price} + {price}")));
    }
    if dialect.flavor == Flavor::MySql {
        let note = Column::new("note", Type::Text).nullable();
        table = table.column(note).index(Index::new([IndexPart::column("note").prefix(20)]));
    }
    table
}

/// Names that only quotes make possible.
fn odd(dialect: &Dialect) -> Table {
    let here = dialect.quote_identifier(ODD);
    Table::new(ODD)
        .column(Column::new("select", Type::Int4))
        .column(Column::new(ODD, Type::VarChar(20)).default(r"back\slash 'n' quote"))
        .column(Column::new("per cent % of $1", Type::Bool).default(false))
        .column(Column::new("Ünïcödé 字", Type::Bool).default(true))
        .primary_key(["select"])
        .check(Check::new(format!("{here} <> 'x'")).named("odd \"check`"))
        .index(Index::new([ODD]).named("odd 'index'"))
        .index(Index::new(["per cent % of $1", "Ünïcödé 字"]).named("Unique; index").unique())
}

/// A column for every type that the dialect has, and defaults of every kind.
fn every_type(dialect: &Dialect) -> Table {
    let columns = [
        Column::new("bool", Type::Bool).default(true),
        Column::new("int2", Type::Int2).default(-3),
        Column::new("int4", Type::Int4).default(Default::expression("1 + 1")),
        Column::new("int8", Type::Int8).default(i64::MAX),
        Column::new("uint4", Type::UInt4).default(i64::from(u32::MAX)),
        Column::new("uint8", Type::UInt8).default(Literal::from(u64::MAX)),
        Column::new("float4", Type::Float4).nullable(),
        Column::new("float8", Type::Float8).default(Default::number("1.5")),
        Column::new("decimal", Type::decimal(12, 3)).default(Default::number("-1.50")),
        Column::new("any decimal", Type::Decimal { size: None }).nullable(),
        Column::new("text", Type::Text).default("it's"),
        Column::new("varchar", Type::VarChar(30)).default(""),
        Column::new("bytes", Type::Bytes).nullable(),
        Column::new("varbinary", Type::VarBinary(12)).default(vec![0, 39, 92, 255]),
        Column::new("uuid", Type::Uuid).default(Default::Uuid),
        Column::new("a uuid", Type::Uuid).default("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        Column::new("json", Type::Json).default(r#"{"a":[1]}"#),
        Column::new("date", Type::Date).default(Default::Now),
        Column::new("a date", Type::Date).default("2024-02-29"),
        Column::new("time", Type::Time).default(Default::Now),
        Column::new("datetime", Type::DateTime).default(Default::Now),
        Column::new("timestamp", Type::Timestamp).default(Default::Now),
        Column::new("first", Type::Timestamp).nullable(),
        Column::new("span", Type::Span).nullable(),
        Column::new("interval", Type::Interval).nullable(),
        Column::new("numbers", Type::Int8.array()).nullable(),
        Column::new("words", Type::Text.array()).nullable(),
        Column::new("size", EnumType::new("size", ["S", r"back\slash", "L"])).nullable(),
        Column::new("Native Mood", EnumType::new("Native Mood", ["sad", "it's ok"]).native()).default("sad"),
    ];
    let id = Column::new("id", Type::Uuid);
    let table = Table::new("every type").column(id).primary_key(["id"]);
    let keys = Unique::new(["varchar", "int4"]).named("Varchar and int4");
    let mut table = columns.into_iter().fold(table, |table, column| {
        // What the dialect lacks is another rule's business: there it must be refused.
        if render::column_type(&table, &column, dialect).is_ok() { table.column(column) } else { table }
    });
    table.uniques.push(keys);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use oarlock_core::schema::canonical;

    #[test]
    fn sample_is_written_in_every_dialect() {
        for (dialect, expressions, partial) in [
            (Dialect::SQLITE, true, true),
            (Dialect::POSTGRES, true, true),
            (Dialect::MYSQL, true, false),
            (Dialect::MARIADB, false, false),
        ] {
            let mut capabilities = Capabilities::NONE;
            capabilities.expression_indexes = expressions;
            capabilities.partial_indexes = partial;
            let sample = sample_schema(&dialect, &capabilities);
            let made = render::create_schema(&sample, &dialect).expect("the sample fits the dialect");
            let count = |word: &str| made.iter().filter(|sql| sql.starts_with(word)).count();
            assert_eq!((count("CREATE TABLE"), count("CREATE VIEW")), (5, 1), "{}", dialect.name);
            assert_eq!(made.iter().any(|sql| sql.contains(" WHERE ") && sql.contains("INDEX")), partial);
            for table in &sample.tables {
                let once = canonical(table, &dialect);
                assert_eq!(canonical(&once, &dialect), once, "{}", dialect.name);
            }
            let text = serde_json::to_string(&sample).expect("the model is data");
            let read: Schema = serde_json::from_str(&text).expect("it is read again");
            assert_eq!(read, sample);
        }
    }
}
