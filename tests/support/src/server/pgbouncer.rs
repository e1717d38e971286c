//! How pgbouncer is found and started.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::find_program;

/// Where packages put it; the PATH of a Debian user lacks the first.
const PACKAGES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

pub(super) fn find() -> Option<PathBuf> {
    find_program("pgbouncer", &PACKAGES)
}

/// The name of the one setting that stands in a section of its own.
const SERVER: &str = "*";

/// Gives the settings of a pooler before a server on this machine.
pub(super) fn before(port: u16) -> [(&'static str, String); 2] {
    [(SERVER, format!("host=127.0.0.1 port={port}")), ("pool_mode", "transaction".to_owned())]
}

/// Writes the file of settings. The users that it does not list are looked up on the server.
pub(super) fn arguments(
    command: &mut Command,
    directory: &Path,
    port: u16,
    settings: &[(String, String)],
) -> io::Result<()> {
    let users = directory.join("users");
    fs::write(&users, "\"postgres\" \"\"\n")?;
    let mut databases = String::new();
    let mut own = format!(
        "listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
         auth_user = postgres\nadmin_users = postgres\nmax_client_conn = 1000\n",
        users.display()
    );
    for (name, value) in settings {
        let section = if name == SERVER { &mut databases } else { &mut own };
        writeln!(section, "{name} = {value}").map_err(io::Error::other)?;
    }
    let file = directory.join("pgbouncer.ini");
    fs::write(&file, format!("[databases]\n{databases}[pgbouncer]\n{own}"))?;
    command.arg(file);
    Ok(())
}

pub(super) fn is_ready(directory: &Path) -> bool {
    fs::read_to_string(directory.join("log")).is_ok_and(|log| log.contains("process up"))
}
