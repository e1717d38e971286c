//! The cities in the database: the same SQL on every engine.

use oarlock::{Db, DbExt, FromRow, Pool, Result, Value, named};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How many cities a page lists.
pub const PER_PAGE: i64 = 25;

/// A city as it is kept.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct City {
    pub id: i64,
    pub name: String,
    pub country: String,
    pub country_code: String,
    pub region: String,
    pub population: i64,
    pub latitude: f64,
    pub longitude: f64,
    pub timezone: String,
}

/// A city as the form and the data give it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct NewCity {
    pub name: String,
    pub country: String,
    pub country_code: String,
    pub region: String,
    pub population: i64,
    pub latitude: f64,
    pub longitude: f64,
    pub timezone: String,
}

/// What the list shows; it comes from the address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Filter {
    #[serde(default)]
    pub q: String,
    #[serde(default)]
    pub country: String,
    #[serde(default)]
    pub sort: Sort,
    #[serde(default)]
    pub page: i64,
    /// A city was just deleted.
    #[serde(default)]
    pub deleted: Option<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    #[default]
    Population,
    Name,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Self::Population => "population",
            Self::Name => "name",
        }
    }

    fn order(self) -> &'static str {
        match self {
            Self::Population => "population DESC, id",
            Self::Name => "search_name, id",
        }
    }
}

/// One page of the list.
pub struct Found {
    pub cities: Vec<City>,
    pub total: i64,
    /// Counted from 1; the last page when the address asked for one past it.
    pub page: i64,
    pub pages: i64,
}

const COLUMNS: &str = "id, name, country, country_code, region, population, latitude, longitude, timezone";

/// The form in which names are searched and sorted, without case and accents, so that "zurich" finds Zürich: the databases' own
/// ideas of what is alike differ.
pub fn search_form(name: &str) -> String {
    name.nfd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
}

/// Tells whether a text can be in the database at all: PostgreSQL takes no NUL, and no name is that long.
fn can_be_stored(text: &str) -> bool {
    !text.contains('\0') && text.len() <= 2_000
}

pub async fn find(db: &Pool, filter: &Filter) -> Result<Found> {
    if !can_be_stored(&filter.q) || !can_be_stored(&filter.country) {
        return Ok(Found { cities: Vec::new(), total: 0, page: 1, pages: 0 });
    }
    let mut conditions = vec!["1 = 1"];
    let mut values: Vec<Value> = Vec::new();
    let wanted = search_form(filter.q.trim());
    if !wanted.is_empty() {
        conditions.push("search_name LIKE ? ESCAPE '!'");
        let escaped = wanted.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        values.push(Value::Text(format!("%{escaped}%")));
    }
    if !filter.country.is_empty() {
        conditions.push("country_code = ?");
        values.push(Value::Text(filter.country.clone()));
    }
    let conditions = conditions.join(" AND ");
    let total: i64 = db.fetch_value(&format!("SELECT COUNT(*) FROM city WHERE {conditions}"), &values).await?;
    let pages = (total + PER_PAGE - 1) / PER_PAGE;
    let page = filter.page.clamp(1, pages.max(1));
    values.extend([Value::I64(PER_PAGE), Value::I64((page - 1) * PER_PAGE)]);
    let order = filter.sort.order();
    let sql = format!("SELECT {COLUMNS} FROM city WHERE {conditions} ORDER BY {order} LIMIT ? OFFSET ?");
    let cities = db.fetch_all(&sql, &values).await?;
    Ok(Found { cities, total, page, pages })
}

/// Gives the countries' codes and names, by name.
pub async fn countries(db: &Pool) -> Result<Vec<(String, String)>> {
    db.fetch_all("SELECT DISTINCT country_code, country FROM city ORDER BY country, country_code", ()).await
}

pub async fn get(db: &Pool, id: i64) -> Result<Option<City>> {
    db.fetch_one(&format!("SELECT {COLUMNS} FROM city WHERE id = ?"), (id,)).await
}

const INSERT: &str = "INSERT INTO city \
     (name, search_name, country, country_code, region, population, latitude, longitude, timezone) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Adds a city and gives its key: by RETURNING where the database has it, else by the connection's last key.
pub async fn insert(db: &Pool, city: &NewCity) -> Result<i64> {
    let search_name = search_form(&city.name);
    let row = (
        &city.name,
        &search_name,
        &city.country,
        &city.country_code,
        &city.region,
        city.population,
        city.latitude,
        city.longitude,
        &city.timezone,
    );
    let returning = db.lease().await?.info().capabilities.insert_returning;
    if returning {
        return db.fetch_value(&format!("{INSERT} RETURNING id"), row).await;
    }
    let outcome = db.execute(INSERT, row).await?;
    outcome
        .last_insert_id
        .ok_or_else(|| oarlock::Error::new(oarlock::ErrorKind::Internal, "the database gave the new city no key"))
}

/// Adds many cities, all or none, and gives their number.
pub async fn insert_all(db: &impl Db, cities: &[NewCity]) -> Result<u64> {
    let search_names: Vec<String> = cities.iter().map(|city| search_form(&city.name)).collect();
    let rows: Vec<_> = cities
        .iter()
        .zip(&search_names)
        .map(|(c, search)| {
            (
                &c.name,
                search,
                &c.country,
                &c.country_code,
                &c.region,
                c.population,
                c.latitude,
                c.longitude,
                &c.timezone,
            )
        })
        .collect();
    let outcome = db.execute_many(INSERT, rows).await?;
    Ok(outcome.rows_affected.unwrap_or_default())
}

/// Changes a city; `false` when there is none.
pub async fn update(db: &Pool, id: i64, city: &NewCity) -> Result<bool> {
    let sql = "UPDATE city SET name = :name, search_name = :search, country = :country, country_code = :code, \
         region = :region, population = :population, latitude = :latitude, longitude = :longitude, timezone = :timezone \
         WHERE id = :id";
    let params = named! {
        id: id,
        name: city.name,
        search: search_form(&city.name),
        country: city.country,
        code: city.country_code,
        region: city.region,
        population: city.population,
        latitude: city.latitude,
        longitude: city.longitude,
        timezone: city.timezone,
    };
    Ok(db.execute(sql, params).await?.rows_affected == Some(1))
}

/// Deletes a city; `false` when there is none.
pub async fn delete(db: &Pool, id: i64) -> Result<bool> {
    Ok(db.execute("DELETE FROM city WHERE id = ?", (id,)).await?.rows_affected == Some(1))
}
