//! The server's `max_allowed_packet`, kept before it is exceeded: the server would answer by breaking the connection.

use mysql_async::Value;
use oarlock_core::{Error, ErrorKind, Result};

/// From here on `mysql_async` sends each parameter in packets of its own.
const APART: usize = (1 << 24) - 1;

/// What a command has beside its text and values.
const OVERHEAD: usize = 64;

/// The largest packet that the server takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketLimit(pub(crate) usize);

impl PacketLimit {
    /// Refuses a text, or a value that is sent apart.
    ///
    /// # Errors
    ///
    /// `OutOfRange`.
    pub(crate) fn check(self, bytes: usize) -> Result<()> {
        let Self(max) = self;
        if bytes.saturating_add(OVERHEAD) <= max {
            return Ok(());
        }
        let message = format!("{bytes} bytes are more than the server takes at a time ({max})");
        Err(Error::new(ErrorKind::OutOfRange, message).with_hint("raise its max_allowed_packet"))
    }

    /// Refuses the parameters of an execution.
    ///
    /// # Errors
    ///
    /// `OutOfRange`.
    pub(crate) fn check_values(self, values: &[Value]) -> Result<()> {
        // The common case, without a look at the values: even dates and numbers take less.
        let total = size(values);
        if total < APART.min(self.0) {
            return self.check(total);
        }
        values.iter().try_for_each(|value| match value {
            Value::Bytes(bytes) => self.check(bytes.len()),
            _ => Ok(()),
        })?;
        if total < APART { self.check(total) } else { Ok(()) }
    }

    /// Gives how large a command of many rows may become: enough to make a trip worth it.
    pub(crate) fn command(self) -> usize {
        (self.0 / 2).min(1 << 20)
    }
}

/// Gives at least as many bytes as values take in a command.
pub(crate) fn size(values: &[Value]) -> usize {
    values.iter().map(|value| if let Value::Bytes(bytes) = value { bytes.len() + 12 } else { 16 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(sizes: &[usize]) -> Vec<Value> {
        sizes.iter().map(|size| Value::Bytes(vec![0; *size])).collect()
    }

    #[test]
    fn small_packets_are_limited_in_sum_and_large_values_one_by_one() {
        let mebi = 1 << 20;
        for (max, sizes, fits) in [
            (mebi, vec![mebi / 2, mebi / 4], true),
            (mebi, vec![mebi / 2, mebi / 2], false),
            (mebi, vec![mebi], false),
            (16 * mebi, vec![10 * mebi, 10 * mebi], true),
            (16 * mebi, vec![16 * mebi], false),
            (64 * mebi, vec![20 * mebi, 40 * mebi], true),
        ] {
            let result = PacketLimit(max).check_values(&blobs(&sizes));
            assert_eq!(result.map_err(|error| error.kind()), if fits { Ok(()) } else { Err(ErrorKind::OutOfRange) });
        }
    }
}
