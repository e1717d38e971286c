//! The conformance suite of oarlock: the rules every driver passes, as named tests.

pub mod sample_schema;

pub mod sqlgen;
