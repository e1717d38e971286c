//! `status`: how each migration stands.

use console::{Style, pad_str, style};
use oarlock_migrate::{Entry, State};
use serde::Serialize;

use super::{Context, count};
use crate::arguments::{Allowed, Status};
use crate::exit::Exit;
use crate::failure::Result;
use crate::progress::told;
use crate::timestamp::Timestamp;

/// How all migrations stand, for programs.
#[derive(Debug, Serialize)]
struct Document<'s> {
    migrations: Vec<Line<'s>>,
    pending: usize,
    amiss: usize,
}

#[derive(Debug, Serialize)]
struct Line<'s> {
    migration: &'s str,
    version: Option<i64>,
    state: &'static str,
    reversible: bool,
    file: Option<&'s str>,
    applied_at: Option<String>,
    duration_ms: Option<u64>,
    /// `baseline` or `marked` for one that was entered without being run.
    entered: Option<&'s str>,
}

pub(super) async fn show(context: &Context, asked: &Status) -> Result<Exit> {
    let migrator = context.migrator(&Allowed::default())?;
    let conn = context.database()?.look().await?;
    let status = migrator.status(conn).await?;
    let (pending, amiss) = (status.pending(), status.amiss());
    let width = status.entries.iter().map(|entry| console::measure_text_width(&entry.title)).max().unwrap_or(0);
    // Written at once: standard output would go to the system line by line.
    let mut lines = Vec::with_capacity(status.entries.len() + 1);
    for entry in &status.entries {
        let state = colour(entry.state).apply_to(format!("{:<12}", entry.state.as_str()));
        let title = pad_str(&entry.title, width, console::Alignment::Left, None);
        lines.push(format!("{state} {title}  {}", remark(entry)).trim_end().to_owned());
    }
    lines.push(summary(status.entries.len(), pending, amiss));
    context.output.line(lines.join("\n"));
    context.output.document(&Document { migrations: status.entries.iter().map(Line::new).collect(), pending, amiss });
    Ok(match (asked.check, pending, amiss) {
        (false, ..) | (true, 0, 0) => Exit::Done,
        (true, _, 0) => Exit::Pending,
        (true, ..) => Exit::History,
    })
}

impl<'s> Line<'s> {
    fn new(entry: &'s Entry) -> Self {
        let applied = entry.applied.as_ref();
        Self {
            migration: &entry.title,
            version: entry.version.map(oarlock_migrate::Version::number),
            state: match entry.state {
                State::OutOfOrder => "out_of_order",
                state => state.as_str(),
            },
            reversible: entry.reversible,
            file: entry.file.as_deref(),
            applied_at: applied.map(|applied| Timestamp::from(applied.applied_at).to_string()),
            duration_ms: applied.and_then(|applied| applied.duration.as_millis().try_into().ok()),
            entered: applied.map(|applied| applied.state.as_str()).filter(|state| *state != "applied"),
        }
    }
}

fn colour(state: State) -> Style {
    match state {
        State::Applied => Style::new().green(),
        State::Pending => Style::new().yellow(),
        _ => Style::new().red(),
    }
}

/// Tells what is worth knowing of an entry besides its state.
fn remark(entry: &Entry) -> String {
    let mut remarks = Vec::new();
    if let Some(applied) = &entry.applied {
        let at = Timestamp::from(applied.applied_at);
        remarks.push(match applied.state.as_str() {
            "applied" => format!("{at} in {}", told(applied.duration)),
            state => format!("{at} ({state})"),
        });
    }
    let advice = match entry.state {
        State::Edited => "reads otherwise now: put it back as it was, or `repair`",
        State::Missing => "has no file: put it back, or `repair`",
        State::OutOfOrder => "comes before applied ones: give it a later version, or allow it by --allow-out-of-order",
        State::Interrupted => "`up` finishes it",
        _ => "",
    };
    if !advice.is_empty() {
        remarks.push(advice.to_owned());
    }
    style(remarks.join("  ")).dim().to_string()
}

fn summary(all: usize, pending: usize, amiss: usize) -> String {
    let mut told = format!("{}, {pending} pending", count(all, "migration"));
    if amiss > 0 {
        told = format!("{told}, {amiss} amiss");
    }
    told
}
