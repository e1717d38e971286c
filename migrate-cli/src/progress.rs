//! What a run shows of itself: a bar on a terminal, a line for each migration elsewhere.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use oarlock_migrate::{Direction, Event};

use crate::command::Moved;
use crate::output::Output;

/// How long a statement may take until a line says that it goes on, where there is no bar.
const LONG: Duration = Duration::from_secs(10);

/// Shows a run. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Progress {
    output: Output,
    verbose: bool,
    bar: Option<ProgressBar>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    moved: Vec<Moved>,
    total: usize,
    now: Option<Now>,
}

/// What is under way.
struct Now {
    title: String,
    statements: usize,
    index: usize,
    sql: String,
    since: Instant,
}

impl Progress {
    /// Prepares to show a run of so many migrations.
    pub(crate) fn new(output: Output, verbose: bool) -> Self {
        let bar = output.is_watched().then(|| {
            let bar = ProgressBar::new(1);
            // The template is a constant, and a bar of the default kind is one, too.
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {prefix} {bar:12} {pos}/{len} {elapsed} {wide_msg}")
            {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self { output, verbose, bar, state: Arc::default() }
    }

    /// Tells whether it is worth knowing how many migrations there will be.
    pub(crate) fn counts(&self) -> bool {
        self.bar.is_some()
    }

    /// Sets how many migrations there will be.
    pub(crate) fn expect(&self, total: usize) {
        self.state().total = total;
    }

    /// Runs something, and shows that it goes on.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        if let Some(bar) = &self.bar {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        let ended = self.watch();
        let done = work.await;
        drop(ended);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        done
    }

    /// Has a thread say what goes on for long, until what this gives is dropped. The work may hold this thread all the while.
    fn watch(&self) -> Option<Sender<()>> {
        if self.bar.is_some() || self.output.is_json() {
            return None;
        }
        let (ended, end) = channel();
        let progress = self.clone();
        thread::spawn(move || {
            while end.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                progress.still();
            }
        });
        Some(ended)
    }

    /// Gives what has been done.
    pub(crate) fn moved(&self) -> Vec<Moved> {
        self.state().moved.clone()
    }

    /// Takes what the engine tells.
    pub(crate) fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Waiting { holder } => self.waiting(*holder),
            Event::Started { migration, statements, done, .. } => self.started(migration.title(), *statements, *done),
            Event::Statement { index, sql, .. } => self.statement(*index, sql),
            Event::Loading { file, index, statements, sql } => {
                if *index == 0 {
                    self.started(file, *statements, 0);
                }
                self.statement(*index, sql);
            }
            Event::Finished { migration, direction, duration } => {
                self.finished(migration.title(), *direction, *duration);
            }
            _ => {}
        }
    }

    fn waiting(&self, holder: Option<&str>) {
        let holder = holder.map(|holder| format!(", which {holder} has")).unwrap_or_default();
        let told = format!("waiting for the lock{holder}");
        match &self.bar {
            Some(bar) => bar.set_message(told),
            None => Output::note(told),
        }
    }

    fn started(&self, title: &str, statements: usize, done: usize) {
        let mut state = self.state();
        if done > 0 {
            self.aside(&format!("{title} was interrupted: going on after statement {done} of {statements}"));
        }
        if let Some(bar) = &self.bar {
            bar.set_prefix(format!("{}/{} {title}", state.moved.len() + 1, state.total.max(state.moved.len() + 1)));
            bar.set_length(statements.try_into().unwrap_or(u64::MAX));
            bar.set_position(done.try_into().unwrap_or(u64::MAX));
        }
        state.now =
            Some(Now { title: title.to_owned(), statements, index: done, sql: String::new(), since: Instant::now() });
    }

    fn statement(&self, index: usize, sql: &str) {
        let mut state = self.state();
        let Some(now) = &mut state.now else { return };
        now.index = index;
        now.sql.replace_range(.., sql);
        now.since = Instant::now();
        if let Some(bar) = &self.bar {
            bar.set_position(index.try_into().unwrap_or(u64::MAX));
            bar.reset_elapsed();
            bar.set_message(one_line(sql));
        }
        if self.verbose {
            self.aside(&format!("{}, statement {} of {}: {}", now.title, index + 1, now.statements, one_line(sql)));
        }
    }

    fn finished(&self, title: &str, direction: Direction, duration: Duration) {
        let word = match direction {
            Direction::Up => "applied",
            Direction::Down => "took back",
        };
        let empty = self.state().now.as_ref().is_some_and(|now| now.statements == 0);
        let remark = if empty { ": it has no statements" } else { "" };
        let line = format!("{word} {title} in {}{remark}", told(duration));
        match &self.bar {
            Some(bar) => bar.suspend(|| self.output.line(line)),
            None => self.output.line(line),
        }
        let mut state = self.state();
        state.now = None;
        state.moved.push(Moved::new(title, direction, duration));
    }

    /// Says that a long statement goes on; a bar shows it by itself.
    fn still(&self) {
        if let Some(now) = self.state().now.as_ref().filter(|now| now.since.elapsed() >= LONG / 2) {
            Output::note(format_args!(
                "{}, statement {} of {} goes on after {}: {}",
                now.title,
                now.index + 1,
                now.statements,
                told(now.since.elapsed()),
                one_line(&now.sql)
            ));
        }
    }

    /// Writes a line beside the bar.
    fn aside(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| Output::note(line)),
            None => Output::note(line),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes how long something took, as short as it is worth knowing.
pub(crate) fn told(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis / 1000 % 60),
    }
}

/// Writes a statement on one line, as much of it as tells it apart.
fn one_line(sql: &str) -> String {
    const MOST: usize = 100;
    let mut line = String::new();
    for word in sql.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > MOST {
            line = line.chars().take(MOST - 1).chain(['…']).collect();
            break;
        }
    }
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (millis, text) in [(0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (59_990, "59.9 s"), (61_000, "1 min 1 s")]
        {
            assert_eq!(told(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_statement_is_one_short_line() {
        assert_eq!(one_line("CREATE  TABLE a (\n\tb\u{1b}[2J int\n)"), "CREATE TABLE a ( b [2J int )");
        assert_eq!(one_line(&"é".repeat(500)), format!("{}…", "é".repeat(99)));
    }
}
