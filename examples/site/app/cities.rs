//! The cities in the database: the same on every engine.

use oarlock::orm::write::Assign;
use oarlock::orm::{Draft, Hooks};
use oarlock::{Model, Pool, Query, Result};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How many cities a page lists.
pub const PER_PAGE: u64 = 25;

/// A city as it is kept.
#[derive(Debug, Clone, PartialEq, Model)]
#[model(hooks, unique(name, country_code, region, latitude, longitude), check = "population >= 0")]
pub struct City {
    #[model(primary_key, auto)]
    pub id: i64,
    #[model(max_length = 200)]
    pub name: String,
    /// The name as it is searched and sorted by: the hook fills it in.
    #[model(max_length = 600, index)]
    pub search_name: String,
    #[model(max_length = 100)]
    pub country: String,
    #[model(max_length = 2)]
    pub country_code: String,
    #[model(max_length = 20)]
    pub region: String,
    #[model(index)]
    pub population: i64,
    pub latitude: f64,
    pub longitude: f64,
    #[model(max_length = 50)]
    pub timezone: String,
}

impl Hooks for City {
    fn before_save(draft: &mut Draft<'_, Self>) -> Result<()> {
        if let Some(name) = draft.get(Self::NAME)? {
            draft.set(Self::SEARCH_NAME, search_form(&name));
        }
        Ok(())
    }
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

    fn order(self, cities: Query<City>) -> Query<City> {
        let cities = match self {
            Self::Population => cities.order_by(City::POPULATION.desc()),
            Self::Name => cities.order_by(City::SEARCH_NAME.asc()),
        };
        cities.order_by(City::ID.asc())
    }
}

/// One page of the list.
pub struct Found {
    pub cities: Vec<City>,
    pub total: u64,
    /// Counted from 1; the last page when the address asked for one past it.
    pub page: u64,
    pub pages: u64,
}

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
    let wanted = search_form(filter.q.trim());
    let cities = || {
        let mut cities = City::query();
        if !wanted.is_empty() {
            cities = cities.filter(City::SEARCH_NAME.contains(&wanted));
        }
        if !filter.country.is_empty() {
            cities = cities.filter(City::COUNTRY_CODE.eq(&filter.country));
        }
        cities
    };
    let total = cities().count(db).await?;
    let pages = total.div_ceil(PER_PAGE);
    let page = u64::try_from(filter.page).unwrap_or(1).clamp(1, pages.max(1));
    let cities = filter.sort.order(cities()).limit(PER_PAGE).offset((page - 1) * PER_PAGE).all(db).await?;
    Ok(Found { cities, total, page, pages })
}

/// Gives the countries' codes and names, by name.
pub async fn countries(db: &Pool) -> Result<Vec<(String, String)>> {
    let countries = City::query().select((City::COUNTRY_CODE, City::COUNTRY)).distinct();
    countries.order_by(City::COUNTRY.asc()).order_by(City::COUNTRY_CODE.asc()).all(db).await
}

pub async fn get(db: &Pool, id: i64) -> Result<Option<City>> {
    City::find(db, id).await
}

impl NewCity {
    /// Gives its values to a city that is made or changed.
    fn give<W: Assign<Model = City>>(&self, city: CityChanges<W>) -> CityChanges<W> {
        city.name(&self.name)
            .country(&self.country)
            .country_code(&self.country_code)
            .region(&self.region)
            .population(self.population)
            .latitude(self.latitude)
            .longitude(self.longitude)
            .timezone(&self.timezone)
    }
}

/// Adds a city and gives its key.
pub async fn insert(db: &Pool, city: &NewCity) -> Result<i64> {
    Ok(city.give(City::create()).exec(db).await?.id)
}

/// Adds many cities, all or none, and gives their number.
pub async fn insert_all(db: &Pool, cities: &[NewCity]) -> Result<usize> {
    Ok(City::create_many(db, cities.iter().map(|city| city.give(City::create()))).await?.len())
}

/// Changes a city; `false` when there is none.
pub async fn update(db: &Pool, id: i64, city: &NewCity) -> Result<bool> {
    match City::find(db, id).await? {
        Some(there) => city.give(there.update()).exec(db).await.map(|_| true),
        None => Ok(false),
    }
}

/// Deletes a city; `false` when there is none.
pub async fn delete(db: &Pool, id: i64) -> Result<bool> {
    Ok(City::query().filter(City::ID.eq(id)).delete(db).await? == 1)
}
