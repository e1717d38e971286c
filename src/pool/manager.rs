//! How deadpool opens a connection and tells whether one is still good.

use std::sync::Arc;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use oarlock_core::connection::{Connection, Health, TxState};
use oarlock_core::factory::Connector;
use oarlock_core::{Error, Result};

pub(super) struct Manager {
    connector: Arc<dyn Connector>,
}

impl Manager {
    pub(super) fn new(connector: Arc<dyn Connector>) -> Self {
        Self { connector }
    }
}

impl managed::Manager for Manager {
    type Type = Box<dyn Connection>;
    type Error = Error;

    async fn create(&self) -> Result<Self::Type> {
        self.connector.connect().await
    }

    /// Sessions were reset when they came back: this only looks, it never asks the server.
    async fn recycle(&self, connection: &mut Self::Type, _: &Metrics) -> RecycleResult<Error> {
        match (connection.health(), connection.tx_state()) {
            (Health::Ready, TxState::Auto) => Ok(()),
            _ => Err(RecycleError::message("the session is not clean")),
        }
    }
}
