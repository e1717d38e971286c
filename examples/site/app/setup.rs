//! Before the first page: the table, and the data in it.

use oarlock::migrate::{Migrator, Source};
use oarlock::{Error, ErrorKind, Model, Pool, Result};

use super::cities::{self, City, NewCity};

/// The cities of `GeoNames`: see `data/README.md` for source and licence.
const DATA: &str = include_str!("../data/cities.csv");

/// Brings the database to where the migrations lead.
pub async fn migrate(pool: &Pool, migrations: Source) -> Result<()> {
    Migrator::new(migrations).run(pool).await?;
    Ok(())
}

/// Imports the cities where there are none, and gives their number.
///
/// The import is one transaction: a start that was interrupted leaves an empty table, and the next start imports again.
pub async fn import(pool: &Pool) -> Result<usize> {
    if City::query().exists(pool).await? {
        return Ok(0);
    }
    cities::insert_all(pool, &read_data()?).await
}

/// Reads the data that is compiled in.
fn read_data() -> Result<Vec<NewCity>> {
    csv::Reader::from_reader(DATA.as_bytes())
        .deserialize()
        .collect::<Result<_, csv::Error>>()
        .map_err(|error| Error::new(ErrorKind::Io, format!("cities.csv: {error}")))
}
