//! A process and what it has started, by their ids.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to obey.
const LIMIT: Duration = Duration::from_mins(1);

/// Sends a signal to one process; one that is gone needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Gives the process and all that it has started, itself first.
///
/// # Panics
///
/// Where there is no `/proc`: only Linux tells a process' children so that no program is needed for it.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc lists the processes");
    let processes = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = processes.filter_map(|pid| Some((pid, stat(pid)?.1))).collect();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    tree
}

/// Tells whether a process has ended: where nobody reaps the orphans, what is left of one counts as gone.
pub(crate) fn is_gone(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'))
}

/// Tells whether a process is stopped, or gone.
pub(crate) fn is_stopped(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| matches!(state, 'T' | 'Z' | 'X'))
}

/// Reads a process' state and parent. Its name, in brackets before them, may hold anything.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Waits until something is so.
///
/// # Panics
///
/// After a minute.
pub(crate) async fn wait_until(what: &str, mut question: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !question() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
