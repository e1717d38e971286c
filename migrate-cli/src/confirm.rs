//! Asks before data is destroyed.

use std::io::{self, BufRead, Write};

use crate::command::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// Asks whether to go on, unless `--yes` has said so. Where nobody can answer, that is a no.
pub(crate) fn confirm(context: &Context, what: &str) -> Result<()> {
    if context.yes {
        return Ok(());
    }
    if !context.output.can_ask() {
        return Err(Failure::new(Exit::Unconfirmed, what.to_owned())
            .with_hint("nothing has been done; add --yes to do it where nobody can be asked"));
    }
    let mut stderr = io::stderr();
    let _ = write!(stderr, "{what}. Go on? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Exit::Unconfirmed, "nothing has been done"))
}
