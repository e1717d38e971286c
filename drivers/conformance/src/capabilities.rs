//! Rules 56 and 59: what is declared works, what is not is `NotSupported`; warnings can be read.

use oarlock_core::schema::{Index, IndexPart, render};
use oarlock_core::value::Interval;
use oarlock_core::{DbExt, ErrorKind, Value};

use crate::bench::Bench;
use crate::failure::{Verdict, refused};
use crate::required::missing;
use crate::tables::{count, item, items};

/// Warnings and notices can be read, once, and belong to their statement.
pub async fn r56_warnings_can_be_read(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    let mut cursor = conn.query("SELECT 1", ()).await?;
    if !bench.capabilities().warnings {
        assert_eq!(cursor.finish().await?.warnings, 0);
        assert_eq!(cursor.warnings().await?, []);
        return Ok(());
    }
    assert_eq!(cursor.warnings().await?, []);
    let warning = bench.fragments().warning.expect("warnings are declared: the fragments need a statement that warns");
    cursor.execute(warning, ()).await?;
    assert_eq!(cursor.finish().await?.warnings, 1);
    let warnings = cursor.warnings().await?;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("oar"), "{warnings:?}");
    assert_eq!(warnings[0].severity.to_uppercase(), "WARNING");
    assert!(warnings[0].code.is_some(), "{warnings:?}");
    cursor.execute("SELECT 1", ()).await?;
    assert_eq!(cursor.finish().await?.warnings, 0);
    assert_eq!(cursor.warnings().await?, [], "the next statement has none of them");
    Ok(())
}

/// The driver declares at least what is required of it, and says who it is.
pub async fn r59_the_driver_declares_what_is_required(bench: Bench) -> Verdict {
    let info = bench.info();
    let required = bench.setup().required(info);
    assert_eq!(
        missing(&required, &info.capabilities),
        Vec::<&str>::new(),
        "required, and not declared by {}",
        info.name
    );
    assert!(!info.name.is_empty());
    assert!(info.server.chars().any(|c| c.is_ascii_digit()), "{:?} tells no version", info.server);
    let conn = bench.conn().await?;
    assert_eq!((conn.info().name, &conn.info().capabilities), (info.name, &info.capabilities));
    Ok(())
}

/// Partial indexes and indexes on expressions work where they are declared, and are `NotSupported` elsewhere.
pub async fn r59_indexes_are_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 3).await?;
    let partial = Index::new(["n"]).named("item_partial").unique().only_where("n > 100");
    let expression = Index::new([IndexPart::expression("lower(name)")]).named("item_expression");
    let c = bench.capabilities();
    for (index, declared) in [(partial, c.partial_indexes), (expression, c.expression_indexes)] {
        let sql = render::create_index(&item(), &index, bench.dialect());
        if declared {
            conn.execute(&sql?, ()).await?;
        } else {
            refused(sql, ErrorKind::NotSupported, "the index");
        }
    }
    conn.execute("UPDATE item SET n = 1", ()).await?;
    if c.partial_indexes {
        let twice = conn.execute("UPDATE item SET n = 101", ()).await;
        refused(twice, ErrorKind::UniqueViolation, "a value twice where the partial index looks");
    }
    assert_eq!(count(&conn).await?, 3);
    Ok(())
}

/// Stored procedures can be called where they are declared, and are `NotSupported` elsewhere.
pub async fn r59_procedures_are_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if !bench.capabilities().procedures {
        refused(conn.call_procedure("add_one", (1,)).await, ErrorKind::NotSupported, "a procedure");
        return Ok(());
    }
    let procedure = bench.fragments().procedure.expect("procedures are declared: the fragments need one");
    conn.execute(procedure, ()).await?;
    let mut cursor = conn.call_procedure("add_one", (41,)).await?;
    let rows: Vec<(i64,)> = cursor.fetch_all().await?;
    assert_eq!(rows.last(), Some(&(42,)));
    drop(cursor);
    refused(conn.call_procedure("no_such", ()).await, ErrorKind::ObjectNotFound, "a procedure that is not there");
    Ok(())
}

/// Values of a kind that is not declared are `NotSupported` as parameters.
pub async fn r59_undeclared_values_are_not_supported(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    items(&bench, &conn, 1).await?;
    let c = bench.capabilities();
    for (value, declared, what) in [
        (Value::Array(vec![Value::I64(1)]), c.arrays, "an array"),
        (Value::Interval(Interval { months: 1, days: 2, micros: 3 }), c.intervals, "an interval"),
        (Value::Span(1_000_000), c.spans, "a span"),
        (Value::F64(f64::NAN), c.non_finite_floats, "NaN"),
        (Value::Text("a\0b".to_owned()), c.nul_in_text, "NUL in text"),
    ] {
        if !declared {
            let bound = conn.execute("UPDATE item SET name = ? WHERE id = 1", (&value,)).await;
            refused(bound, ErrorKind::NotSupported, what);
            let batch = conn.execute_many("UPDATE item SET name = ? WHERE id = 1", [(&value,)]).await;
            refused(batch, ErrorKind::NotSupported, what);
        }
    }
    assert_eq!(conn.fetch_value::<String>("SELECT name FROM item", ()).await?, "item 1");
    Ok(())
}

/// Schemas inside a database can be made and used where they are declared.
pub async fn r59_schemas_are_as_declared(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if !bench.capabilities().schemas {
        return Ok(());
    }
    let name = format!("{}_harbour", bench.place().name);
    bench.afterwards(format!("DROP SCHEMA {name}"));
    conn.execute(&format!("CREATE SCHEMA {name}"), ()).await?;
    bench.afterwards(format!("DROP TABLE {name}.item"));
    bench.create(&conn, &item().in_schema(&name)).await?;
    conn.execute(&format!("INSERT INTO {name}.item (id) VALUES (1)"), ()).await?;
    assert_eq!(conn.table_names(Some(&name)).await?, ["item"]);
    assert!(conn.schemas().await?.contains(&name));
    assert_eq!(conn.table_names(None).await?, Vec::<String>::new(), "the current schema has no tables");
    Ok(())
}
