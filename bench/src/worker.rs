//! A peer in a process of its own, which measures what it is told to, and what the measurements share.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use oarlock_bench_protocol::Engine;

use crate::Failure;

pub struct Worker {
    pub name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    pub fn start(name: &'static str, program: &str, words: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut worker = Self { name, child, input, output };
        match worker.line()?.as_str() {
            "ready" => Ok(worker),
            other => Err(format!("{name} said {other:?} instead of ready").into()),
        }
    }

    /// Tells it two words, such as a shape and how often to run it, and gives those of its answer, of which there have to be so many.
    pub fn ask<const N: usize>(&mut self, what: &str, of: &str) -> Result<[String; N], Failure> {
        writeln!(self.input, "{what} {of}")?;
        let line = self.line()?;
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.try_into().map_err(|_| format!("{} said {line:?}", self.name).into())
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("{} ended: {}", self.name, self.child.wait()?).into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a directory in memory where there is such a file system: a commit then costs what the libraries make it cost, and not
/// what the disk's swings do.
pub fn memory() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

/// Gives the database of an engine: the file, or the server that the environment names.
pub fn url(engine: Engine, file: &Path) -> Result<String, Failure> {
    Ok(match engine {
        Engine::Sqlite => format!("sqlite:{}", file.display()),
        Engine::Postgres => std::env::var("OARLOCK_TEST_POSTGRES_URL")?,
        Engine::Mysql => std::env::var("OARLOCK_TEST_MYSQL_URL")?,
    })
}

/// Tells whether a list of names has this one; an empty list has all.
pub fn chosen(list: &str, name: &str) -> bool {
    list.is_empty() || list.split(',').any(|chosen| chosen == name)
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
