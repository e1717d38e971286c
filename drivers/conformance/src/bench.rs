//! Where a rule runs: a database of its own, connections made one way or the other, and a look at what was left behind.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::io::Write as _;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use oarlock_core::connection::DriverInfo;
use oarlock_core::dialect::Flavor;
use oarlock_core::factory::{Purpose, find, register};
use oarlock_core::schema::{Table, render};
use oarlock_core::{Capabilities, Conn, DbExt, Dialect, ErrorKind, Result, Url};
use tokio::runtime::Builder;

use crate::failure::Verdict;
use crate::fragments::Fragments;
use crate::setup::{Place, Setup};

/// Tells whether the rules are to leave nothing out for want of time.
pub(crate) fn is_full() -> bool {
    std::env::var("OARLOCK_RELIABILITY").is_ok_and(|how| how == "full")
}

/// How long a rule may take: more is a hang.
fn limit() -> Duration {
    Duration::from_mins(if is_full() { 60 } else { 2 })
}

/// How the name of a rule ends that drops calls step by step.
const STEPWISE: &str = "_can_be_dropped_anywhere";

/// How a rule gets its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// By the driver's own type.
    Direct,
    /// By the factory that is registered for the URL's scheme, as `connect(url)` does.
    Dynamic,
    /// From a pool, by [`Setup::pooled`].
    Pooled,
}

/// What a rule works with. Cloning shares it.
#[derive(Clone)]
pub struct Bench {
    shared: Arc<Shared>,
}

struct Shared {
    setup: Box<dyn Setup>,
    way: Way,
    place: Place,
    url: Url,
    info: DriverInfo,
    fragments: Fragments,
    cleanup: Mutex<Vec<String>>,
}

impl Bench {
    /// Opens a connection to the test's database.
    pub(crate) async fn conn(&self) -> Result<Conn> {
        self.conn_to(&self.shared.url).await
    }

    /// Opens a connection with an option in the URL.
    pub(crate) async fn conn_with(&self, option: &str, value: &str) -> Result<Conn> {
        self.conn_to(&self.shared.url.clone().with_option(option, value)).await
    }

    /// Opens a connection by a URL of one's own.
    pub(crate) async fn conn_to(&self, url: &Url) -> Result<Conn> {
        open(&*self.shared.setup, self.shared.way, url).await
    }

    pub(crate) fn way(&self) -> Way {
        self.shared.way
    }

    pub(crate) fn setup(&self) -> &dyn Setup {
        &*self.shared.setup
    }

    pub(crate) fn place(&self) -> &Place {
        &self.shared.place
    }

    pub(crate) fn info(&self) -> &DriverInfo {
        &self.shared.info
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.shared.info.capabilities
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.shared.info.dialect
    }

    pub(crate) fn flavor(&self) -> Flavor {
        self.shared.info.dialect.flavor
    }

    pub(crate) fn fragments(&self) -> &Fragments {
        &self.shared.fragments
    }

    /// Creates a table.
    pub(crate) async fn create(&self, conn: &Conn, table: &Table) -> Result<()> {
        for statement in render::create_table(table, self.dialect())? {
            conn.execute(&statement, ()).await?;
        }
        Ok(())
    }

    /// Runs a statement once the rule is over, however it ends: for what a database does not hold, such as a user.
    pub(crate) fn afterwards(&self, sql: impl Into<String>) {
        self.shared.cleanup.lock().unwrap_or_else(PoisonError::into_inner).push(sql.into());
    }
}

async fn open(setup: &dyn Setup, way: Way, url: &Url) -> Result<Conn> {
    match way {
        Way::Direct => setup.connect(url).await.map(Conn::new),
        Way::Pooled => setup.pooled(url).await,
        Way::Dynamic => {
            register(setup.factory());
            let factory =
                find(url.scheme()).expect("the factory was registered in the line above, and has the URL's scheme");
            factory.connector(url, Purpose::Single)?.connect().await.map(Conn::new)
        }
    }
}

/// Runs a rule as a test: in a database of its own, under a limit of time, with a look at what it leaves behind.
///
/// [`suite!`](crate::suite) calls it for every rule.
///
/// # Panics
///
/// When the rule fails, and when it leaves anything behind on the server.
pub fn run<F>(setup: impl Setup, way: Way, rule: &str, body: fn(Bench) -> F)
where
    F: Future<Output = Verdict> + Send + 'static,
{
    if let Some(reason) = setup.exception(rule) {
        return tell(&format!("left out: {rule}: {reason}"));
    }
    // The sockets are looked at after every step, so that no more than a byte comes between two polls.
    let runtime = if rule.ends_with(STEPWISE) {
        Builder::new_current_thread().event_interval(1).enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(2).enable_all().build()
    };
    runtime.expect("a runtime starts").block_on(async {
        let Some(bench) = prepare(Box::new(setup), way, rule).await else {
            return;
        };
        let mut task = tokio::spawn(body(bench.clone()));
        let ended = tokio::time::timeout(limit(), &mut task).await.ok();
        if ended.is_none() {
            task.abort();
            // The rule's connections go away with it, or the database could not be removed.
            let _ = task.await;
        }
        let left = clean(&bench).await;
        match ended {
            None => panic!("{rule} did not end within {} seconds", limit().as_secs()),
            Some(Err(failure)) => resume_unwind(failure.into_panic()),
            Some(Ok(Err(failure))) => panic!("{rule}: {failure:?}"),
            Some(Ok(Ok(()))) => assert!(left.is_empty(), "{rule} left behind: {}", left.join(", ")),
        }
    });
}

async fn prepare(setup: Box<dyn Setup>, way: Way, rule: &str) -> Option<Bench> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = rule.split('_').next().unwrap_or(rule);
    let letter = match way {
        Way::Direct => 'd',
        Way::Dynamic => 'y',
        Way::Pooled => 'p',
    };
    let name = format!("oarlock_{number}{letter}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let place = match setup.open(&name).await {
        Ok(place) => place?,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            skipped(&format!("the server does not answer: {error}"));
            return None;
        }
        Err(error) => panic!("the setup could not make a database: {error:?}"),
    };
    let url = place.url.clone();
    let probe = async {
        let conn = open(&*setup, way, &url).await?;
        let info = conn.info().clone();
        conn.close().await.map(|()| info)
    };
    let info = probe.await.unwrap_or_else(|error| panic!("no connection to {url}: {error:?}"));
    let fragments = setup.fragments(&info);
    let shared = Shared { setup, way, place, url, info, fragments, cleanup: Mutex::default() };
    Some(Bench { shared: Arc::new(shared) })
}

/// Removes what the rule made, and lists what it left behind.
async fn clean(bench: &Bench) -> Vec<String> {
    let mut left = Vec::new();
    let statements = std::mem::take(&mut *bench.shared.cleanup.lock().unwrap_or_else(PoisonError::into_inner));
    if !statements.is_empty() {
        match bench.conn().await {
            Ok(conn) => {
                for statement in statements.iter().rev() {
                    if let Err(error) = conn.execute(statement, ()).await {
                        left.push(format!("what {statement:?} should have removed ({error})"));
                    }
                }
            }
            Err(error) => left.push(format!("everything, for nothing connects any more ({error})")),
        }
    }
    match bench.setup().close(bench.place()).await {
        Ok(more) => left.extend(more),
        Err(error) => left.push(format!("the database ({error})")),
    }
    left
}

/// Gives the URL of the server under test from an environment variable, or says that the test is skipped.
///
/// # Panics
///
/// When the variable is not set and `CI` is `true`: there, a test that does not run must not pass.
pub fn require_server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        skipped(&format!("{variable} is not set"));
    }
    url
}

/// Says that a test is skipped, past the harness, which shows nothing of a test that passes; each reason is told once.
///
/// # Panics
///
/// When `CI` is `true`: there, a test that does not run must not pass.
pub fn skipped(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    tell(&format!("skipped, all tests that need it: {why}"));
}

/// Says something past the harness, once.
fn tell(what: &str) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
        // Where nobody listens, nobody is to be told.
        let _ = writeln!(std::io::stderr(), "{what}");
    }
}

/// Asks again and again until the answer is yes, for ten seconds at most; tells whether it came to be.
///
/// For what a server does in its own time after the last word of a client.
///
/// # Errors
///
/// The question's own.
pub async fn until<F>(mut question: impl FnMut() -> F) -> Result<bool>
where
    F: Future<Output = Result<bool>>,
{
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        if question().await? {
            return Ok(true);
        }
        if Instant::now() >= end {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("way", &self.shared.way).field("url", &self.shared.url).finish_non_exhaustive()
    }
}
