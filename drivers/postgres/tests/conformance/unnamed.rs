//! PostgreSQL with statements that have no names: all rules hold as they are, but that LISTEN is refused.

use oarlock_conformance::{Call, Fragments, Place, Setup, Slow, Stranger};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::DriverFactory;
use oarlock_core::{Capabilities, Connection, Url};

use crate::setup::Postgres;

pub(crate) struct Unnamed;

impl Setup for Unnamed {
    fn factory(&self) -> &'static dyn DriverFactory {
        Postgres.factory()
    }

    fn connect<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        Box::pin(async move { Postgres.connect(url).await })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        Box::pin(async move {
            let place = Postgres.open(name).await?;
            Ok(place.map(|place| Place { url: place.url.with_option("statements", "unnamed"), ..place }))
        })
    }

    fn close<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move { Postgres.close(place).await })
    }

    fn slow<'a>(&'a self, url: &'a Url) -> BoxFuture<'a, Slow> {
        Box::pin(async move { Postgres.slow(url).await })
    }

    fn own_calls(&self) -> Vec<Call> {
        Postgres.own_calls()
    }

    fn may_die(&self, call: &str) -> bool {
        Postgres.may_die(call)
    }

    fn required(&self, info: &DriverInfo) -> Capabilities {
        Postgres.required(info)
    }

    fn fragments(&self, info: &DriverInfo) -> Fragments {
        let mut fragments = Postgres.fragments(info);
        fragments.marks.retain(|mark| !mark.set.starts_with("LISTEN"));
        fragments
    }

    fn stranger(&self, place: &Place) -> Option<Stranger> {
        Postgres.stranger(place)
    }
}
