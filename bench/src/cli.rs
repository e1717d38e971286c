//! Measures the command line: how long `oarlock status` takes from its start to its end, and how long `up` takes for 300 small
//! migrations, with another library's runner beside it. Each run is a process, as in a deployment.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use oarlock_bench_protocol::Engine;

use crate::Failure;
use crate::runner::Measured;
use crate::worker::{chosen, median, memory, url};

/// How many migrations there are.
const MIGRATIONS: usize = 300;

/// How often all of them are applied to an empty database.
const UPS: usize = 5;

/// How often their status is asked for.
const LOOKS: usize = 51;

/// A runner of migrations: its name, and the words with which it applies a directory.
struct Peer<'p> {
    name: &'static str,
    program: &'p str,
    words: Vec<&'p str>,
}

/// Measures `cli`, and `sqlx` beside it where migrations are applied. Ratios are to ours.
pub fn cli(cli: &str, sqlx: &str, out: &str) -> Result<(), Failure> {
    let engines = std::env::var("OARLOCK_BENCH_ENGINES").unwrap_or_default();
    let peers = std::env::var("OARLOCK_BENCH_PEERS").unwrap_or_default();
    let directory = memory()?;
    let migrations = directory.path().join("migrations");
    write(&migrations)?;
    let migrations = migrations.to_str().ok_or("the directory's path is not UTF-8")?;
    let mut table = Vec::new();
    for engine in Engine::ALL.into_iter().filter(|engine| chosen(&engines, engine.name())) {
        let url = own_database(&url(engine, &directory.path().join("cli.db"))?);
        let ours = ["--dir", migrations, "--database-url", &url];
        let run = |command: &[&str]| run(cli, &[command, &ours].concat());
        let all = [
            Peer { name: "oarlock", program: cli, words: [&["up"][..], &ours].concat() },
            Peer { name: "sqlx", program: sqlx, words: vec!["migrate", engine.name(), migrations, &url] },
        ];
        let all: Vec<&Peer> = all.iter().filter(|peer| peer.name == "oarlock" || chosen(&peers, peer.name)).collect();
        let mut times = vec![Vec::with_capacity(UPS); all.len()];
        for pass in 0..UPS {
            for turn in 0..all.len() {
                let index = (pass + turn) % all.len();
                run(&["drop", "--yes", "--if-exists"])?;
                run(&["create"])?;
                times[index].push(self::run(all[index].program, &all[index].words)?);
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        table.extend(
            all.iter()
                .zip(&medians)
                .map(|(peer, nanos)| Measured::new(engine, "up_300", peer.name, *nanos, medians[0])),
        );
        run(&["drop", "--yes", "--if-exists"])?;
        run(&["create"])?;
        run(&["up"])?;
        let looks: Result<Vec<f64>, Failure> = (0..LOOKS).map(|_| run(&["status"])).collect();
        let starts: Result<Vec<f64>, Failure> = (0..LOOKS).map(|_| self::run(cli, &["--version"])).collect();
        let (look, start) = (median(looks?), median(starts?));
        table.push(Measured::new(engine, "status_300", "oarlock", look, look));
        table.push(Measured::new(engine, "process_start", "oarlock", start, look));
        run(&["drop", "--yes"])?;
    }
    for row in &table {
        row.print();
    }
    fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

/// Writes migrations that all engines and runners take: a table each.
fn write(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory)?;
    for number in 1..=MIGRATIONS {
        let text = format!("CREATE TABLE t{number} (id INT PRIMARY KEY, name VARCHAR(80) NOT NULL);\n");
        fs::write(directory.join(format!("{number:04}_t{number}.sql")), text)?;
    }
    Ok(())
}

/// Runs a program to its end, and gives how long that took in nanoseconds.
fn run(program: &str, words: &[&str]) -> Result<f64, Failure> {
    let since = Instant::now();
    let ended = Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).output()?;
    let nanos = since.elapsed().as_nanos() as f64;
    if ended.status.success() {
        return Ok(nanos);
    }
    Err(format!("{program} {words:?}: {}", String::from_utf8_lossy(&ended.stderr)).into())
}

/// Names a database of its own on the server of a URL.
fn own_database(url: &str) -> String {
    match url.split_once("//") {
        Some((scheme, rest)) => {
            format!("{scheme}//{}/oarlock_bench_cli", rest.split(['/', '?']).next().unwrap_or(rest))
        }
        None => url.to_owned(),
    }
}
