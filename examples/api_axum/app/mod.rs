//! The API: its model, and what each address does.

#![allow(unreachable_pub, reason = "the API is a module of a program, and of its test")]

mod problem;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use oarlock::{Db, DbExt, Model, Pool};
use serde::{Deserialize, Serialize};

use problem::Problem;

/// A thing in the store room, as it is kept and as it is shown.
#[derive(Model, Debug, Clone, Serialize)]
#[model(check = "quantity >= 0")]
pub struct Item {
    #[model(primary_key, auto)]
    id: i64,
    #[model(unique, not_blank, max_length = 20)]
    sku: String,
    #[model(not_blank, max_length = 100)]
    name: String,
    #[model(min = 0)]
    quantity: i32,
    /// Counts the changes: who changes an item says which version was seen.
    #[model(version)]
    version: i32,
}

#[derive(Deserialize)]
struct NewItem {
    sku: String,
    name: String,
    quantity: i32,
}

#[derive(Deserialize)]
struct ItemChange {
    version: i32,
    name: Option<String>,
    quantity: Option<i32>,
}

#[derive(Deserialize)]
struct Move {
    to: i64,
    quantity: i32,
}

/// Creates the table where it is missing.
pub async fn create_tables(pool: &Pool) -> oarlock::Result<()> {
    if pool.table_names(None).await?.iter().any(|name| name == Item::TABLE) {
        return Ok(());
    }
    oarlock::orm::create_tables(pool, [Item::table()]).await
}

/// Makes the API on a pool whose database has the table.
pub fn router(pool: Pool) -> Router {
    Router::new()
        .route("/items", get(list).post(create))
        .route("/items/{id}", get(show).patch(update).delete(remove))
        .route("/items/{id}/move", post(move_some))
        .with_state(pool)
}

async fn list(State(db): State<Pool>) -> Result<Json<Vec<Item>>, Problem> {
    Ok(Json(Item::query().order_by(Item::SKU.asc()).all(&db).await?))
}

async fn create(State(db): State<Pool>, Json(new): Json<NewItem>) -> Result<(StatusCode, Json<Item>), Problem> {
    let item = Item::create().sku(new.sku).name(new.name).quantity(new.quantity).exec(&db).await?;
    Ok((StatusCode::CREATED, Json(item)))
}

async fn show(State(db): State<Pool>, Path(id): Path<i64>) -> Result<Json<Item>, Problem> {
    Ok(Json(Item::require(&db, id).await?))
}

async fn update(
    State(db): State<Pool>,
    Path(id): Path<i64>,
    Json(change): Json<ItemChange>,
) -> Result<Json<Item>, Problem> {
    let seen = Item { version: change.version, ..Item::require(&db, id).await? };
    let mut update = seen.update();
    if let Some(name) = change.name {
        update = update.name(name);
    }
    if let Some(quantity) = change.quantity {
        update = update.quantity(quantity);
    }
    Ok(Json(update.exec(&db).await?))
}

async fn remove(State(db): State<Pool>, Path(id): Path<i64>) -> Result<StatusCode, Problem> {
    Item::require(&db, id).await?.delete(&db).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn move_some(
    State(db): State<Pool>,
    Path(from): Path<i64>,
    Json(order): Json<Move>,
) -> Result<Json<[Item; 2]>, Problem> {
    let order = &order;
    Ok(Json(db.transaction(|tx| async move { move_between(&tx, from, order).await }).await?))
}

/// Takes so many from one and adds them to another, both or neither.
async fn move_between(tx: &dyn Db, from: i64, order: &Move) -> oarlock::Result<[Item; 2]> {
    let (from, to) = (Item::require(tx, from).await?, Item::require(tx, order.to).await?);
    let to = to.update().quantity(to.quantity.saturating_add(order.quantity)).exec(tx).await?;
    let from = from.update().quantity(from.quantity.saturating_sub(order.quantity)).exec(tx).await?;
    Ok([from, to])
}
