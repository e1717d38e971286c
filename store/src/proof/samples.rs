//! Files of every version of the format, which are kept in the repository: what was written once can be read for ever.
//!
//! `tests/samples` holds them. A new version of the format gets new ones, by
//! `cargo test -p oarlock-store --all-features make_samples -- --ignored`; those of earlier versions stay as they are.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oarlock_core::Result;

use crate::Store;
use crate::log::backup::restore;
use crate::log::check::check;
use crate::log::{Access, Former, Frame, Log, LogOptions, Opening, Replay, Until, make_checks_right};
use crate::storage::simulated::Disk;
use crate::storage::{Files, Storage};

/// What a frame was found to say: whether it is of the base, its transaction, its note and its payload.
type Said = (bool, u64, Option<String>, Vec<u8>);

/// Collects what is replayed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Collected {
    snapshot: Option<Vec<u8>>,
    frames: Vec<Said>,
}

impl Replay for Collected {
    fn snapshot(&mut self, snapshot: &mut dyn Read, _: &mut Former<'_, '_>) -> Result<bool> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes).unwrap();
        self.snapshot = Some(bytes);
        Ok(true)
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<()> {
        self.frames.push((frame.base, frame.transaction, frame.note.map(str::to_owned), frame.payload.to_vec()));
        Ok(())
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

fn commit(transaction: u64, note: Option<&str>, payload: &[u8]) -> Said {
    (false, transaction, note.map(str::to_owned), payload.to_vec())
}

fn long() -> Vec<u8> {
    (0..3_000_u32).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

/// The transactions of `plain.store`.
fn plain() -> Vec<Said> {
    vec![
        commit(1, Some("the first one"), b"one"),
        commit(2, None, b"two, which is eighteen"),
        commit(3, None, b""),
        commit(4, Some("a long one: \u{e9}\u{20ac}"), &long()),
    ]
}

fn write(log: &Log, frames: &[Said]) {
    for (_, transaction, note, payload) in frames {
        let appended = log.append(transaction - 1, note.as_deref(), payload).unwrap();
        assert_eq!(appended.transaction, *transaction);
        log.wait(appended).unwrap();
    }
}

fn open(storage: Arc<dyn Storage>, path: &Path, access: Access) -> (Log, Opening, Collected) {
    let mut collected = Collected::default();
    let options = LogOptions { access, ..LogOptions::default() };
    let (log, opening) = Log::open(storage, path, options, &mut collected).unwrap();
    (log, opening, collected)
}

#[test]
#[ignore = "writes the samples of a new version of the format"]
fn make_samples() {
    let disk = Disk::default();
    let create = |name: &str| open(Arc::new(disk.clone()), Path::new(name), Access::Write).0;
    let log = create("plain.store");
    write(&log, &plain()[..2]);
    let mut full = Vec::new();
    assert_eq!(log.backup(None, &mut full).unwrap().transaction, 2);
    write(&log, &plain()[2..]);
    let mut increment = Vec::new();
    log.backup(Some(2), &mut increment).unwrap();
    log.close(Some(&mut |to: &mut dyn Write| to.write_all(b"the state after 4"))).unwrap();

    let log = create("packed.store");
    write(&log, &plain());
    let reader = log.reader();
    let mut new = log.rewrite(3).unwrap();
    new.base(1, b"a part").unwrap();
    new.base(2, b"another part").unwrap();
    let mut scan = reader.scan(None);
    while let Some(frame) = scan.next().unwrap() {
        if frame.transaction == 4 {
            new.commit(&frame, b"four, packed").unwrap();
        }
    }
    log.install(new).unwrap();
    log.close(None).unwrap();

    // As a kill leaves it, and then half of the last frame.
    let log = create("interrupted.store");
    write(&log, &plain());
    drop(log);
    let mut interrupted = disk.content(Path::new("interrupted.store")).unwrap();
    interrupted.truncate(2048);
    interrupted[1024..].fill(0);

    let files = ["plain.store", "plain.store-index", "packed.store"].map(|name| (name, disk.content(Path::new(name))));
    for (name, content) in files {
        std::fs::write(samples().join(name), content.unwrap()).unwrap();
    }
    std::fs::write(samples().join("interrupted.store"), interrupted).unwrap();
    std::fs::write(samples().join("full.backup"), full).unwrap();
    std::fs::write(samples().join("increment.backup"), increment).unwrap();
}

#[test]
fn a_plain_file_says_what_it_was_told() {
    let path = samples().join("plain.store");
    let bytes = std::fs::read(&path).unwrap();
    let disk = Disk::with_file(&path, bytes);
    let (_, opening, collected) = open(Arc::new(disk), &path, Access::Write);
    assert_eq!(collected, Collected { snapshot: None, frames: plain() });
    assert_eq!((opening.created, opening.replayed, opening.from_snapshot, opening.cut), (false, 4, false, None));
    let report = check(&Files, &path, &mut |_| Ok(())).unwrap();
    assert_eq!((report.base, report.transaction, report.index, &report.problems[..]), (0, 4, true, &[][..]));
}

#[test]
fn the_snapshot_of_a_clean_close_takes_the_place_of_the_frames() {
    let (log, opening, collected) = open(Arc::new(Files), &samples().join("plain.store"), Access::Read);
    assert_eq!(collected, Collected { snapshot: Some(b"the state after 4".to_vec()), frames: Vec::new() });
    assert!(opening.from_snapshot);
    assert_eq!((log.last().0, opening.replayed), (4, 0));
}

#[test]
fn a_packed_file_begins_with_a_state() {
    let (log, opening, collected) = open(Arc::new(Files), &samples().join("packed.store"), Access::Read);
    let expected = vec![
        (true, 3, None, b"a part".to_vec()),
        (true, 3, None, b"another part".to_vec()),
        commit(4, Some("a long one: \u{e9}\u{20ac}"), b"four, packed"),
    ];
    assert_eq!(collected.frames, expected);
    assert_eq!((log.base(), log.last().0, opening.replayed), (3, 4, 1));
}

#[test]
fn an_interrupted_commit_is_cut_off() {
    let path = samples().join("interrupted.store");
    let disk = Disk::with_file(&path, std::fs::read(&path).unwrap());
    let (log, opening, collected) = open(Arc::new(disk.clone()), &path, Access::Write);
    assert_eq!(collected.frames, plain()[..3]);
    let cut = opening.cut.unwrap();
    assert_eq!((cut.length, cut.kept), (1024 - cut.place, None));
    write(&log, &plain()[3..]);
    drop(log);
    assert_eq!(open(Arc::new(disk), &path, Access::Write).2.frames, plain());
}

#[test]
fn a_store_is_made_of_a_full_backup_and_an_increment() {
    let [full, increment] =
        ["full.backup", "increment.backup"].map(|name| std::fs::read(samples().join(name)).unwrap());
    let disk = Disk::default();
    let path = Path::new("restored.store");
    let mut increments = std::iter::once(Ok::<_, io::Error>(Box::new(io::Cursor::new(increment)) as Box<dyn Read>));
    let restored = restore(&disk, path, &mut &full[..], &mut increments, Until::Newest).unwrap();
    assert_eq!(restored.transaction, 4);
    assert_eq!(open(Arc::new(disk), path, Access::Write).2.frames, plain());
}

/// What fuzzing has found, by `fuzz/fuzz_targets/history.rs`, which does the same.
#[test]
fn hostile_files_give_an_error_or_an_answer() {
    let hostile = std::fs::read_dir(samples()).unwrap().map(|entry| entry.unwrap().path());
    let mut tried = 0;
    for file in hostile.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("hostile-")) {
        tried += 1;
        let mut content = std::fs::read(&file).unwrap();
        make_checks_right(&mut content);
        let path = Path::new("hostile.store");
        let Ok(store) = Store::options().open_on(Arc::new(Disk::with_file(path, content)), path) else { continue };
        let last = store.stats().transaction;
        for transaction in (1..=last).rev().take(8) {
            let _ = store.as_of(transaction);
            let _ = store.changes(transaction);
            let _ = store.undo(transaction);
        }
        let _ = store.transactions(..);
        let _ = store.transaction_at(0);
        let _ = store.pack(last / 2);
        let tables = store.tables();
        drop(store.define_tables(tables));
        let _ = store.close();
    }
    assert!(tried > 0);
}

/// The page on the format shows the beginning of `plain.store`, byte by byte.
#[test]
fn the_documented_bytes_are_those_of_the_sample() {
    let page = std::fs::read_to_string(samples().join("../../../docs/store-format.md")).unwrap();
    let bytes = std::fs::read(samples().join("plain.store")).unwrap();
    let mut shown = Vec::new();
    for line in page.lines() {
        let Some((place, rest)) = line.split_once("  ") else { continue };
        if u32::from_str_radix(place, 16).is_ok_and(|_| place.len() == 4) {
            assert_eq!(usize::from_str_radix(place, 16).unwrap(), shown.len());
            let bytes = rest.split("  ").next().unwrap().split(' ');
            shown.extend(bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
    }
    assert_eq!(shown.len(), 184);
    assert_eq!(shown, bytes[..184]);
}
