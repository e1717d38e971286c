//! How a test ends.

use std::fmt::Debug;

/// What a test, or its setup, may give: nothing, or a `Result` whose error can be shown.
#[diagnostic::on_unimplemented(
    message = "a test or its setup cannot give `{Self}`",
    note = "give nothing, or a `Result<(), E>` whose error is `Debug`"
)]
pub trait TestResult {
    /// Gives the failure in words; `None` for a success.
    fn failure(self) -> Option<String>;
}

impl TestResult for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<T: TestResult, E: Debug> TestResult for Result<T, E> {
    fn failure(self) -> Option<String> {
        match self {
            Ok(value) => value.failure(),
            Err(error) => Some(format!("{error:?}")),
        }
    }
}
