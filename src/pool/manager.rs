//! How deadpool opens a connection and tells whether one is still good.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use oarlock_core::connection::{Connection, Health, TxState};
use oarlock_core::factory::Connector;
use oarlock_core::{Error, Result};

pub(super) struct Manager {
    connector: Arc<dyn Connector>,
    validate_after: Duration,
}

impl Manager {
    pub(super) fn new(connector: Arc<dyn Connector>, validate_after: Duration) -> Self {
        Self { connector, validate_after }
    }
}

impl managed::Manager for Manager {
    type Type = Box<dyn Connection>;
    type Error = Error;

    async fn create(&self) -> Result<Self::Type> {
        self.connector.connect().await
    }

    /// Sessions were reset when they came back: this looks at them, and asks the server only about one that lay long.
    async fn recycle(&self, connection: &mut Self::Type, metrics: &Metrics) -> RecycleResult<Error> {
        match (connection.health(), connection.tx_state()) {
            (Health::Ready, TxState::Auto) if metrics.last_used() < self.validate_after => Ok(()),
            (Health::Ready, TxState::Auto) => connection.ping().await.map_err(RecycleError::Backend),
            _ => Err(RecycleError::message("the session is not clean")),
        }
    }
}
