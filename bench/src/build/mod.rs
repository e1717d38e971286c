//! Measures how long a program with fifty models takes to build, with this ORM and with others.
//!
//! Each library is given a package of its own in a temporary directory, with the same models, SQLite compiled in, and no feature
//! that these do not need. What has to be downloaded is there before anything is timed.

mod models;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use self::models::{Model, models};
use self::sources::Library;
use crate::Failure;
use crate::worker::{chosen, median};

/// What is done with nothing built before, and how often: most of a run's time goes here, and it differs little from pass to pass.
const COLD: [(&str, &str, usize); 2] = [("check_cold", "check", 3), ("build_cold", "build", 1)];

/// How often a changed file is checked.
const EDITS: usize = 9;

/// A row of the result. `ratio` is to ours: above one, the peer takes longer, or more.
#[derive(Serialize)]
struct Measured {
    engine: &'static str,
    shape: &'static str,
    peer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    median_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    ratio: f64,
}

/// A library's package.
struct Package {
    library: Library,
    directory: PathBuf,
}

/// Measures all of them.
pub fn build(out: &str) -> Result<(), Failure> {
    let peers = std::env::var("OARLOCK_BENCH_PEERS").unwrap_or_default();
    let shapes = std::env::var("OARLOCK_BENCH_SHAPES").unwrap_or_default();
    let root = tempfile::tempdir()?;
    let models = models();
    let mut packages = Vec::new();
    for library in Library::ALL {
        if library == Library::Oarlock || chosen(&peers, library.name()) {
            let package = Package { library, directory: root.path().join(library.name()) };
            package.write(&models)?;
            packages.push(package);
        }
    }
    let mut table = Vec::new();
    let mut add = |shape: &'static str, values: Vec<f64>, is_time: bool| {
        for (package, value) in packages.iter().zip(&values) {
            let row = Measured {
                engine: "sqlite",
                shape,
                peer: package.library.name(),
                median_ns: is_time.then_some(*value as u64),
                count: (!is_time).then_some(*value as usize),
                ratio: (value / values[0] * 1000.0).round() / 1000.0,
            };
            row.print();
            table.push(row);
        }
    };
    if chosen(&shapes, "crates") {
        let counts: Result<Vec<f64>, Failure> = packages.iter().map(|package| Ok(package.crates()? as f64)).collect();
        add("crates", counts?, false);
    }
    for (shape, command, passes) in COLD {
        if chosen(&shapes, shape) {
            add(shape, in_turns(&packages, passes, |package, _| package.cold(command))?, true);
        }
    }
    if chosen(&shapes, "check_edit") {
        for package in &packages {
            package.cargo(&["check"])?;
        }
        let edited = &models[models.len() / 2];
        let times = in_turns(&packages, EDITS, |package, pass| package.edit(edited, pass % 2 == 0))?;
        add("check_edit", times, true);
    }
    fs::write(out, serde_json::to_string_pretty(&table)? + "\n")?;
    Ok(())
}

/// Times all packages so many times, pass by pass in turn, and gives the medians in nanoseconds.
fn in_turns(
    packages: &[Package],
    passes: usize,
    time: impl Fn(&Package, usize) -> Result<Duration, Failure>,
) -> Result<Vec<f64>, Failure> {
    let mut times = vec![Vec::with_capacity(passes); packages.len()];
    for pass in 0..passes {
        for turn in 0..packages.len() {
            let index = (pass + turn) % packages.len();
            times[index].push(time(&packages[index], pass)?.as_nanos() as f64);
        }
    }
    Ok(times.into_iter().map(median).collect())
}

impl Measured {
    fn print(&self) {
        let value = match (self.median_ns, self.count) {
            (Some(nanos), _) => format!("{:.2} s", nanos as f64 / 1e9),
            (None, count) => count.unwrap_or_default().to_string(),
        };
        println!("{:18} {:12} {value:>12} {:>8.3}", self.shape, self.peer, self.ratio);
    }
}

impl Package {
    /// Writes it, and has cargo fetch what it depends on, in the versions that the benchmarks use.
    fn write(&self, models: &[Model]) -> Result<(), Failure> {
        let benchmarks = Path::new(env!("CARGO_MANIFEST_DIR"));
        let repository = benchmarks.parent().and_then(Path::to_str).ok_or("the repository's path is not UTF-8")?;
        let source = self.directory.join("src");
        fs::create_dir_all(&source)?;
        let name = self.library.name();
        let dependency = self.library.dependency(repository);
        fs::write(
            self.directory.join("Cargo.toml"),
            format!(
                "[workspace]\n\n[package]\nname = \"fifty-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n{dependency}\n"
            ),
        )?;
        fs::copy(benchmarks.join(self.library.locked_by()).join("Cargo.lock"), self.directory.join("Cargo.lock"))?;
        let modules: String =
            models.iter().map(|model| format!("pub mod {};\n", Model::module(model.number))).collect();
        fs::write(source.join("lib.rs"), modules)?;
        for model in models {
            self.write_model(model, false)?;
        }
        self.cargo(&["fetch"])?;
        Ok(())
    }

    fn write_model(&self, model: &Model, extra: bool) -> Result<(), Failure> {
        let file = self.directory.join("src").join(Model::module(model.number)).with_extension("rs");
        Ok(fs::write(file, self.library.source(model, extra))?)
    }

    /// Counts the packages that are compiled for it.
    fn crates(&self) -> Result<usize, Failure> {
        let tree =
            self.cargo(&["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--no-dedupe"])?;
        let names: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (proc-macro)")).collect();
        Ok(names.len() - 1)
    }

    /// Runs a command with nothing built before.
    fn cold(&self, command: &str) -> Result<Duration, Failure> {
        match fs::remove_dir_all(self.directory.join("target")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        self.timed(command)
    }

    /// Checks it after a field of a model has come, or gone again.
    fn edit(&self, model: &Model, extra: bool) -> Result<Duration, Failure> {
        self.write_model(model, extra)?;
        self.timed("check")
    }

    fn timed(&self, command: &str) -> Result<Duration, Failure> {
        let started = Instant::now();
        self.cargo(&[command, "--offline"])?;
        Ok(started.elapsed())
    }

    /// Runs cargo in it and gives what that printed.
    fn cargo(&self, words: &[&str]) -> Result<String, Failure> {
        let output = Command::new("cargo")
            .args(words)
            .arg("--quiet")
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", self.directory.join("target"))
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{}: cargo {}: {}", self.library.name(), words.join(" "), output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
