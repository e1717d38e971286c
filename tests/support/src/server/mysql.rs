//! How MySQL or MariaDB is found, filled and started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{find_program, run};
use crate::home::Home;

/// Where packages put it. The PATH of a user of Debian lacks `/usr/sbin`.
const PACKAGES: [&str; 8] = [
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/mysql/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/opt/homebrew/opt/mysql/bin",
    "/usr/local/opt/mariadb/bin",
    "/usr/local/opt/mysql/bin",
];

/// Without name resolution, a client on 127.0.0.1 is not one on localhost.
const INIT: &str = "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n\
    GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n\
    CREATE DATABASE IF NOT EXISTS test;\n";

pub(super) fn find() -> Option<PathBuf> {
    ["mariadbd", "mysqld"].into_iter().find_map(|name| find_program(name, &PACKAGES))
}

fn is_mariadb(program: &Path) -> bool {
    program.file_name().is_some_and(|name| name == "mariadbd")
        || Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("MariaDB"))
}

pub(super) fn initialize(program: &Path, directory: &Path) -> io::Result<()> {
    let home = Home::get();
    let data = directory.join("data");
    fs::create_dir(&data)?;
    home.give(&data, 0o700)?;
    let datadir = format!("--datadir={}", data.display());
    if is_mariadb(program) {
        let installers = ["mariadb-install-db", "mysql_install_db"];
        let installer = installers
            .into_iter()
            .find_map(|name| {
                let beside = [program.with_file_name(name), program.with_file_name(format!("../bin/{name}"))];
                beside.into_iter().find(|program| program.is_file()).or_else(|| find_program(name, &[]))
            })
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "mariadb-install-db is not installed"))?;
        let mut command = home.command(&installer);
        // The installer makes its temporary files in TMPDIR, which may be closed to the servers' user.
        command.env("TMPDIR", directory).args(["--no-defaults", &datadir]);
        command.args(["--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db"]);
        run(command.arg("--innodb-log-file-size=16M"))?;
    } else {
        run(home.command(program).args(["--no-defaults", "--initialize-insecure", &datadir]))?;
    }
    let init = data.join("oarlock-init.sql");
    fs::write(&init, INIT)?;
    home.give(&init, 0o600)
}

pub(super) fn arguments(command: &mut Command, directory: &Path, port: u16, settings: &[(String, String)]) {
    let data = directory.join("data");
    let path = |name: &str, path: &Path| format!("--{name}={}", path.display());
    command.args(["--no-defaults", &path("datadir", &data), &path("tmpdir", directory)]);
    command.arg(path("init-file", &data.join("oarlock-init.sql"))).arg(path("pid-file", &directory.join("server.pid")));
    command.arg(path("socket", &directory.join("mysql.sock"))).arg(format!("--port={port}"));
    command.args(["--bind-address=127.0.0.1", "--skip-networking=0", "--skip-name-resolve"]);
    command.args(["--character-set-server=utf8mb4", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"]);
    command.args(["--innodb-log-file-size=16M", "--innodb-buffer-pool-size=32M"]);
    // MySQL's second protocol would want a port of its own; MariaDB does not know it.
    command.arg("--loose-mysqlx=OFF");
    command.args(settings.iter().map(|(name, value)| format!("--{name}={value}")));
}

/// The port answers before the init file has run; this line comes after it.
pub(super) fn is_ready(directory: &Path) -> bool {
    fs::read_to_string(directory.join("log")).is_ok_and(|log| log.contains("ready for connections"))
}
