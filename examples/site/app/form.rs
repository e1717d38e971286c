//! The form that adds and edits a city.

use std::ops::RangeInclusive;

use serde::Deserialize;

use super::cities::{City, NewCity};

/// What a person typed, as text: it goes back into the form when it is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CityForm {
    pub name: String,
    pub country: String,
    pub country_code: String,
    pub region: String,
    pub population: String,
    pub latitude: String,
    pub longitude: String,
    pub timezone: String,
}

impl From<&City> for CityForm {
    fn from(city: &City) -> Self {
        Self {
            name: city.name.clone(),
            country: city.country.clone(),
            country_code: city.country_code.clone(),
            region: city.region.clone(),
            population: city.population.to_string(),
            latitude: city.latitude.to_string(),
            longitude: city.longitude.to_string(),
            timezone: city.timezone.clone(),
        }
    }
}

/// A field and what is wrong with it.
pub type Message = (&'static str, String);

impl CityForm {
    /// Reads the form.
    pub fn check(&self) -> Result<NewCity, Vec<Message>> {
        let mut messages = Vec::new();
        let mut text = |field, value: &str, lengths: RangeInclusive<usize>| {
            let value = value.trim();
            let count = value.chars().count();
            if count < *lengths.start() {
                messages.push((field, "must not be empty".to_owned()));
            } else if count > *lengths.end() {
                messages.push((field, format!("must have at most {} characters", lengths.end())));
            } else if value.contains(char::is_control) {
                messages.push((field, "must not contain control characters".to_owned()));
            }
            value.to_owned()
        };
        let name = text("name", &self.name, 1..=200);
        let country = text("country", &self.country, 1..=100);
        let region = text("region", &self.region, 0..=20);
        let timezone = text("timezone", &self.timezone, 1..=50);
        let country_code = self.country_code.trim().to_ascii_uppercase();
        if country_code.len() != 2 || !country_code.bytes().all(|b| b.is_ascii_uppercase()) {
            messages.push(("country_code", "must be two letters from A to Z".to_owned()));
        }
        let population = self.population.trim().parse::<i64>().ok().filter(|people| *people >= 0);
        if population.is_none() {
            messages.push(("population", "must be a whole number, 0 or more".to_owned()));
        }
        let mut degrees = |field, value: &str, limit: f64| {
            let read = value.trim().parse::<f64>().ok().filter(|degrees| degrees.abs() <= limit);
            if read.is_none() {
                messages.push((field, format!("must be a number from −{limit} to {limit}")));
            }
            // Not every database keeps the sign of nought: this takes it away.
            read.map(|degrees| degrees + 0.0)
        };
        let latitude = degrees("latitude", &self.latitude, 90.0);
        let longitude = degrees("longitude", &self.longitude, 180.0);
        match (population, latitude, longitude) {
            (Some(population), Some(latitude), Some(longitude)) if messages.is_empty() => {
                Ok(NewCity { name, country, country_code, region, population, latitude, longitude, timezone })
            }
            _ => Err(messages),
        }
    }
}
