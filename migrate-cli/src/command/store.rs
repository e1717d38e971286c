//! `store`: keeping the file of a record store.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use oarlock::store::{Packed, Store, Until};
use serde::Serialize;

use super::{Context, count};
use crate::arguments::StoreCommand;
use crate::confirm::confirm;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::timestamp::Timestamp;

/// What a check found, for programs.
#[derive(Debug, Serialize)]
struct Checked {
    transaction: u64,
    base: u64,
    used: u64,
    length: u64,
    interrupted: u64,
    problems: Vec<String>,
}

/// A transaction, for programs.
#[derive(Debug, Serialize)]
struct Entry {
    transaction: u64,
    time_micros: i64,
    note: Option<String>,
    operations: usize,
}

/// What was done, for programs.
#[derive(Debug, Serialize)]
struct Done {
    transaction: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

pub(super) fn run(context: &Context, command: StoreCommand) -> Result<Exit> {
    match command {
        StoreCommand::Check { file } => check(context, &file),
        StoreCommand::Log { file, last } => log(context, &file, last),
        StoreCommand::Pack { file, before, keep: None, keep_last: None } => pack(context, &file, before),
        StoreCommand::Pack { file, keep, keep_last, .. } => pack_older(context, &file, keep, keep_last),
        StoreCommand::Backup { file, to, since } => backup(context, &file, &to, since),
        StoreCommand::Restore { file, full, increments, until } => restore(context, &file, &full, increments, until),
        StoreCommand::Undo { file, transaction } => undo(context, &file, transaction),
    }
}

fn check(context: &Context, file: &Path) -> Result<Exit> {
    let found = Store::check(file)?;
    let problems: Vec<String> =
        found.problems.iter().map(|problem| format!("byte {}: {}", problem.place, problem.message)).collect();
    let verdict = if problems.is_empty() { "all is well".to_owned() } else { count(problems.len(), "problem") };
    context.output.line(format_args!("transaction {}, {} bytes: {verdict}", found.transaction, found.used));
    if found.interrupted > 0 {
        context
            .output
            .line(format_args!("{} bytes of an interrupted commit, which opening cuts off", found.interrupted));
    }
    for problem in &problems {
        context.output.line(problem);
    }
    let is_good = problems.is_empty();
    context.output.document(&Checked {
        transaction: found.transaction,
        base: found.base,
        used: found.used,
        length: found.length,
        interrupted: found.interrupted,
        problems,
    });
    Ok(if is_good { Exit::Done } else { Exit::Failed })
}

fn log(context: &Context, file: &Path, last: Option<u64>) -> Result<Exit> {
    let store = Store::options().read_only().open(file)?;
    let newest = store.snapshot().transaction();
    let first = last.map_or(0, |last| (newest + 1).saturating_sub(last));
    let entries = store.transactions(first..)?;
    for entry in entries.iter().rev() {
        let micros = u64::try_from(entry.time).unwrap_or(0);
        let time = Timestamp::from(UNIX_EPOCH + Duration::from_micros(micros));
        let (operations, note) = (count(entry.operations, "operation"), entry.note.as_deref().unwrap_or_default());
        context.output.line(format!("{:>8}  {time}  {operations:<14}  {note}", entry.transaction).trim_end());
    }
    let entries: Vec<Entry> = entries
        .into_iter()
        .map(|entry| Entry {
            transaction: entry.transaction,
            time_micros: entry.time,
            note: entry.note,
            operations: entry.operations,
        })
        .collect();
    context.output.document(&entries);
    Ok(Exit::Done)
}

fn pack(context: &Context, file: &Path, before: Option<u64>) -> Result<Exit> {
    let store = open(file)?;
    let what = match before {
        Some(before) => format!("what led to the state before transaction {before} will be gone for good"),
        None => "all history will be gone for good".to_owned(),
    };
    confirm(context, &what)?;
    let old = length(file);
    let packed = store.pack(before.unwrap_or(u64::MAX))?;
    tell_packed(context, file, old, store, packed)
}

/// Packs what is not to be kept any more.
fn pack_older(context: &Context, file: &Path, keep: Option<Duration>, keep_last: Option<u64>) -> Result<Exit> {
    let mut options = Store::options();
    let mut kept = Vec::new();
    if let Some(time) = keep {
        options = options.keep_for(time);
        kept.push(format!("older than {time:?}"));
    }
    if let Some(number) = keep_last {
        options = options.keep_transactions(number);
        kept.push(format!("before the last {}", count(usize::try_from(number).unwrap_or(usize::MAX), "transaction")));
    }
    must_exist(file)?;
    confirm(context, &format!("the history {} will be gone for good", kept.join(" and ")))?;
    let store = options.open(file)?;
    let old = length(file);
    if let Some(packed) = store.pack_retained()? {
        return tell_packed(context, file, old, store, packed);
    }
    let base = store.stats().base;
    store.close()?;
    context.output.line("nothing is older than what is kept");
    context.output.document(&Done { transaction: base, bytes: Some(length(file)) });
    Ok(Exit::Done)
}

fn tell_packed(context: &Context, file: &Path, old: u64, store: Store, packed: Packed) -> Result<Exit> {
    store.close()?;
    let (kept, new) = (usize::try_from(packed.transactions).unwrap_or(usize::MAX), length(file));
    context.output.line(format_args!(
        "packed to transaction {} with {} after it: {old} bytes, now {new}",
        packed.base,
        count(kept, "transaction")
    ));
    context.output.document(&Done { transaction: packed.base, bytes: Some(new) });
    Ok(Exit::Done)
}

fn length(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

fn backup(context: &Context, file: &Path, to: &Path, since: Option<u64>) -> Result<Exit> {
    let store = Store::options().read_only().open(file)?;
    let written = File::create_new(to).map_err(|error| failed("writing", to, &error))?;
    let mut writer = BufWriter::new(written);
    let backup = match since {
        Some(since) => store.backup_since(since, &mut writer)?,
        None => store.backup(&mut writer)?,
    };
    let synced = writer.flush().and_then(|()| writer.get_ref().sync_all());
    synced.map_err(|error| failed("writing", to, &error))?;
    context.output.line(format_args!("{} bytes, up to transaction {}", backup.bytes, backup.transaction));
    context.output.document(&Done { transaction: backup.transaction, bytes: Some(backup.bytes) });
    Ok(Exit::Done)
}

fn restore(context: &Context, file: &Path, full: &Path, increments: Vec<PathBuf>, until: Option<u64>) -> Result<Exit> {
    let opened = File::open(full).map_err(|error| failed("reading", full, &error))?;
    let mut increments = increments
        .into_iter()
        .map(|path| File::open(path).map(|file| -> Box<dyn Read> { Box::new(BufReader::new(file)) }));
    let until = until.map_or(Until::Newest, Until::Transaction);
    let restored = Store::restore(file, &mut BufReader::new(opened), &mut increments, until)?;
    context.output.line(format_args!("restored up to transaction {}", restored.transaction));
    context.output.document(&Done { transaction: restored.transaction, bytes: None });
    Ok(Exit::Done)
}

fn undo(context: &Context, file: &Path, transaction: u64) -> Result<Exit> {
    let store = open(file)?;
    let undone = store.undo(transaction)?;
    let number = undone.map_or(transaction, |commit| commit.transaction);
    store.close()?;
    match undone {
        Some(_) => context.output.line(format_args!("transaction {number} undoes transaction {transaction}")),
        None => context.output.line(format_args!("transaction {transaction} changed nothing that is to be undone")),
    }
    context.output.document(&Done { transaction: number, bytes: None });
    Ok(Exit::Done)
}

/// Opens a store that is there: none is made by looking at it.
fn open(file: &Path) -> Result<Store> {
    must_exist(file)?;
    Ok(Store::open(file)?)
}

fn must_exist(file: &Path) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    Err(Failure::new(Exit::Connection, format!("there is no file {}", file.display())))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{what} {} failed: {error}", path.display()))
}
