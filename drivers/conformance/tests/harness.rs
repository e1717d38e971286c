//! The suite's own promises: a rule that fails or leaves something behind fails its test, and one without a server does not
//! count as run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use oarlock_conformance::{Bench, Place, Setup, Verdict, Way, run};
use oarlock_core::connection::{BoxFuture, DriverInfo};
use oarlock_core::factory::{Connector, DriverFactory, Purpose};
use oarlock_core::{Capabilities, Connection, Error, ErrorKind, Result, Url};
use oarlock_mock::Mock;

struct MockFactory;

impl DriverFactory for MockFactory {
    fn schemes(&self) -> &'static [&'static str] {
        &["mock"]
    }

    fn connector(&self, _: &Url, _: Purpose) -> Result<Arc<dyn Connector>> {
        Ok(Arc::new(Mock::new()))
    }
}

/// What a setup is made to do, and what it was asked.
#[derive(Clone, Default)]
struct MockSetup {
    absent: bool,
    left: Vec<String>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl MockSetup {
    fn note(&self, call: &'static str) {
        self.calls.lock().expect("no panic holds the lock").push(call);
    }

    fn calls(&self) -> Vec<&'static str> {
        self.calls.lock().expect("no panic holds the lock").clone()
    }
}

impl Setup for MockSetup {
    fn factory(&self) -> &'static dyn DriverFactory {
        &MockFactory
    }

    fn connect<'a>(&'a self, _: &'a Url) -> BoxFuture<'a, Box<dyn Connection>> {
        self.note("connect");
        Box::pin(async { Ok(Box::new(Mock::new().connection()) as Box<dyn Connection>) })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<Place>> {
        self.note("open");
        assert!(name.len() <= 48 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
        Box::pin(async move {
            let place = Place::new(name, Url::parse("mock:")?);
            Ok((!self.absent).then_some(place))
        })
    }

    fn close<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Vec<String>> {
        self.note("close");
        Box::pin(async { Ok(self.left.clone()) })
    }

    fn required(&self, _: &DriverInfo) -> Capabilities {
        Capabilities::NONE
    }
}

async fn passes(_: Bench) -> Verdict {
    Ok(())
}

async fn errs(_: Bench) -> Verdict {
    Err(Error::new(ErrorKind::Deadlock, "of the test's own"))?;
    Ok(())
}

async fn panics(_: Bench) -> Verdict {
    panic!("of the test's own")
}

fn outcome<F>(setup: &MockSetup, way: Way, body: fn(Bench) -> F) -> Result<(), String>
where
    F: Future<Output = Verdict> + Send + 'static,
{
    catch_unwind(AssertUnwindSafe(|| run(setup.clone(), way, "r00_of_this_test", body))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

#[test]
fn a_rule_that_passes_passes_either_way() {
    let setup = MockSetup::default();
    assert_eq!(outcome(&setup, Way::Direct, passes), Ok(()));
    assert_eq!(setup.calls(), ["open", "connect", "close"]);
    let setup = MockSetup::default();
    assert_eq!(outcome(&setup, Way::Dynamic, passes), Ok(()));
    assert_eq!(setup.calls(), ["open", "close"], "the connection came from the factory");
}

#[test]
fn a_rule_that_errs_fails_and_tells_where() {
    let setup = MockSetup::default();
    let message = outcome(&setup, Way::Direct, errs).expect_err("it erred");
    assert!(message.contains("tests/harness.rs:"), "{message}");
    assert!(message.contains("unexpected deadlock error"), "{message}");
    assert_eq!(setup.calls().last(), Some(&"close"), "the database is removed all the same");
}

#[test]
fn a_rule_that_panics_fails_with_its_own_words() {
    let setup = MockSetup::default();
    assert_eq!(outcome(&setup, Way::Direct, panics), Err("of the test's own".to_owned()));
    assert_eq!(setup.calls().last(), Some(&"close"), "the database is removed all the same");
}

#[test]
fn a_rule_that_leaves_something_behind_fails() {
    let setup = MockSetup { left: vec!["a session".to_owned()], ..MockSetup::default() };
    assert_eq!(outcome(&setup, Way::Direct, passes), Err("r00_of_this_test left behind: a session".to_owned()));
}

#[test]
fn without_a_server_no_rule_runs() {
    let setup = MockSetup { absent: true, ..MockSetup::default() };
    assert_eq!(outcome(&setup, Way::Direct, panics), Ok(()));
    assert_eq!(setup.calls(), ["open"]);
}
