//! The facade on every engine: connecting, the pool, transactions, reading rows, blocking calls.

mod blocking;
mod connect;
mod pool;
mod rows;
mod session;
mod transactions;
mod two_phase;
