//! The way in: from a URL to connections.

use std::sync::Arc;

use oarlock_core::connection::{BoxFuture, Connection, Endpoint};
use oarlock_core::factory::{Connector, DriverFactory, Purpose};
use oarlock_core::{Result, Url};

use crate::connection::PostgresConnection;
use crate::options::PostgresOptions;

/// The driver for `postgres://` and `postgresql://` URLs.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresFactory;

impl DriverFactory for PostgresFactory {
    fn schemes(&self) -> &'static [&'static str] {
        &["postgres", "postgresql"]
    }

    /// Reads the URL, the `PG*` variables and the password file; nothing is opened.
    fn connector(&self, url: &Url, _: Purpose) -> Result<Arc<dyn Connector>> {
        Ok(Arc::new(PostgresConnector { options: PostgresOptions::parse(url)? }))
    }
}

#[derive(Debug)]
struct PostgresConnector {
    options: PostgresOptions,
}

impl Connector for PostgresConnector {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let connection = PostgresConnection::connect(&self.options).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }

    fn endpoint(&self) -> Option<Endpoint> {
        let place = self.options.place();
        Some(match &*self.options.endpoints {
            [only] => place.at(only.host.as_str(), Some(only.port)),
            _ => place,
        })
    }
}
