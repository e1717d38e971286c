//! A private server that belongs to one test.

mod mysql;
mod pgbouncer;
mod postgres;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use oarlock_conformance::skipped;
use rustix::process::Signal;

use crate::home::Home;
use crate::process::{is_gone, is_stopped, signal, tree, wait_until};

/// How often a port is chosen anew, because somebody took it first.
const ATTEMPTS: u32 = 3;

/// The kinds of server that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Postgres,
    MySql,
    PgBouncer,
}

/// What a server is to be like. [`Server::postgres`], [`Server::mysql`] and [`Server::pgbouncer`] make it.
#[derive(Debug, Clone)]
#[must_use]
pub struct ServerOptions {
    kind: Kind,
    settings: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
}

impl ServerOptions {
    fn new(kind: Kind) -> Self {
        Self { kind, settings: Vec::new(), files: Vec::new() }
    }

    /// Sets one of the server's own settings, as its configuration file names it.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Puts a file into the data directory before the server starts: `pg_hba.conf`, a certificate and its key. It belongs to
    /// the server's user, and nobody else may read it.
    pub fn file(mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.into(), content.into()));
        self
    }

    /// Starts the server: loopback only, on a free port, with a data directory of its own that is copied from one made once
    /// for all servers of the process. It takes about a second.
    ///
    /// `None` where the server's programs are not installed, which was reported then; with `CI=true` that is a failure.
    ///
    /// # Panics
    ///
    /// When the server does not start. The end of its log is shown.
    pub async fn start(self) -> Option<Server> {
        let kind = self.kind;
        let Some(program) = kind.find() else {
            skipped(&format!("the programs of {} are neither on the PATH nor where packages put them", kind.name()));
            return None;
        };
        let made = tokio::task::spawn_blocking(move || make(kind, &program, self)).await;
        let mut server = made
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            .unwrap_or_else(|error| panic!("no data directory for {}: {error}", kind.name()));
        for attempt in 1..=ATTEMPTS {
            match server.launch().await {
                Ok(()) => break,
                Err(log) if attempt < ATTEMPTS && log.to_lowercase().contains("address already in use") => {
                    server.port = free_port();
                }
                Err(log) => panic!("{} did not start; its log ends with:\n{log}", kind.name()),
            }
        }
        Some(server)
    }
}

/// A running server, private to a test: it ends, and its data with it, when this is dropped.
///
/// Its superuser may log in without a password: `postgres`, or `root`.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    program: PathBuf,
    directory: PathBuf,
    settings: Vec<(String, String)>,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// Describes a PostgreSQL server.
    pub fn postgres() -> ServerOptions {
        ServerOptions::new(Kind::Postgres)
    }

    /// Describes a MySQL or MariaDB server, whichever this machine has.
    pub fn mysql() -> ServerOptions {
        ServerOptions::new(Kind::MySql)
    }

    /// Describes a pgbouncer before a PostgreSQL server, for every database and user of that one's; neither asks for passwords.
    /// It lends sessions for a transaction, unless `pool_mode` is set otherwise.
    pub fn pgbouncer(server: &Self) -> ServerOptions {
        pgbouncer::before(server.port)
            .into_iter()
            .fold(ServerOptions::new(Kind::PgBouncer), |options, (name, value)| options.setting(name, value))
    }

    /// Gives the URL of its superuser, and of a database to test in.
    #[must_use]
    pub fn url(&self) -> String {
        match self.kind {
            Kind::Postgres | Kind::PgBouncer => format!("postgres://postgres@127.0.0.1:{}/postgres", self.port),
            Kind::MySql => format!("mysql://root@127.0.0.1:{}/test", self.port),
        }
    }

    /// Gives its port on 127.0.0.1. A restart keeps it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives its data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Gives the id of its main process while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on its old port, and waits until it is ready. Does
    /// nothing while it runs.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(&mut self) {
        if self.child.is_none() {
            self.launch().await.unwrap_or_else(|log| panic!("{} did not start again:\n{log}", self.kind.name()));
        }
    }

    /// Stops it in good order, and waits for its end. Its clients' sessions are ended.
    ///
    /// # Panics
    ///
    /// When it does not end within a minute.
    pub async fn stop(&mut self) {
        self.end(self.kind.stop()).await;
    }

    /// Stops it in good order and starts it again.
    ///
    /// # Panics
    ///
    /// When it does not end, or does not start.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// Kills it and all its processes with SIGKILL, as a crash does, and waits for their end.
    ///
    /// # Panics
    ///
    /// When one of them does not end within a minute.
    pub async fn kill(&mut self) {
        self.end(Signal::KILL).await;
    }

    /// Freezes all its processes: connections stay open, new ones are taken by the kernel, and nothing is answered.
    ///
    /// # Panics
    ///
    /// When one of them does not stop within a minute.
    pub async fn freeze(&self) {
        let Some(pid) = self.pid() else { return };
        // It cannot start another one once it has stopped itself.
        signal(pid, Signal::STOP);
        wait_until("the server stops", || is_stopped(pid)).await;
        for process in tree(pid) {
            signal(process, Signal::STOP);
            wait_until("the server's processes stop", || is_stopped(process)).await;
        }
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        if let Some(pid) = self.pid() {
            for process in tree(pid) {
                signal(process, Signal::CONT);
            }
        }
    }

    async fn end(&mut self, how: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let processes = tree(child.id());
        for process in if how == Signal::KILL { &processes[..] } else { &processes[..1] } {
            signal(*process, how);
        }
        wait_until("the server ends", || matches!(child.try_wait(), Ok(Some(_)) | Err(_))).await;
        wait_until("the server's processes end", || processes[1..].iter().all(|process| is_gone(*process))).await;
        let _ = fs::remove_file(self.directory.join("pid"));
    }

    /// Starts the process and waits until it is ready; otherwise gives the end of its log.
    async fn launch(&mut self) -> Result<(), String> {
        let log = self.directory.join("log");
        let mut ended = false;
        let child = self.spawn(&log).map_err(|error| error.to_string())?;
        let child = self.child.insert(child);
        wait_until("the server is ready", || {
            ended = matches!(child.try_wait(), Ok(Some(_)) | Err(_));
            ended || self.kind.is_ready(&self.directory, child.id())
        })
        .await;
        if ended {
            self.child = None;
            let log = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            return Err(lines[lines.len().saturating_sub(12)..].join("\n"));
        }
        Ok(())
    }

    fn spawn(&self, log: &Path) -> io::Result<Child> {
        // A log of its own for each start: readiness is read from it.
        let log = File::create(log)?;
        let mut command = Home::get().command(&self.program);
        self.kind.arguments(&mut command, &self.directory, self.port, &self.settings)?;
        let child = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        fs::write(self.directory.join("pid"), child.id().to_string())?;
        Ok(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            for process in tree(child.id()) {
                signal(process, Signal::CONT);
            }
            signal(child.id(), self.kind.abort());
            let end = Instant::now() + Duration::from_secs(5);
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(2));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL or MariaDB",
            Self::PgBouncer => "pgbouncer",
        }
    }

    fn find(self) -> Option<PathBuf> {
        match self {
            Self::Postgres => postgres::find(),
            Self::MySql => mysql::find(),
            Self::PgBouncer => pgbouncer::find(),
        }
    }

    /// Fills a data directory, `data` in a directory of the server's.
    fn initialize(self, program: &Path, directory: &Path) -> io::Result<()> {
        match self {
            Self::Postgres => postgres::initialize(program, directory),
            Self::MySql => mysql::initialize(program, directory),
            Self::PgBouncer => fs::create_dir(directory.join("data")),
        }
    }

    fn arguments(
        self,
        command: &mut Command,
        directory: &Path,
        port: u16,
        settings: &[(String, String)],
    ) -> io::Result<()> {
        match self {
            Self::Postgres => postgres::arguments(command, directory, port, settings),
            Self::MySql => mysql::arguments(command, directory, port, settings),
            Self::PgBouncer => return pgbouncer::arguments(command, directory, port, settings),
        }
        Ok(())
    }

    fn is_ready(self, directory: &Path, pid: u32) -> bool {
        match self {
            Self::Postgres => postgres::is_ready(directory, pid),
            Self::MySql => mysql::is_ready(directory),
            Self::PgBouncer => pgbouncer::is_ready(directory),
        }
    }

    /// The signal that ends it in good order.
    fn stop(self) -> Signal {
        match self {
            Self::Postgres => Signal::INT,
            Self::MySql => Signal::TERM,
            // It has nothing to bring in order, some signals wait for its clients, and QUIT was passed over once.
            Self::PgBouncer => Signal::KILL,
        }
    }

    /// The signal that ends it at once. PostgreSQL gives its shared memory back before it goes.
    fn abort(self) -> Signal {
        match self {
            Self::Postgres => Signal::QUIT,
            Self::MySql | Self::PgBouncer => Signal::KILL,
        }
    }
}

/// Makes a server's directory, its data copied from those that were made first.
fn make(kind: Kind, program: &Path, options: ServerOptions) -> io::Result<Server> {
    static TEMPLATES: Mutex<Option<HashMap<Kind, PathBuf>>> = Mutex::new(None);
    let home = Home::get();
    let template = {
        let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
        let templates = templates.get_or_insert_default();
        if let Some(template) = templates.get(&kind) {
            template.clone()
        } else {
            let directory = home.directory()?;
            kind.initialize(program, &directory)?;
            templates.insert(kind, directory.clone());
            directory
        }
    };
    let directory = home.directory()?;
    run(Command::new("cp").arg("-Rp").arg(template.join("data")).arg(&directory))?;
    for (name, content) in &options.files {
        let path = directory.join("data").join(name);
        fs::write(&path, content)?;
        home.give(&path, 0o600)?;
    }
    let program = program.to_owned();
    Ok(Server { kind, program, directory, settings: options.settings, port: free_port(), child: None })
}

/// Runs a program to its end; its output is the error where it fails.
fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let told = [output.stdout, output.stderr].concat();
    Err(io::Error::other(format!("{} failed:\n{}", command.get_program().display(), String::from_utf8_lossy(&told))))
}

/// Finds a program on the PATH, or in directories where packages put it.
fn find_program(name: &str, directories: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(directories.iter().map(PathBuf::from));
    directories.map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Finds a port on which nobody listens, below those that the kernel takes for outgoing connections.
fn free_port() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    loop {
        let offset = RandomState::new().hash_one(0) % 12_000;
        let port = 20_000 + u16::try_from(offset).unwrap_or_default();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
