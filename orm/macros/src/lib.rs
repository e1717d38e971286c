//! The derive macros of oarlock.
