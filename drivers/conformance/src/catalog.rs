//! Rule 58: the catalog gives back what was created.

use oarlock_core::schema::{canonical, render};
use oarlock_core::{Conn, DbExt, ErrorKind};

use crate::bench::Bench;
use crate::failure::{Verdict, refused};
use crate::sample_schema::{ODD, sample_schema};
use crate::tables::items;

/// Names of tables and schemas are listed, sorted; a table that is not there is `TableNotFound`.
pub async fn r58_the_catalog_lists_tables(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if !bench.capabilities().catalog {
        return no_catalog(&conn).await;
    }
    assert_eq!(conn.table_names(None).await?, Vec::<String>::new());
    assert_eq!(conn.tables(None).await?, []);
    items(&bench, &conn, 1).await?;
    let odd = bench.dialect().quote_identifier(ODD);
    conn.execute(&format!("CREATE TABLE {odd} (id int)"), ()).await?;
    assert_eq!(conn.table_names(None).await?, ["item", ODD]);
    assert_eq!(conn.table(None, ODD).await?.name, ODD);
    let missing = refused(conn.table(None, "nowhere").await, ErrorKind::TableNotFound, "a table that is not there");
    assert_eq!(missing.table().unwrap_or("nowhere"), "nowhere");
    refused(conn.table(None, "ITEM'; --").await, ErrorKind::TableNotFound, "a name that is no SQL");
    Ok(())
}

/// The catalog round-trips quoted and mixed-case identifiers, every type, defaults, generated columns, keys, foreign keys with
/// actions, checks, and the indexes that are declared.
pub async fn r58_the_catalog_round_trips_a_rich_schema(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if !bench.capabilities().catalog {
        return no_catalog(&conn).await;
    }
    let sample = sample_schema(bench.dialect(), bench.capabilities());
    for statement in render::create_schema(&sample, bench.dialect())? {
        conn.execute(&statement, ()).await.map_err(|error| error.context(&statement))?;
    }
    let mut names: Vec<&str> = sample.tables.iter().map(|table| table.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(conn.table_names(None).await?, names);
    let found = conn.tables(None).await?;
    assert_eq!(found.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), names);
    for table in &sample.tables {
        let one = conn.table(None, &table.name).await?;
        let same = found.iter().find(|found| found.name == table.name).expect("the names are the same");
        assert_eq!(&one, same, "one table alone and among all");
        let (mut wanted, mut got) = (canonical(table, bench.dialect()), canonical(&one, bench.dialect()));
        (wanted.schema, got.schema) = (None, None);
        assert_eq!(got, wanted, "found (left) and created (right)");
    }

    let views = conn.views(None).await?;
    assert_eq!(views.len(), sample.views.len());
    for (found, made) in views.iter().zip(&sample.views) {
        assert_eq!(found.name, made.name);
        // Where the names of the columns are in the query's own text, they need not be told again.
        assert!(found.columns == made.columns || found.columns.is_empty(), "{found:?}");
        let name = bench.dialect().quote_identifier(&made.name);
        let cursor = conn.query(&format!("SELECT * FROM {name}"), ()).await?;
        let columns: Vec<&str> = cursor.description().iter().map(|column| &*column.name).collect();
        assert_eq!(columns, made.columns);
    }
    Ok(())
}

/// What the catalog found, created again elsewhere, is found the same.
pub async fn r58_what_the_catalog_found_can_be_created_again(bench: Bench) -> Verdict {
    let conn = bench.conn().await?;
    if !bench.capabilities().catalog {
        return no_catalog(&conn).await;
    }
    let mut sample = sample_schema(bench.dialect(), bench.capabilities());
    sample.views.clear();
    for statement in render::create_schema(&sample, bench.dialect())? {
        conn.execute(&statement, ()).await.map_err(|error| error.context(&statement))?;
    }
    let first = conn.tables(None).await?;
    for statement in render::drop_schema(&sample, bench.dialect())? {
        conn.execute(&statement, ()).await.map_err(|error| error.context(&statement))?;
    }
    assert_eq!(conn.tables(None).await?, []);
    let mut again = sample.clone();
    again.tables = first.clone();
    for statement in render::create_schema(&again, bench.dialect())? {
        conn.execute(&statement, ()).await.map_err(|error| error.context(&statement))?;
    }
    assert_eq!(conn.tables(None).await?, first);
    Ok(())
}

/// Where the catalog is not declared, every question to it is `NotSupported`.
async fn no_catalog(conn: &Conn) -> Verdict {
    let missing = ErrorKind::NotSupported;
    refused(conn.schemas().await, missing, "the schemas");
    refused(conn.table_names(None).await, missing, "the tables' names");
    refused(conn.tables(None).await, missing, "the tables");
    refused(conn.table(None, "item").await, missing, "a table");
    refused(conn.views(None).await, missing, "the views");
    Ok(())
}
