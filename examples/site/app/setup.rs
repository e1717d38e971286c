//! Before the first page: the table, and the data in it.

use oarlock::dialect::Flavor;
use oarlock::schema::{Check, Column, Index, Table, Type, render};
use oarlock::{Db, DbExt, Dialect, Error, ErrorKind, Pool, Result};

use super::cities::{self, NewCity};

/// The cities of `GeoNames`: see `data/README.md` for source and licence.
const DATA: &str = include_str!("../data/cities.csv");

/// Creates the table where it is missing.
pub async fn create_table(pool: &Pool) -> Result<()> {
    if pool.table_names(None).await?.iter().any(|name| name == "city") {
        return Ok(());
    }
    let dialect = pool.lease().await?.info().dialect;
    for statement in render::create_table(&table(&dialect), &dialect)? {
        pool.execute(&statement, ()).await?;
    }
    Ok(())
}

/// Imports the cities where there are none, and gives their number.
///
/// The import is one transaction: a start that was interrupted leaves an empty table, and the next start imports again.
pub async fn import(pool: &Pool) -> Result<u64> {
    if pool.fetch_value::<i64>("SELECT COUNT(*) FROM city", ()).await? > 0 {
        return Ok(0);
    }
    let cities = &read_data()?;
    pool.transaction(|tx| async move { cities::insert_all(&tx, cities).await }).await
}

fn table(dialect: &Dialect) -> Table {
    // Names sort by code point on every engine: what oarlock renders for SQLite and MariaDB does so by itself.
    let sorted = |column: Column| match dialect.flavor {
        Flavor::Postgres => column.collation("C"),
        _ => column,
    };
    Table::new("city")
        .column(Column::new("id", Type::Int8).auto())
        .column(sorted(Column::new("name", Type::VarChar(200))))
        .column(sorted(Column::new("search_name", Type::VarChar(600))))
        .column(sorted(Column::new("country", Type::VarChar(100))))
        .column(sorted(Column::new("country_code", Type::VarChar(2))))
        .column(Column::new("region", Type::VarChar(20)))
        .column(Column::new("population", Type::Int8))
        .column(Column::new("latitude", Type::Float8))
        .column(Column::new("longitude", Type::Float8))
        .column(Column::new("timezone", Type::VarChar(50)))
        .primary_key(["id"])
        .unique(["name", "country_code", "region", "latitude", "longitude"])
        .check(Check::new("population >= 0").named("city_population"))
        .index(Index::new(["population"]).named("city_by_population"))
        .index(Index::new(["search_name"]).named("city_by_name"))
}

/// Reads the data that is compiled in.
fn read_data() -> Result<Vec<NewCity>> {
    csv::Reader::from_reader(DATA.as_bytes())
        .deserialize()
        .collect::<Result<_, csv::Error>>()
        .map_err(|error| Error::new(ErrorKind::Io, format!("cities.csv: {error}")))
}
