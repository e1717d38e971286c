//! What the program says: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use console::style;
use serde::Serialize;

use crate::failure::Failure;

/// Where the program writes. A reader that has gone away, as of `oarlock status | head`, is no failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Tells whether results are documents of JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Tells whether somebody watches: the terminal can draw, and the result is not for a program.
    pub(crate) fn is_watched(self) -> bool {
        !self.json && io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Tells whether a question can be answered.
    pub(crate) fn can_ask(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Writes a line of the result for people; JSON says it otherwise.
    pub(crate) fn line(self, line: impl Display) {
        if !self.json {
            Self::text(&format!("{line}\n"));
        }
    }

    /// Writes text as it stands.
    pub(crate) fn text(text: &str) {
        let _ = io::stdout().write_all(text.as_bytes());
    }

    /// Writes the result for programs.
    pub(crate) fn document(self, document: &impl Serialize) {
        if self.json {
            let mut text = serde_json::to_string_pretty(document)
                .unwrap_or_else(|error| format!("{{\"error\":{{\"kind\":\"internal\",\"message\":\"{error}\"}}}}"));
            text.push('\n');
            Self::text(&text);
        }
    }

    /// Says on standard error what is no result.
    pub(crate) fn note(line: impl Display) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// Warns of something.
    pub(crate) fn warn(warning: impl Display) {
        Self::note(format_args!("{} {warning}", style("warning:").for_stderr().yellow().bold()));
    }

    /// Says why nothing came of it.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            self.document(&failure.document());
        } else {
            Self::note(format_args!("{} {}", style("error:").for_stderr().red().bold(), failure.report()));
        }
    }
}
