//! The site itself: what each address does.

#![allow(unreachable_pub, reason = "the site is a module of a program, and of its tests")]

mod cities;
mod form;
mod pages;
mod problem;
pub mod setup;

use axum::Router;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use maud::Markup;
use oarlock::Pool;
use serde::Deserialize;

use cities::Filter;
use form::CityForm;
use problem::Problem;

type Page = Result<Html<String>, Problem>;
type CityId = Result<Path<i64>, PathRejection>;
type Filled = Result<Form<CityForm>, FormRejection>;

/// Makes the site on a pool whose database has been [migrated](setup::migrate).
pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/city/new", get(new).post(create))
        .route("/city/{id}", get(show))
        .route("/city/{id}/edit", get(edit).post(update))
        .route("/city/{id}/delete", post(delete))
        .fallback(async || Problem::NotFound("page"))
        .method_not_allowed_fallback(async || Problem::NotUnderstood(StatusCode::METHOD_NOT_ALLOWED))
        .with_state(pool)
}

async fn list(State(pool): State<Pool>, filter: Result<Query<Filter>, QueryRejection>) -> Page {
    let Query(filter) = filter?;
    let found = cities::find(&pool, &filter).await?;
    let countries = cities::countries(&pool).await?;
    Ok(page(pages::list(&filter, &found, &countries)))
}

#[derive(Deserialize)]
struct Said {
    /// What was just done with the city: `added` or `saved`.
    done: Option<String>,
}

async fn show(State(pool): State<Pool>, id: CityId, said: Result<Query<Said>, QueryRejection>) -> Page {
    let Path(id) = id?;
    let city = cities::get(&pool, id).await?.ok_or(Problem::NotFound("city"))?;
    Ok(page(pages::show(&city, said?.done.as_deref())))
}

async fn new() -> Html<String> {
    page(pages::form(None, &CityForm::default(), &[]))
}

async fn create(State(pool): State<Pool>, form: Filled) -> Result<Redirect, Problem> {
    let Form(form) = form?;
    let city = form.check().map_err(|messages| Problem::rejected(None, &form, messages))?;
    match cities::insert(&pool, &city).await {
        Ok(id) => Ok(Redirect::to(&format!("/city/{id}?done=added"))),
        Err(error) => Err(Problem::refused(None, &form, error)),
    }
}

async fn edit(State(pool): State<Pool>, id: CityId) -> Page {
    let Path(id) = id?;
    let city = cities::get(&pool, id).await?.ok_or(Problem::NotFound("city"))?;
    Ok(page(pages::form(Some(id), &CityForm::from(&city), &[])))
}

async fn update(State(pool): State<Pool>, id: CityId, form: Filled) -> Result<Redirect, Problem> {
    let (Path(id), Form(form)) = (id?, form?);
    let city = form.check().map_err(|messages| Problem::rejected(Some(id), &form, messages))?;
    match cities::update(&pool, id, &city).await {
        Ok(true) => Ok(Redirect::to(&format!("/city/{id}?done=saved"))),
        Ok(false) => Err(Problem::NotFound("city")),
        Err(error) => Err(Problem::refused(Some(id), &form, error)),
    }
}

async fn delete(State(pool): State<Pool>, id: CityId) -> Result<Redirect, Problem> {
    let Path(id) = id?;
    if cities::delete(&pool, id).await? { Ok(Redirect::to("/?deleted=1")) } else { Err(Problem::NotFound("city")) }
}

fn page(markup: Markup) -> Html<String> {
    Html(markup.into_string())
}
