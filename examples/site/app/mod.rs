//! The site itself: what each address does.

mod cities;
mod form;
mod pages;
mod problem;
pub mod setup;

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use maud::Markup;
use oarlock::Pool;
use serde::Deserialize;

use cities::Filter;
use form::CityForm;
use problem::Problem;

type Page = Result<Html<String>, Problem>;

/// Makes the site on a pool whose database is [prepared](setup::prepare).
pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/city/new", get(new).post(create))
        .route("/city/{id}", get(show))
        .route("/city/{id}/edit", get(edit).post(update))
        .route("/city/{id}/delete", post(delete))
        .fallback(|| async { Problem::NotFound("page") })
        .with_state(pool)
}

async fn list(State(pool): State<Pool>, Query(filter): Query<Filter>) -> Page {
    let found = cities::find(&pool, &filter).await?;
    let countries = cities::countries(&pool).await?;
    page(pages::list(&filter, &found, &countries))
}

#[derive(Deserialize)]
struct Said {
    /// What was just done with the city: `added` or `saved`.
    done: Option<String>,
}

async fn show(State(pool): State<Pool>, Path(id): Path<i64>, Query(said): Query<Said>) -> Page {
    let city = cities::get(&pool, id)
        .await?
        .ok_or(Problem::NotFound("city"))?;
    page(pages::show(&city, said.done.as_deref()))
}

async fn new() -> Page {
    page(pages::form(None, &CityForm::default(), &[]))
}

async fn create(State(pool): State<Pool>, Form(form): Form<CityForm>) -> Result<Redirect, Problem> {
    let city = form
        .check()
        .map_err(|messages| Problem::rejected(None, &form, messages))?;
    match cities::insert(&pool, &city).await {
        Ok(id) => Ok(Redirect::to(&format!("/city/{id}?done=added"))),
        Err(error) => Err(Problem::refused(None, &form, error)),
    }
}

async fn edit(State(pool): State<Pool>, Path(id): Path<i64>) -> Page {
    let city = cities::get(&pool, id)
        .await?
        .ok_or(Problem::NotFound("city"))?;
    page(pages::form(Some(id), &CityForm::from(&city), &[]))
}

async fn update(
    State(pool): State<Pool>,
    Path(id): Path<i64>,
    Form(form): Form<CityForm>,
) -> Result<Redirect, Problem> {
    let city = form
        .check()
        .map_err(|messages| Problem::rejected(Some(id), &form, messages))?;
    match cities::update(&pool, id, &city).await {
        Ok(true) => Ok(Redirect::to(&format!("/city/{id}?done=saved"))),
        Ok(false) => Err(Problem::NotFound("city")),
        Err(error) => Err(Problem::refused(Some(id), &form, error)),
    }
}

async fn delete(State(pool): State<Pool>, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    match cities::delete(&pool, id).await? {
        true => Ok(Redirect::to("/?deleted=1")),
        false => Err(Problem::NotFound("city")),
    }
}

fn page(markup: Markup) -> Page {
    Ok(Html(markup.into_string()))
}
