//! The contract of oarlock: connections, cursors, values, errors, and what all drivers share.
