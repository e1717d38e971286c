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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use oarlock::connection::{BoxFuture, DriverInfo};
use oarlock::{Capabilities, Conn, Connection, Connector, DriverFactory, Pool, PoolOptions, Purpose, Result, Url};
use oarlock_conformance::{Call, Fragments, Place, Setup, Slow, Stranger, Verdict, Way, ended, require_server, run};
use oarlock_tests::{Liar, Lie};
// By these names they know each other.
use {postgres_setup as setup, postgres_unnamed as unnamed};

/// A driver's setup with a pool for every URL.
struct Pooled<S> {
    driver: S,
    pools: Mutex<Vec<(Url, Pool)>>,
    /// What the connections that are not a pool's tell falsely.
    lie: Lie,
}

impl<S: Setup> Pooled<S> {
    fn new(driver: S) -> Self {
        Self::lying(driver, Lie::None)
    }

    fn lying(driver: S, lie: Lie) -> Self {
        Self { driver, pools: Mutex::default(), lie }
    }

    fn pool(&self, url: &Url) -> Result<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(known, _)| known == url) {
            return Ok(pool.clone());
        }
        let connector = self.driver.factory().connector(url, Purpose::Pool)?;
        // The first leads to the test's database; the others are small, so that a lost place is missed.
        let size = if pools.is_empty() { 40 } else { 4 };
        let pool = Pool::new(connector, PoolOptions::new().max_size(size));
        pools.push((url.clone(), pool.clone()));
        Ok(pool)
    }
}

impl<S: Setup> Setup for Pooled<S> {
    fn factory(&self) -> &'static dyn DriverFactory {
        self.driver.factory()
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        match self.lie {
            Lie::None => self.driver.connect(url),
            lie => Box::pin(async move { Liar::of(url, lie)?.connect().await }),
        }
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
            let mut left = Vec::new();
            for (_, pool) in pools {
                pool.close().await?;
                let status = pool.status();
                if status.size + status.in_use + status.opening + status.waiting > 0 {
                    left.push(format!("a place of the pool: {status:?}"));
                }
            }
            left.extend(self.driver.close(place).await?);
            Ok(left)
        })
    }

    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        self.driver.slow(url)
    }

    fn own_calls(&self) -> Vec<Call> {
        self.driver.own_calls()
    }

    fn may_die(&self, call: &str) -> bool {
        self.driver.may_die(call)
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

/// Requires a rule to fail on a driver that tells a lie.
fn is_found_out<S, F>(server: &str, setup: fn() -> S, lie: Lie, rule: fn(oarlock_conformance::Bench) -> F)
where
    S: Setup,
    F: Future<Output = Verdict> + Send + 'static,
{
    if require_server(server).is_none() {
        return;
    }
    let name = "r55_on_a_driver_that_lies";
    run(Pooled::new(setup()), Way::Direct, name, rule);
    let found = catch_unwind(AssertUnwindSafe(|| run(Pooled::lying(setup(), lie), Way::Direct, name, rule)));
    assert!(found.is_err(), "{lie:?} passes");
}

#[test]
fn rows_that_end_with_their_session_are_found_out() {
    let rule = ended::r55_a_stream_that_ends_early_is_told;
    is_found_out("OARLOCK_TEST_POSTGRES_URL", || postgres_setup::Postgres, Lie::EndsEarly, rule);
    is_found_out("OARLOCK_TEST_MYSQL_URL", || mysql_setup::Mysql, Lie::EndsEarly, rule);
}

#[test]
fn a_session_that_is_said_to_live_is_found_out() {
    let rule = ended::r55_a_call_on_an_ended_session_is_told;
    is_found_out("OARLOCK_TEST_POSTGRES_URL", || postgres_setup::Postgres, Lie::Alive, rule);
    is_found_out("OARLOCK_TEST_MYSQL_URL", || mysql_setup::Mysql, Lie::Alive, rule);
}
