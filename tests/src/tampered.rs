//! A driver that lies, to see that a test of the pool would notice.

use std::any::Any;
use std::sync::Arc;
use std::task::{Context, Poll};

use oarlock::catalog::{CatalogQuery, CatalogReply};
use oarlock::connection::{BoxFuture, DriverInfo, Many, Query};
use oarlock::result::{Description, Notice, Reply};
use oarlock::{
    Column, Connection, Connector, Health, Outcome, Purpose, Result, RowBatch, TxOptions, TxState, Url, factory,
};

/// What a tampered driver says falsely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// That a session was reset.
    Reset,
    /// That a session lives.
    Alive,
    /// That values may be told: it writes parameters to the log, and into errors.
    Tells,
}

/// Opens connections of a URL's own driver that tell a lie.
///
/// # Errors
///
/// As the driver's factory.
pub fn tampered(url: &str, lie: Lie) -> Result<Arc<dyn Connector>> {
    let url = Url::parse(url)?;
    let drivers: [&dyn factory::DriverFactory; 3] =
        [&oarlock::sqlite::SqliteFactory, &oarlock::postgres::PostgresFactory, &oarlock::mysql::MysqlFactory];
    let driver = drivers.into_iter().find(|driver| driver.schemes().contains(&url.scheme()));
    let driver = driver.ok_or_else(|| factory::unknown_scheme(url.scheme()))?;
    Ok(Arc::new(Tampered { connector: driver.connector(&url, Purpose::Pool)?, lie }))
}

struct Tampered {
    connector: Arc<dyn Connector>,
    lie: Lie,
}

impl Connector for Tampered {
    fn connect(&self) -> BoxFuture<'_, Box<dyn Connection>> {
        Box::pin(async move {
            let inner = self.connector.connect().await?;
            Ok(Box::new(Liar { inner, lie: self.lie }) as Box<dyn Connection>)
        })
    }
}

struct Liar {
    inner: Box<dyn Connection>,
    lie: Lie,
}

impl Connection for Liar {
    fn info(&self) -> &DriverInfo {
        self.inner.info()
    }

    fn health(&self) -> Health {
        if self.lie == Lie::Alive { Health::Ready } else { self.inner.health() }
    }

    fn tx_state(&self) -> TxState {
        if self.lie == Lie::Reset { TxState::Auto } else { self.inner.tx_state() }
    }

    fn start<'a>(&'a mut self, query: Query<'a>) -> BoxFuture<'a, ()> {
        let started = self.inner.start(query);
        if self.lie != Lie::Tells {
            return started;
        }
        let values = format!("{:?}", query.params.values);
        tracing::trace!(target: "oarlock::tampered", %values, "a statement with its parameters");
        Box::pin(async move { started.await.map_err(|error| error.context(values)) })
    }

    fn columns(&self) -> &Arc<[Column]> {
        self.inner.columns()
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Option<Arc<dyn RowBatch>>>> {
        self.inner.poll_fill(cx, max)
    }

    fn more_sets(&self) -> bool {
        self.inner.more_sets()
    }

    fn poll_next_set(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool>> {
        self.inner.poll_next_set(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.inner.poll_finish(cx)
    }

    fn abandon(&mut self) {
        self.inner.abandon();
    }

    fn describe<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Description> {
        self.inner.describe(sql)
    }

    fn execute_many<'a>(&'a mut self, many: Many<'a>) -> BoxFuture<'a, Outcome> {
        self.inner.execute_many(many)
    }

    fn pipeline<'a>(&'a mut self, options: &'a TxOptions, queries: &'a [Query<'a>]) -> BoxFuture<'a, Vec<Reply>> {
        self.inner.pipeline(options, queries)
    }

    fn script<'a>(&'a mut self, text: &'a str) -> BoxFuture<'a, ()> {
        self.inner.script(text)
    }

    fn begin<'a>(&'a mut self, options: &'a TxOptions) -> BoxFuture<'a, ()> {
        self.inner.begin(options)
    }

    fn commit(&mut self) -> BoxFuture<'_, ()> {
        self.inner.commit()
    }

    fn rollback(&mut self) -> BoxFuture<'_, ()> {
        self.inner.rollback()
    }

    fn savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        self.inner.savepoint(name)
    }

    fn release_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        self.inner.release_savepoint(name)
    }

    fn rollback_to_savepoint<'a>(&'a mut self, name: &'a str) -> BoxFuture<'a, ()> {
        self.inner.rollback_to_savepoint(name)
    }

    fn reset(&mut self) -> BoxFuture<'_, ()> {
        match self.lie {
            Lie::Reset => Box::pin(async { Ok(()) }),
            Lie::Alive | Lie::Tells => self.inner.reset(),
        }
    }

    fn is_clean(&self) -> bool {
        self.lie == Lie::Alive || self.inner.is_clean()
    }

    fn ping(&mut self) -> BoxFuture<'_, ()> {
        match self.lie {
            Lie::Alive => Box::pin(async { Ok(()) }),
            Lie::Reset | Lie::Tells => self.inner.ping(),
        }
    }

    fn warnings(&mut self) -> BoxFuture<'_, Vec<Notice>> {
        self.inner.warnings()
    }

    fn catalog<'a>(&'a mut self, query: CatalogQuery<'a>) -> BoxFuture<'a, CatalogReply> {
        self.inner.catalog(query)
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }

    fn driver(&mut self) -> Option<&mut dyn Any> {
        self.inner.driver()
    }

    fn native(&mut self) -> &mut dyn Any {
        self.inner.native()
    }
}
