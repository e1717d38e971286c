//! The model, and what requests say of it.

use oarlock::Model;
use serde::{Deserialize, Serialize};

/// A thing in the store room, as it is kept and as it is shown.
#[derive(Model, Debug, Clone, Serialize)]
#[model(check = "quantity >= 0")]
pub struct Item {
    #[model(primary_key, auto)]
    pub(crate) id: i64,
    #[model(unique, not_blank, max_length = 20)]
    pub(crate) sku: String,
    #[model(not_blank, max_length = 100)]
    pub(crate) name: String,
    #[model(min = 0)]
    pub(crate) quantity: i32,
    /// Counts the changes: who changes an item says which version was seen.
    #[model(version)]
    pub(crate) version: i32,
}

/// An item that is to be added.
#[derive(Debug, Deserialize)]
pub struct NewItem {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) quantity: i32,
}

/// What is to change of an item, as it was seen in this version.
#[derive(Debug, Deserialize)]
pub struct ItemChange {
    pub(crate) version: i32,
    pub(crate) name: Option<String>,
    pub(crate) quantity: Option<i32>,
}

/// How many are to go to which item.
#[derive(Debug, Deserialize)]
pub struct Move {
    pub(crate) to: i64,
    pub(crate) quantity: i32,
}
