//! The program `oarlock`: all commands, for migrations in files of SQL.

use std::process::ExitCode;

use oarlock_cli::{migrations, models};

fn main() -> ExitCode {
    oarlock_cli::run(models![], migrations![])
}
