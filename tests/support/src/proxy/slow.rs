//! A road on which the server's bytes come one by one, for the conformance suite.

use oarlock_conformance::Slow;
use oarlock_core::Url;

use super::{Direction, Protocol, Proxy};

/// Makes a road to a URL's server on which its bytes can be made to come one by one. They go in clear, which makes them fewer.
///
/// # Panics
///
/// When the URL's scheme is neither `postgres` nor `mysql`, when it names no server by its address, and when no port can be had.
pub async fn slow(url: &Url) -> Slow {
    let protocol = Protocol::of(url.scheme());
    let host = url.hosts().first().expect("the URL names a server");
    assert!(!host.name.starts_with('/'), "a server's socket has no address for a proxy");
    let server = format!("{}:{}", host.name, host.port.unwrap_or_else(|| protocol.port()));
    let proxy = Proxy::before(server, protocol, |_| String::new()).await;
    let road = url.clone().with_host("127.0.0.1", proxy.port()).with_option("sslmode", "disable");
    Slow::new(road).dripping(move |on| proxy.drip(Direction::ToClient, on))
}
