//! What a database holds, in the words of the schema model.

use oarlock_core::catalog::{CatalogQuery, CatalogReply};
use oarlock_core::{Error, Result};
use rusqlite::Connection;

#[derive(Debug)]
pub(crate) struct Question;

impl Question {
    pub(crate) fn of(_query: CatalogQuery<'_>) -> Result<Self> {
        Err(Error::not_supported("later"))
    }
    pub(crate) fn answer(&self, _db: &Connection) -> Result<CatalogReply> {
        Err(Error::not_supported("later"))
    }
}
