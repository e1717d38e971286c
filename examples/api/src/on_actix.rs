//! The API on actix-web.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, JsonConfig, Path, PathConfig, ServiceConfig, resource};
use actix_web::{HttpResponse, ResponseError};
use oarlock::Pool;

use crate::item::{Item, ItemChange, Move, NewItem};
use crate::problem::Problem;
use crate::store;

/// What a handler gives.
type Answer<T> = Result<T, Problem>;

/// Makes the API on a pool whose database has the table, for `App::configure`.
///
/// The pool is one for all of the server's threads: a connection that was opened on one serves requests on any other.
pub fn routes(pool: Pool) -> impl FnOnce(&mut ServiceConfig) {
    move |app| {
        app.app_data(Data::new(pool))
            .app_data(JsonConfig::default().error_handler(|error, _| Problem::Unreadable(error.to_string()).into()))
            .app_data(PathConfig::default().error_handler(|error, _| Problem::Unreadable(error.to_string()).into()))
            .service(resource("/items").get(list).post(add))
            .service(resource("/items/{id}").get(show).patch(change).delete(remove))
            .service(resource("/items/{id}/move").post(move_some));
    }
}

async fn list(db: Data<Pool>) -> Answer<Json<Vec<Item>>> {
    Ok(Json(store::list(&db).await?))
}

async fn add(db: Data<Pool>, new: Json<NewItem>) -> Answer<(Json<Item>, StatusCode)> {
    Ok((Json(store::add(&db, new.into_inner()).await?), StatusCode::CREATED))
}

async fn show(db: Data<Pool>, id: Path<i64>) -> Answer<Json<Item>> {
    Ok(Json(store::show(&db, *id).await?))
}

async fn change(db: Data<Pool>, id: Path<i64>, change: Json<ItemChange>) -> Answer<Json<Item>> {
    Ok(Json(store::change(&db, *id, change.into_inner()).await?))
}

async fn remove(db: Data<Pool>, id: Path<i64>) -> Answer<HttpResponse> {
    store::remove(&db, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn move_some(db: Data<Pool>, from: Path<i64>, order: Json<Move>) -> Answer<Json<[Item; 2]>> {
    Ok(Json(store::move_some(&db, *from, order.into_inner()).await?))
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(self.told())
    }
}
