//! The shared conformance suite on connections that a pool lends: each rule takes its own from one pool and gives them back, so
//! most of them had another user before.

#[path = "../../drivers/mysql/tests/conformance/setup.rs"]
mod mysql_setup;
#[path = "../../drivers/postgres/tests/conformance/pooled.rs"]
mod postgres_behind_pgbouncer;
#[path = "../../drivers/postgres/tests/conformance/setup.rs"]
mod postgres_setup;
#[path = "../../drivers/postgres/tests/conformance/unnamed.rs"]
mod postgres_unnamed;
#[path = "../../drivers/sqlite/tests/conformance/setup.rs"]
mod sqlite_setup;

use std::sync::{Mutex, PoisonError};

use oarlock::connection::{BoxFuture, DriverInfo};
use oarlock::{Capabilities, Conn, Connection, DriverFactory, Pool, PoolOptions, Purpose, Result, Url};
use oarlock_conformance::{Fragments, Place, Setup, Stranger};
// By these names they know each other.
use {postgres_setup as setup, postgres_unnamed as unnamed};

/// A driver's setup with a pool for every URL.
struct Pooled<S> {
    driver: S,
    pools: Mutex<Vec<(Url, Pool)>>,
}

impl<S: Setup> Pooled<S> {
    fn new(driver: S) -> Self {
        Self { driver, pools: Mutex::default() }
    }

    fn pool(&self, url: &Url) -> Result<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(known, _)| known == url) {
            return Ok(pool.clone());
        }
        let connector = self.driver.factory().connector(url, Purpose::Pool)?;
        let pool = Pool::new(connector, PoolOptions::new().max_size(40));
        pools.push((url.clone(), pool.clone()));
        Ok(pool)
    }
}

impl<S: Setup> Setup for Pooled<S> {
    fn factory(&self) -> &'static dyn DriverFactory {
        self.driver.factory()
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        self.driver.connect(url)
    }

    fn pooled<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Conn> {
        Box::pin(async move {
            let pool = self.pool(url)?;
            // One has been used and given back before.
            drop(pool.acquire().await?);
            pool.acquire().await
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        self.driver.open(name)
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let pools = std::mem::take(&mut *self.pools.lock().unwrap_or_else(PoisonError::into_inner));
            for (_, pool) in pools {
                pool.close().await?;
            }
            self.driver.close(place).await
        })
    }

    fn required(&self, info: &DriverInfo) -> Capabilities {
        self.driver.required(info)
    }

    fn fragments(&self, info: &DriverInfo) -> Fragments {
        self.driver.fragments(info)
    }

    fn exception(&self, rule: &str) -> Option<&'static str> {
        self.driver.exception(rule)
    }

    fn stranger(&self, place: &Place) -> Option<Stranger> {
        self.driver.stranger(place)
    }
}

mod sqlite {
    use super::*;

    oarlock_conformance::pooled_suite!(Pooled::new(sqlite_setup::Sqlite));
}

mod postgres {
    use super::*;

    oarlock_conformance::pooled_suite!(Pooled::new(postgres_setup::Postgres));
}

/// PostgreSQL on statements without names.
mod without_names {
    use super::*;

    oarlock_conformance::pooled_suite!(Pooled::new(postgres_unnamed::Unnamed));
}

/// A pool before a pooler.
mod through_pgbouncer {
    use super::*;

    oarlock_conformance::pooled_suite!(Pooled::new(postgres_behind_pgbouncer::PgBouncer));
}

mod mysql {
    use super::*;

    oarlock_conformance::pooled_suite!(Pooled::new(mysql_setup::Mysql));
}
