//! How the program ends: the codes that scripts may rely on. The library's page lists them.

use std::process::ExitCode;

/// The code with which the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is done.
    Done = 0,
    /// It failed in a way that has no code of its own.
    Failed = 1,
    /// The command line, the URL or `.env` is not understood.
    Usage = 2,
    /// Migrations are pending.
    Pending = 3,
    /// The history and the files disagree, or a model and its table.
    History = 4,
    /// Another runner has the lock.
    Locked = 5,
    /// The database could not be reached.
    Connection = 6,
    /// A file of the migrations is not understood.
    Files = 7,
    /// A statement of a migration was refused.
    Statement = 8,
    /// What would destroy data was not confirmed.
    Unconfirmed = 9,
    /// The database is not empty.
    NotEmpty = 10,
}

impl Exit {
    /// Gives the number.
    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    /// Gives it to the system.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }
}
