//! End-to-end tests of the oarlock facade.
