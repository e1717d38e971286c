//! Backups while a log is in use, and files made of them.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use oarlock_core::ErrorKind;

use super::map::Map;
use super::{Nothing, PATH, Progress, Subject, path};
use crate::log::{self, Access, Log, LogOptions, Until};
use crate::storage::simulated::{Disk, Random};
use crate::{Restored, SyncMode};

/// A map with thirty transactions, backed up in full after ten, and by increments after twenty and thirty.
struct Backups {
    disk: Disk,
    map: Map,
    progress: Progress,
    files: Vec<Vec<u8>>,
}

fn backups() -> Backups {
    let disk = Disk::default();
    let (mut random, progress) = (Random::new(3), Progress::new());
    let mut map = Map::open(&disk, SyncMode::Full).unwrap();
    let mut files = Vec::new();
    let mut since = None;
    for transaction in 1..=30 {
        let appended = map.append(&mut random, &progress).unwrap();
        map.log.wait(appended).unwrap();
        if transaction % 10 == 0 {
            let mut file = Vec::new();
            let backup = map.log.backup(since, &mut file).unwrap();
            assert_eq!((backup.transaction, backup.bytes), (transaction, file.len() as u64));
            since = Some(transaction);
            files.push(file);
        }
    }
    Backups { disk, map, progress, files }
}

fn restore(disk: &Disk, files: &[Vec<u8>], until: Until) -> oarlock_core::Result<Restored> {
    let mut increments =
        files[1..].iter().map(|file| Ok::<_, io::Error>(Box::new(io::Cursor::new(file.clone())) as Box<dyn Read>));
    log::backup::restore(disk, path(), &mut &files[0][..], &mut increments, until)
}

#[test]
fn what_was_backed_up_is_restored_to_any_transaction() {
    let Backups { progress, files, .. } = backups();
    for wanted in 0..=30 {
        let disk = Disk::default();
        let restored = restore(&disk, &files, Until::Transaction(wanted)).unwrap();
        assert_eq!(restored.transaction, wanted);
        let map = Map::open(&disk, SyncMode::Full).unwrap();
        assert_eq!(progress.check(&map, SyncMode::Off), Ok(wanted));
    }
    let disk = Disk::default();
    assert_eq!(restore(&disk, &files, Until::Newest).unwrap().transaction, 30);
    assert_eq!(disk.names(), [Path::new(PATH)]);
    let error = restore(&disk, &files, Until::Newest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = restore(&Disk::default(), &files, Until::Transaction(31)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfRange);
}

#[test]
fn a_store_is_restored_to_a_time() {
    let Backups { map, files, .. } = backups();
    let reader = map.log.reader();
    let mut scan = reader.scan(None);
    let mut times = Vec::new();
    while let Some(frame) = scan.next().unwrap() {
        times.push(frame.time);
    }
    let time = times[14];
    let last = times.iter().rposition(|other| *other <= time).unwrap() as u64 + 1;
    let restored = restore(&Disk::default(), &files, Until::Time(time)).unwrap();
    assert_eq!((restored.transaction, restored.time), (last, time));
    let restored = restore(&Disk::default(), &files, Until::Time(times[0] - 1)).unwrap();
    assert_eq!(restored.transaction, 0);
}

#[test]
fn backups_that_do_not_fit_together_or_are_damaged_leave_no_file() {
    let Backups { mut map, mut files, .. } = backups();
    let refused = |files: &[Vec<u8>], words: &str| {
        let disk = Disk::default();
        let error = restore(&disk, files, Until::Newest).unwrap_err();
        assert_eq!(error.sqlstate(), Some("XX001"), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(disk.names(), Vec::<&Path>::new());
    };
    refused(&[files[0].clone(), files[2].clone()], "increment 1: it does not follow on transaction 10");
    refused(&[files[0].clone(), files[0].clone()], "increment 1: it is no increment");
    refused(&[files[1].clone()], "the full backup: it is not a store");
    let mut cut = files.clone();
    cut[1].pop();
    refused(&cut, "increment 1: it is cut off");
    for (file, words) in [(0, "the full backup: it is damaged"), (2, "increment 2: it is damaged")] {
        let mut damaged = files.clone();
        let middle = damaged[file].len() / 2;
        damaged[file][middle] ^= 1;
        refused(&damaged, words);
    }
    map.pack(&mut Random::new(1)).unwrap();
    let mut packed = Vec::new();
    map.log.backup(Some(30), &mut packed).unwrap();
    files.push(packed);
    refused(&files, "increment 3: it is of another store, or packing came between");
    if map.log.base() > 0 {
        let error = map.log.backup(Some(map.log.base() - 1), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange);
    }
}

#[test]
fn a_check_tells_what_is_wrong_and_where() {
    let Backups { disk, map, .. } = backups();
    let mut seen = 0;
    let mut count = |disk: &Disk| {
        seen = 0;
        let report = log::check::check(disk, path(), &mut |frame| {
            seen += 1;
            assert_eq!(frame.transaction, seen);
            Ok(())
        });
        (report.unwrap(), seen)
    };
    // While it is in use, too.
    let (good, frames) = count(&disk);
    assert_eq!((good.base, good.transaction, frames, &good.problems[..]), (0, 30, 30, &[][..]));
    assert!(!good.index && good.length > good.used);
    map.close().unwrap();
    let (closed, _) = count(&disk);
    assert!(closed.index);
    assert_eq!(closed.length, closed.used);

    let content = disk.content(path()).unwrap();
    let mut broken = content.clone();
    broken[200] ^= 4;
    let (report, frames) = count(&Disk::with_file(path(), broken.clone()));
    assert_eq!((report.transaction, frames), (0, 0));
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].place, 64);
    let words = "the body of transaction 1 does not fit its checksum, and transaction 2 stands in";
    assert!(report.problems[0].message.starts_with(words), "{}", report.problems[0].message);

    // Opening refuses, says the same, and goes on without what cannot be read only when it is told to; then nothing is lost.
    let disk = Disk::with_file(path(), broken.clone());
    let error = Map::open(&disk, SyncMode::Full).err().unwrap();
    assert_eq!(error.sqlstate(), Some("XX001"));
    assert!(error.to_string().contains("it is damaged at byte 64: transaction 1 cannot be read"), "{error}");
    assert_eq!(disk.content(path()).unwrap(), broken);
    let aside = LogOptions { on_damage: log::OnDamage::KeepAside, ..LogOptions::default() };
    let (_, opening) = Log::open(Arc::new(disk.clone()), path(), aside, &mut Nothing).unwrap();
    let kept = opening.cut.unwrap().kept.unwrap();
    let bytes = disk.content(&kept).unwrap();
    assert_eq!(bytes, broken[64..64 + bytes.len()]);
    assert!(broken[64 + bytes.len()..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_store_in_use_can_be_read_by_others_but_opened_by_nobody_else() {
    let Backups { disk, map, .. } = backups();
    let error = Map::open(&disk, SyncMode::Full).err().unwrap();
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::LockTimeout, Some("55006")));
    assert!(error.to_string().contains(&format!("by process {}", std::process::id())), "{error}");
    let read = LogOptions { access: Access::Read, ..LogOptions::default() };
    let other = Map::open_in(Arc::new(disk.clone()), read).unwrap();
    assert_eq!(other.state(), map.state());
    assert_eq!(other.log.append(other.log.last().0, None, b"x").unwrap_err().kind(), ErrorKind::ReadOnly);
}
