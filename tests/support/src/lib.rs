//! Servers and a network that a test can harm: private PostgreSQL and MySQL or MariaDB servers, and a proxy that knows
//! their protocols.
//!
//! A [`Server`] belongs to one test, which may stop, kill, freeze and restart it. A [`Proxy`] stands between a client and any
//! server; it counts what passes, and cuts, stalls or swallows it at a byte or message that the test names, so that a fault
//! is placed and never a matter of timing.
//!
//! # Examples
//!
//! ```no_run
//! # async fn example() {
//! use oarlock_test_support::{At, Direction, Fault, Proxy, Server};
//!
//! let Some(server) = Server::postgres().setting("max_connections", "10").start().await else { return };
//! let proxy = Proxy::to(&server.url()).await;
//! // … connect to proxy.url() …
//! proxy.arm(Fault::cut(Direction::ToClient, At::Before(b'Z')));
//! // … send a statement: its reply is cut before the server's last word …
//! proxy.fired().await;
//! # }
//! ```

mod authority;
mod home;
mod process;
mod proxy;
mod server;

pub use authority::{Authority, Issued, Valid, self_signed};
pub use proxy::{At, Direction, Fault, Protocol, Proxy, slow};
pub use server::{Server, ServerOptions};
