//! `new --bin`: a program that has all commands, with the user's own models and migrations in Rust.

use std::path::Path;

use serde::Serialize;

use super::Context;
use super::new::write_all;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

const MAIN: &str = "\
use oarlock_cli::{migrations, models};

fn main() -> std::process::ExitCode {
    oarlock_cli::run(models![], migrations![])
}
";

/// The files that were written, for programs.
#[derive(Debug, Serialize)]
struct Document {
    files: Vec<String>,
}

pub(super) fn write(context: &Context, name: &str) -> Result<Exit> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !plain || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Failure::new(Exit::Usage, format!("`{name}` is no name of a package"))
            .with_hint("write letters, digits, _ and -, such as migrator"));
    }
    let files = [("Cargo.toml".to_owned(), manifest(name)), ("src/main.rs".to_owned(), MAIN.to_owned())];
    let written = write_all(Path::new(name), &files)?;
    for path in &written {
        context.output.line(path.display());
    }
    context.output.line(format_args!(
        "put your models and migrations into its main.rs; then `cargo run --manifest-path {name}/Cargo.toml -- status`"
    ));
    context.output.document(&Document { files: written.iter().map(|path| path.display().to_string()).collect() });
    Ok(Exit::Done)
}

fn manifest(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
         oarlock = \"{version}\"\noarlock-cli = \"{version}\"\n"
    )
}
