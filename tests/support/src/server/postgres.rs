//! How PostgreSQL is found, filled and started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{find_program, run};
use crate::home::Home;

/// Where packages put it, a directory for each version.
const PACKAGES: [&str; 4] = ["/usr/lib/postgresql", "/usr/libexec", "/usr/local/opt", "/opt/homebrew/opt"];

/// Finds `postgres` with its `initdb` beside it: the one on the PATH, or the newest.
pub(super) fn find() -> Option<PathBuf> {
    let complete = |program: &PathBuf| program.with_file_name("initdb").is_file();
    let installed = || {
        let directories = PACKAGES.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten();
        let directories = directories.filter_map(|entry| Some(entry.ok()?.path()));
        let programs = directories.flat_map(|directory| [directory.join("bin/postgres"), directory.join("postgres")]);
        programs.filter(|program| complete(program)).max_by_key(|program| version(program))
    };
    find_program("postgres", &[]).filter(complete).or_else(installed)
}

fn version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim_start_matches(|c: char| !c.is_ascii_digit()).split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

pub(super) fn initialize(program: &Path, directory: &Path) -> io::Result<()> {
    let mut initdb = Home::get().command(&program.with_file_name("initdb"));
    let data = format!("--pgdata={}", directory.join("data").display());
    run(initdb.arg(data).args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]))
}

pub(super) fn arguments(command: &mut Command, directory: &Path, port: u16, settings: &[(String, String)]) {
    command.arg("-D").arg(directory.join("data")).arg("-p").arg(port.to_string());
    // What a test kills without a word leaves nothing behind where the memory is in the data directory.
    let own = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("dynamic_shared_memory_type", "mmap"),
        ("shared_buffers", "16MB"),
    ];
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in own.into_iter().chain(settings) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
}

/// PostgreSQL writes its state into the eighth line of the pid file.
pub(super) fn is_ready(directory: &Path, pid: u32) -> bool {
    let Ok(file) = fs::read_to_string(directory.join("data/postmaster.pid")) else { return false };
    let mut lines = file.lines().map(str::trim);
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
}
