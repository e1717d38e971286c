//! A million records of ours: the file, the memory, and how long opening takes.
//!
//! Each step is a process of its own, so that the memory is what that step takes.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::measure::{copy_all, size};
use crate::peer::Player;
use crate::report::Report;
use crate::{Failure, ours};

const RECORDS: i64 = 1_000_000;

/// How many records are inserted in one transaction.
const BATCH: i64 = 10_000;

pub fn measure(root: &Path, report: &mut Report) -> Result<(), Failure> {
    let clean = tempfile::tempdir_in(root)?;
    let killed = tempfile::tempdir_in(root)?;
    run("fill", clean.path())?;
    report.add_ours("million_size_bytes", vec![size(clean.path())? as f64]);
    // The process ends without closing the store.
    run("leave", clean.path())?;
    copy_all(clean.path(), killed.path())?;
    let [mut after_kill, mut after_close, mut memory] = [const { Vec::new() }; 3];
    for _ in 0..3 {
        // What a killed process leaves has no index, or one of an earlier close; here there is none.
        let _ = std::fs::remove_file(killed.path().join("players.store-index"));
        let [nanos, bytes] = run("open", killed.path())?;
        after_kill.push(nanos);
        memory.push(bytes / RECORDS as f64);
        run("close", killed.path())?;
        after_close.push(run("open", killed.path())?[0]);
    }
    report.add_ours("million_open_after_kill", after_kill);
    report.add_ours("million_open_after_close", after_close);
    report.add_ours("million_record_memory", memory);
    Ok(())
}

fn run(step: &str, directory: &Path) -> Result<[f64; 2], Failure> {
    let output = Command::new(std::env::current_exe()?).args(["million", step]).arg(directory).output()?;
    if !output.status.success() {
        return Err(format!("million {step}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| format!("million {step} said {text:?}").into())
}

/// Does one step, and prints the nanoseconds of opening and the bytes of memory that it took.
pub fn step(step: &str, directory: &Path) -> Result<(), Failure> {
    let before = resident();
    let started = Instant::now();
    let peer = ours::open(directory)?;
    let nanos = started.elapsed().as_nanos();
    let memory = resident().saturating_sub(before);
    println!("{nanos} {memory}");
    match step {
        "fill" => {
            for batch in 0..RECORDS / BATCH {
                let players: Vec<Player> = (batch * BATCH..(batch + 1) * BATCH).map(Player::numbered).collect();
                peer.insert(&players)?;
            }
        }
        "leave" => {
            peer.insert(&[Player::numbered(RECORDS)])?;
            std::process::exit(0);
        }
        "open" => std::process::exit(0),
        _ => {}
    }
    peer.close()
}

/// Gives the bytes of memory that the process has, where the system tells.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}
