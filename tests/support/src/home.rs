//! The directory of this process' servers, and the shell that clears it away whatever happens to this process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// What the shell runs: when the pipe breaks, this process is gone, and its servers and their data go too. Their groups'
/// leaders are named in files beside the data; what they have started ends by itself when they do.
const REAP: &str = r#"read -r _; for f in "$0"/*/pid; do [ -f "$f" ] && kill -KILL "$(cat "$f")"; done; rm -rf "$0""#;

/// Where this process' servers live.
pub(crate) struct Home {
    path: PathBuf,
    /// As whom they run: root may not run them, so nobody does.
    owner: Option<(u32, u32)>,
    /// Ends with this process, whose end of the pipe it reads.
    _reaper: Child,
}

impl Home {
    /// Gives the one of this process.
    pub(crate) fn get() -> &'static Self {
        static HOME: OnceLock<Home> = OnceLock::new();
        HOME.get_or_init(|| Self::new().unwrap_or_else(|error| panic!("no place for servers: {error}")))
    }

    fn new() -> io::Result<Self> {
        let owner = if rustix::process::geteuid().is_root() { Some((id("-u")?, id("-g")?)) } else { None };
        // A TMPDIR of root's own would be closed to that user.
        let parent = if owner.is_some() { PathBuf::from("/tmp") } else { std::env::temp_dir() };
        let path = tempfile::Builder::new().prefix("oarlock.").tempdir_in(parent)?.keep();
        fs::set_permissions(&path, Permissions::from_mode(0o711))?;
        let reaper = Command::new("sh")
            .args(["-c", REAP])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of reach of a Ctrl-C, which is meant for the tests.
            .process_group(0)
            .spawn()?;
        Ok(Self { path, owner, _reaper: reaper })
    }

    /// Makes a directory that belongs to the servers' user alone.
    pub(crate) fn directory(&self) -> io::Result<PathBuf> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = self.path.join(COUNT.fetch_add(1, Ordering::Relaxed).to_string());
        fs::create_dir(&path)?;
        self.give(&path, 0o700)?;
        Ok(path)
    }

    /// Gives a file or directory to the servers' user.
    pub(crate) fn give(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        match self.owner {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Makes a command that runs as the servers' user, and outside of the test's process group.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path).stdin(Stdio::null()).process_group(0);
        if let Some((user, group)) = self.owner {
            command.gid(group).uid(user);
        }
        command
    }
}

fn id(what: &str) -> io::Result<u32> {
    let output = Command::new("id").args([what, "nobody"]).output()?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| io::Error::new(io::ErrorKind::NotFound, "there is no user nobody to run servers as"))
}
