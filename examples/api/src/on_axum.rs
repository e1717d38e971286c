//! The API on axum.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use oarlock::Pool;

use crate::item::{Item, ItemChange, Move, NewItem};
use crate::problem::Problem;
use crate::store;

/// What a handler gives.
type Answer<T> = Result<T, Problem>;
/// The item that the address names.
type Id = Result<Path<i64>, PathRejection>;
/// What the request's body says.
type Body<T> = Result<Json<T>, JsonRejection>;

/// Makes the API on a pool whose database has the table.
pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/items", get(list).post(add))
        .route("/items/{id}", get(show).patch(change).delete(remove))
        .route("/items/{id}/move", post(move_some))
        .with_state(pool)
}

async fn list(State(db): State<Pool>) -> Answer<Json<Vec<Item>>> {
    Ok(Json(store::list(&db).await?))
}

async fn add(State(db): State<Pool>, new: Body<NewItem>) -> Answer<(StatusCode, Json<Item>)> {
    Ok((StatusCode::CREATED, Json(store::add(&db, new?.0).await?)))
}

async fn show(State(db): State<Pool>, id: Id) -> Answer<Json<Item>> {
    Ok(Json(store::show(&db, id?.0).await?))
}

async fn change(State(db): State<Pool>, id: Id, change: Body<ItemChange>) -> Answer<Json<Item>> {
    Ok(Json(store::change(&db, id?.0, change?.0).await?))
}

async fn remove(State(db): State<Pool>, id: Id) -> Answer<StatusCode> {
    store::remove(&db, id?.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn move_some(State(db): State<Pool>, from: Id, order: Body<Move>) -> Answer<Json<[Item; 2]>> {
    Ok(Json(store::move_some(&db, from?.0, order?.0).await?))
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::Unreadable(rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::Unreadable(rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.told())).into_response()
    }
}
