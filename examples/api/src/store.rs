//! What can be done with the things in the store room.
//!
//! Every function fails as the database does, and with `Invalid` for values that break the model's rules.
#![allow(clippy::missing_errors_doc, reason = "the module's page has them")]

use oarlock::{Db, DbExt, Model, Pool, Result};

use crate::item::{Item, ItemChange, Move, NewItem};

/// Creates the table where it is missing.
pub async fn create_tables(db: &Pool) -> Result<()> {
    if db.table_names(None).await?.iter().any(|name| name == Item::TABLE) {
        return Ok(());
    }
    oarlock::orm::create_tables(db, [Item::table()]).await
}

/// Lists all items, by their number in the catalogue.
pub async fn list(db: &Pool) -> Result<Vec<Item>> {
    Item::query().order_by(Item::SKU.asc()).all(db).await
}

/// Reads an item.
pub async fn show(db: &Pool, id: i64) -> Result<Item> {
    Item::require(db, id).await
}

/// Adds an item.
pub async fn add(db: &Pool, new: NewItem) -> Result<Item> {
    Item::create().sku(new.sku).name(new.name).quantity(new.quantity).exec(db).await
}

/// Changes an item. It is a `StaleRow` error when somebody else has changed it since it was seen.
pub async fn change(db: &Pool, id: i64, change: ItemChange) -> Result<Item> {
    let seen = Item { version: change.version, ..Item::require(db, id).await? };
    let mut update = seen.update();
    if let Some(name) = change.name {
        update = update.name(name);
    }
    if let Some(quantity) = change.quantity {
        update = update.quantity(quantity);
    }
    update.exec(db).await
}

/// Takes an item out.
pub async fn remove(db: &Pool, id: i64) -> Result<()> {
    Item::require(db, id).await?.delete(db).await
}

/// Moves some of one item to another, and gives both as they are then.
pub async fn move_some(db: &Pool, from: i64, order: Move) -> Result<[Item; 2]> {
    let order = &order;
    db.transaction(|tx| async move { move_between(&tx, from, order).await }).await
}

/// Takes so many from one and adds them to another, both or neither.
async fn move_between(tx: &dyn Db, from: i64, order: &Move) -> Result<[Item; 2]> {
    let (from, to) = (Item::require(tx, from).await?, Item::require(tx, order.to).await?);
    let to = to.update().quantity(to.quantity.saturating_add(order.quantity)).exec(tx).await?;
    let from = from.update().quantity(from.quantity.saturating_sub(order.quantity)).exec(tx).await?;
    Ok([from, to])
}
