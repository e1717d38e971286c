//! Measures the command line: how long `oarlock status` takes from its start to its end, and how long `up` takes for 300 small
//! migrations, with other libraries' runners beside it. Each run is a process, as in a deployment; what it leaves is compared.
//!
//! `up_300` is where a commit waits for the disk, as it does on every server that is set up as it comes; `up_300_no_fsync` is where
//! none does: what is left is the work of the runner and of the server.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use oarlock::DbExt;
use oarlock::dialect::Flavor;
use oarlock_bench_protocol::Engine;
use tempfile::TempDir;

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

/// The other libraries, and how each wants its files: a migration's version and name in four digits and `t0001`.
const PEERS: [(&str, Layout); 3] =
    [("sqlx", Layout::Files), ("diesel", Layout::Directories), ("refinery", Layout::Marked)];

/// How files are named.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// `0001_t1.sql`, as ours.
    Files,
    /// `0001_t1/up.sql`.
    Directories,
    /// `V1__t1.sql`.
    Marked,
}

/// Measures `cli`, and the programs of the other libraries beside it where migrations are applied: `prefix` with their names.
/// Ratios are to ours.
pub fn cli(cli: &str, prefix: &str, out: &str) -> Result<(), Failure> {
    let engines = std::env::var("OARLOCK_BENCH_ENGINES").unwrap_or_default();
    let peers = std::env::var("OARLOCK_BENCH_PEERS").unwrap_or_default();
    let shapes = std::env::var("OARLOCK_BENCH_SHAPES").unwrap_or_default();
    let directory = memory()?;
    let on_disk = tempfile::tempdir_in(Path::new(out).parent().ok_or("the result is in no directory")?)?;
    let laid_out = |layout: Layout| {
        let migrations = directory.path().join(format!("{layout:?}").to_lowercase());
        write(&migrations, layout)?;
        Ok::<_, Failure>(migrations.to_str().ok_or("the directory's path is not UTF-8")?.to_owned())
    };
    let migrations = &*laid_out(Layout::Files)?;
    let mut others = Vec::new();
    for (name, layout) in PEERS.into_iter().filter(|(name, _)| chosen(&peers, name)) {
        others.push((name, format!("{prefix}-{name}"), laid_out(layout)?));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut table = Vec::new();
    let places = Engine::ALL.into_iter().filter(|engine| chosen(&engines, engine.name())).flat_map(|engine| {
        let files: &[&TempDir] = if engine == Engine::Sqlite { &[&directory, &on_disk] } else { &[&directory] };
        files.iter().map(move |file| (engine, file.path())).collect::<Vec<_>>()
    });
    for (engine, place) in places {
        let server = url(engine, &place.join("cli.db"))?;
        let waits =
            if engine == Engine::Sqlite { place == on_disk.path() } else { runtime.block_on(waits(&server))? };
        let up_300 = if waits { "up_300" } else { "up_300_no_fsync" };
        let ours = ["--dir", migrations, "--database-url"];
        let run = |command: &[&str], url: &str| run(cli, &[command, &ours, &[url]].concat());
        let mut all = vec![Peer { name: "oarlock", program: cli, words: [&["up"][..], &ours].concat() }];
        all.extend(others.iter().map(|(name, program, migrations)| Peer {
            name,
            program,
            words: vec!["migrate", engine.name(), migrations],
        }));
        let mut times = vec![Vec::with_capacity(UPS); all.len()];
        let runs = if chosen(&shapes, up_300) { UPS * all.len() } else { 0 };
        // Each has a database of its own, and none is dropped before the last: some file systems are slow to make files right after that.
        let urls: Vec<String> = (0..=runs).map(|run| own_database(&server, run)).collect();
        for (number, url) in urls[..runs].iter().enumerate() {
            let (pass, turn) = (number / all.len(), number % all.len());
            let index = (pass + turn) % all.len();
            run(&["drop", "--yes", "--if-exists"], url)?;
            run(&["create"], url)?;
            times[index].push(self::run(all[index].program, &[&all[index].words[..], &[url]].concat())?);
            runtime.block_on(check(url)).map_err(|error| format!("{}: {error}", all[index].name))?;
        }
        let medians: Vec<f64> = times.into_iter().filter(|times| !times.is_empty()).map(median).collect();
        table.extend(
            all.iter().zip(&medians).map(|(peer, nanos)| Measured::new(engine, up_300, peer.name, *nanos, medians[0])),
        );
        for url in &urls {
            run(&["drop", "--yes", "--if-exists"], url)?;
        }
        if waits || !chosen(&shapes, "status_300") {
            continue;
        }
        let url = &urls[runs];
        run(&["create"], url)?;
        run(&["up"], url)?;
        let looks: Result<Vec<f64>, Failure> = (0..LOOKS).map(|_| run(&["status"], url)).collect();
        let starts: Result<Vec<f64>, Failure> = (0..LOOKS).map(|_| self::run(cli, &["--version"])).collect();
        let (look, start) = (median(looks?), median(starts?));
        table.push(Measured::new(engine, "status_300", "oarlock", look, look));
        table.push(Measured::new(engine, "process_start", "oarlock", start, look));
        run(&["drop", "--yes"], url)?;
    }
    for row in &table {
        row.print();
    }
    fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

/// Writes migrations that all engines and runners take: a table each.
fn write(directory: &Path, layout: Layout) -> Result<(), Failure> {
    fs::create_dir_all(directory)?;
    for number in 1..=MIGRATIONS {
        let text = format!("CREATE TABLE t{number} (id INT PRIMARY KEY, name VARCHAR(80) NOT NULL);\n");
        let path = match layout {
            Layout::Files => directory.join(format!("{number:04}_t{number}.sql")),
            Layout::Directories => directory.join(format!("{number:04}_t{number}/up.sql")),
            Layout::Marked => directory.join(format!("V{number}__t{number}.sql")),
        };
        fs::create_dir_all(path.parent().ok_or("a file is in no directory")?)?;
        fs::write(path, text)?;
    }
    Ok(())
}

/// Checks that all tables are there, with their columns: what one runner leaves is what the others do.
async fn check(url: &str) -> Result<(), Failure> {
    let db = oarlock::connect(url).await?;
    let names = db.table_names(None).await?;
    for number in 1..=MIGRATIONS {
        let table = format!("t{number}");
        if !names.contains(&table) {
            return Err(format!("there is no table {table}").into());
        }
    }
    let entered = db.execute(&format!("INSERT INTO t{MIGRATIONS} (id, name) VALUES (?, ?)"), (1, "one")).await?;
    if entered.rows_affected != Some(1) {
        return Err("a row could not be inserted".into());
    }
    Ok(db.close().await?)
}

/// Tells whether a commit on a server waits for the disk.
async fn waits(url: &str) -> Result<bool, Failure> {
    let db = oarlock::connect(url).await?;
    let asked = match db.info().dialect.flavor {
        Flavor::Postgres => {
            "SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off' \
             AND current_setting('full_page_writes') = 'on'"
        }
        _ => "SELECT @@innodb_flush_log_at_trx_commit = 1",
    };
    let waits = db.fetch_value(asked, ()).await?;
    db.close().await?;
    Ok(waits)
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

/// Names a database of its own on the server of a URL, or a file beside that of the URL.
fn own_database(url: &str, number: usize) -> String {
    match url.split_once("//") {
        Some((scheme, rest)) => {
            format!("{scheme}//{}/oarlock_bench_cli_{number}", rest.split(['/', '?']).next().unwrap_or(rest))
        }
        None => format!("{url}.{number}"),
    }
}
