//! A proxy between a client and a server that counts what passes, and harms it where a test says.

mod frames;
mod relay;
mod slow;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use frames::Protocol;
pub use slow::slow;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// Where in a direction's stream a fault is, counted from when it was armed, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// So many bytes pass; the next one does not.
    Byte(u64),
    /// So many messages pass as a whole; nothing of the next one does. One that was passing already does not count.
    Message(u64),
    /// Nothing passes from the first message of this kind on. See [`Protocol`] for the kinds.
    Before(u8),
}

/// What a proxy is to do once, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Fault {
    direction: Direction,
    at: At,
    harm: Harm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Cut,
    Stall,
}

impl Fault {
    /// Cuts the connection there: both sides find it closed.
    pub fn cut(direction: Direction, at: At) -> Self {
        Self { direction, at, harm: Harm::Cut }
    }

    /// Lets nothing more pass from there on, in this direction and on every connection, until [`Proxy::resume`].
    pub fn stall(direction: Direction, at: At) -> Self {
        Self { direction, at, harm: Harm::Stall }
    }
}

/// A proxy on a port of its own. It and its connections are gone when it is dropped.
pub struct Proxy {
    url: String,
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Makes a proxy to the server of a URL, whose scheme tells the protocol. Where the URL does not speak of encryption there is
    /// none: a proxy finds no messages in what it cannot read.
    ///
    /// # Panics
    ///
    /// When the URL's scheme is neither `postgres` nor `mysql`, and when no port can be had.
    pub async fn to(url: &str) -> Self {
        let place = Place::of(url);
        Self::before(place.server(), place.protocol, |port| in_clear(place.with(port))).await
    }

    async fn before(server: String, protocol: Protocol, url: impl FnOnce(u16) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of the loopback");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(relay::listen(listener, server, protocol, Arc::clone(&shared)));
        Self { url: url(port), port, shared, task }
    }

    /// Gives the URL that leads through the proxy to where the given one leads.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gives the proxy's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Tells how many connections were made through it.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// Tells how many bytes have passed in a direction, over all connections.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.shared.state().lanes[direction.index()].bytes
    }

    /// Tells how many messages have begun to pass in a direction, over all connections. What is encrypted has none.
    #[must_use]
    pub fn messages(&self, direction: Direction) -> u64 {
        self.shared.state().lanes[direction.index()].messages
    }

    /// Tells how many bytes of both directions were swallowed.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.state().lost
    }

    /// Passes bytes in a direction on one by one, from now on or no longer.
    ///
    /// The reader gets them one by one where it looks at its sockets between two of them: on a runtime of one thread with an
    /// event interval of 1.
    pub fn drip(&self, direction: Direction, on: bool) {
        self.shared.flow.send_modify(|flow| flow.drips[direction.index()] = on);
    }

    /// Lets a fault happen once. One that was armed before and has not happened is forgotten.
    pub fn arm(&self, fault: Fault) {
        let mut state = self.shared.state();
        state.lanes.iter_mut().for_each(|lane| lane.since = Passed::default());
        state.fault = Some(fault);
        state.armed += 1;
        self.shared.flow.send_modify(|flow| flow.fired = false);
    }

    /// Forgets a fault that has not happened; tells whether there was one.
    pub fn disarm(&self) -> bool {
        self.shared.state().fault.take().is_some()
    }

    /// Waits until the armed fault has happened.
    pub async fn fired(&self) {
        self.wait(|flow| flow.fired).await;
    }

    /// Tells whether the fault that was armed last has happened.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.shared.flow.borrow().fired
    }

    /// Changes what passes: the function gets the bytes of every read before anything else is done with them, and may do to
    /// them what it likes.
    pub fn tamper(&self, how: impl FnMut(Direction, &mut Vec<u8>) + Send + 'static) {
        self.shared.state().tamper = Some(Tamper(Box::new(how)));
    }

    /// Lets nothing pass, in either direction and on every connection, until [`resume`](Self::resume). Nothing is lost, and
    /// new connections wait.
    pub fn pause(&self) {
        self.shared.flow.send_modify(|flow| flow.stalled = [true; 2]);
    }

    /// Lets everything pass again after [`pause`](Self::pause), [`swallow`](Self::swallow) or a stall.
    ///
    /// A connection of which something was swallowed stays mute for ever.
    pub fn resume(&self) {
        self.shared.flow.send_modify(|flow| {
            flow.stalled = [false; 2];
            flow.swallows = false;
        });
    }

    /// Becomes a black hole: what is sent is lost without a word, closing included, and new connections reach nobody.
    pub fn swallow(&self) {
        self.shared.flow.send_modify(|flow| flow.swallows = true);
    }

    /// Cuts all connections that there are now.
    pub fn cut(&self) {
        self.shared.flow.send_modify(|flow| flow.cuts += 1);
    }

    async fn wait(&self, condition: impl FnMut(&Flow) -> bool) {
        // The sender lives in `self.shared`.
        let _ = self.shared.flow.subscribe().wait_for(condition).await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What the connections and the test have in common.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    flow: watch::Sender<Flow>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    connections: u64,
    lost: u64,
    lanes: [Lane; 2],
    fault: Option<Fault>,
    /// How many faults were armed so far.
    armed: u64,
    tamper: Option<Tamper>,
}

/// What changes the bytes that pass.
struct Tamper(Box<Change>);

type Change = dyn FnMut(Direction, &mut Vec<u8>) + Send;

impl fmt::Debug for Tamper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tamper")
    }
}

#[derive(Debug, Default)]
struct Lane {
    bytes: u64,
    messages: u64,
    /// What has passed since the fault was armed.
    since: Passed,
}

impl Lane {
    fn pass(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes += bytes;
        self.since.bytes += bytes;
    }
}

#[derive(Debug, Default)]
struct Passed {
    bytes: u64,
    messages: u64,
}

/// What every connection heeds.
#[derive(Debug, Clone, Default)]
struct Flow {
    stalled: [bool; 2],
    drips: [bool; 2],
    swallows: bool,
    cuts: u64,
    fired: bool,
}

/// The server in a URL's text, which is kept as it is otherwise: a parsed URL would not give its password back.
struct Place<'u> {
    protocol: Protocol,
    before: &'u str,
    host: &'u str,
    after: &'u str,
}

fn in_clear(mut url: String) -> String {
    if !url.contains("ssl") {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str("sslmode=disable");
    }
    url
}

impl<'u> Place<'u> {
    fn of(url: &'u str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("a URL names its server after ://");
        let protocol = Protocol::of(scheme);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
        let offset = url.len() - rest.len();
        Self { protocol, before: &url[..offset + start], host: &rest[start..end], after: &rest[end..] }
    }

    /// Gives the server's address, with its port.
    fn server(&self) -> String {
        let port = self.protocol.port();
        let has_port = self.host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has_port { self.host.to_owned() } else { format!("{}:{port}", self.host) }
    }

    /// Gives the URL with the proxy in the server's place.
    fn with(&self, port: u16) -> String {
        format!("{}127.0.0.1:{port}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_is_replaced() {
        for (url, server, through) in [
            ("postgres://a:b%2F@h:1/db?x=/y@z", "h:1", "postgres://a:b%2F@127.0.0.1:9/db?x=/y@z"),
            ("mysql://root@h", "h:3306", "mysql://root@127.0.0.1:9"),
            ("postgresql://h?sslmode=disable", "h:5432", "postgresql://127.0.0.1:9?sslmode=disable"),
        ] {
            let place = Place::of(url);
            assert_eq!((place.server().as_str(), place.with(9).as_str()), (server, through));
        }
    }
}
