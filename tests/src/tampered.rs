//! A connection on which something goes wrong between what is asked and what is done, to see that a proof would notice.

use std::sync::Arc;

use oarlock::connection::{BoxFuture, Query};
use oarlock::decorate::{Decorate, Decorated};
use oarlock::params::Parameters;
use oarlock::{Connection, Connector, Result, Url, ValueRef};

use crate::lies::driver;

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Tamper {
    /// Statements are sent as another text, or with other values. The function leaves those alone that it is not for.
    Statements(fn(&mut String, &mut Vec<ValueRef<'_>>)),
    /// What is rolled back is committed.
    RollbacksCommit,
}

/// Opens connections on which it goes wrong.
pub struct Tampered {
    connector: Arc<dyn Connector>,
    tamper: Tamper,
}

impl Tampered {
    /// Takes the driver of a URL.
    ///
    /// # Errors
    ///
    /// As the driver's factory.
    pub fn new(url: &str, tamper: Tamper) -> Result<Self> {
        Ok(Self { connector: driver(&Url::parse(url)?)?, tamper })
    }
}

impl Connector for Tampered {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let inner = self.connector.connect().await?;
            Ok(Box::new(Decorated(Wrong { inner, tamper: self.tamper })) as Box<dyn Connection>)
        })
    }
}

struct Wrong {
    inner: Box<dyn Connection>,
    tamper: Tamper,
}

impl Decorate for Wrong {
    fn inner(&self) -> &dyn Connection {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn Connection {
        &mut *self.inner
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        let Tamper::Statements(change) = self.tamper else { return self.inner.start(query) };
        Box::pin(async move {
            let (mut sql, mut values) = (query.sql.to_owned(), query.params.values.to_vec());
            change(&mut sql, &mut values);
            let params = Parameters { values: &values, ..query.params };
            self.inner.start(Query { sql: &sql, params, ..query }).await
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        match self.tamper {
            // A transaction that has failed cannot be committed, and is undone.
            Tamper::RollbacksCommit => Box::pin(async {
                if self.inner.commit().await.is_err() {
                    self.inner.rollback().await?;
                }
                Ok(())
            }),
            Tamper::Statements(_) => self.inner.rollback(),
        }
    }
}
