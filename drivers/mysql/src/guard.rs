//! Panics of `mysql_async`'s, which trusts a server in a few places: an empty packet where a row should be is read past its end
//! (0.37, `is_last_result_set_packet`).
//!
//! What a server sends must not bring the program down, so such a panic is the error of a line that nobody understands any
//! more. The program's panic hook hears of it all the same.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;
use oarlock_core::{Error, ErrorKind, Result};

/// Does a step of `mysql_async`'s. What it borrows must not be used again after an error.
pub(crate) fn guarded<T>(step: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| not_understood())
}

/// Runs all steps of a future; for one that is too rare for its box to matter.
pub(crate) async fn guarded_to_end<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(Box::pin(future)).catch_unwind().await.unwrap_or_else(|_| Err(not_understood()))
}

fn not_understood() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the server sent what the protocol does not have")
        .with_hint("see whether the URL leads to a MySQL or MariaDB server, and what stands between")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(packet: &[u8]) -> u8 {
        packet[0]
    }

    #[tokio::test]
    async fn a_panic_is_a_lost_connection() {
        let told = |result: Result<u8>| result.map_err(|error| error.kind());
        assert_eq!(told(guarded(|| read(&[7]))), Ok(7));
        assert_eq!(told(guarded(|| read(&[]))), Err(ErrorKind::ConnectionLost));
        assert_eq!(told(guarded_to_end(async { Ok(read(&[7])) }).await), Ok(7));
        assert_eq!(told(guarded_to_end(async { Ok(read(&[])) }).await), Err(ErrorKind::ConnectionLost));
    }
}
