//! Bits that flip and files that are cut off.

use std::sync::Arc;

use super::map::Map;
use super::tables::Tables;
use super::{Nothing, Progress, Subject, path};
use crate::log::{Access, Log, LogOptions, OnDamage, SyncMode};
use crate::storage::simulated::{Disk, Random};

/// Makes a file by a workload, and gives it with what was done.
fn sample<S: Subject>(seed: u64) -> (Vec<u8>, Progress) {
    let disk = Disk::default();
    let mut random = Random::new(seed);
    let progress = Progress::new();
    let mut subject = S::open(&disk, SyncMode::Full).unwrap();
    // Some are packed, in the middle or at the end.
    let packed = random.below(20);
    for step in 0..12 {
        subject.step(&mut random, &progress).unwrap();
        if step == packed || (step == 11 && packed > 15) {
            subject.pack(&mut random).unwrap();
        }
    }
    if random.one_in(2) {
        subject.close().unwrap();
    }
    (disk.content(path()).unwrap(), progress)
}

/// Opens a file: an error, or a state that was. Gives the transaction.
fn open<S: Subject>(disk: &Disk, progress: &Progress) -> Option<u64> {
    match S::open(disk, SyncMode::Full) {
        // Any of the states: no sync is relied upon where bytes change by themselves.
        Ok(subject) => Some(progress.check(&subject, SyncMode::Off).unwrap()),
        Err(error) => {
            assert!(!error.message().is_empty());
            None
        }
    }
}

/// Opens a file in every way.
fn open_map(content: Vec<u8>, progress: &Progress) -> Option<u64> {
    let disk = Disk::with_file(path(), content);
    let read = LogOptions { access: Access::Read, ..LogOptions::default() };
    let _ = Log::open(Arc::new(disk.clone()), path(), read, &mut Nothing);
    let found = open::<Map>(&disk, progress);
    let aside = LogOptions { on_damage: OnDamage::KeepAside, ..LogOptions::default() };
    if let Ok(map) = Map::open_in(Arc::new(disk), aside) {
        progress.check(&map, SyncMode::Off).unwrap();
    }
    found
}

/// Flips bits of files, some of them in the header, and the others anywhere.
fn flip<S: Subject>(files: u64, open: impl Fn(Vec<u8>, &Progress) -> Option<u64>) {
    for seed in 0..files {
        let (content, progress) = sample::<S>(seed);
        let mut random = Random::new(seed);
        for round in 0..600 {
            let mut content = content.clone();
            let at = if round < 60 { random.below(64) } else { random.below(content.len()) };
            content[at] ^= 1 << random.below(8);
            open(content, &progress);
        }
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_gives_a_state_that_was() {
    flip::<Map>(6, open_map);
}

#[test]
fn a_flipped_bit_never_gives_a_wrong_record() {
    flip::<Tables>(2, |content, progress| open::<Tables>(&Disk::with_file(path(), content), progress));
}

/// Whoever writes a file on purpose can make its checks right.
#[test]
fn a_hostile_file_is_an_error_and_no_panic() {
    for seed in 0..3 {
        let (content, _) = sample::<Tables>(seed);
        let mut random = Random::new(seed);
        let used = content.iter().rposition(|byte| *byte != 0).unwrap();
        for _ in 0..600 {
            let mut content = content.clone();
            for _ in 0..=random.below(3) {
                let at = 64 + random.below(used - 64);
                content[at] = match random.below(3) {
                    0 => u8::MAX,
                    1 => content[at] ^ (1 << random.below(8)),
                    _ => u8::try_from(random.below(256)).unwrap(),
                };
            }
            crate::make_checks_right(&mut content);
            drop(Tables::open(&Disk::with_file(path(), content), SyncMode::Full));
        }
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_gives_a_state_that_was() {
    let (content, progress) = sample::<Map>(1);
    let mut random = Random::new(7);
    let mut last = None;
    for length in (0..200).chain((0..600).map(|_| random.below(content.len()))) {
        open_map(content[..length].to_vec(), &progress);
    }
    // More of the file never gives an earlier state.
    for length in (64..content.len()).step_by(8).filter(|length| length % 64 == 0) {
        let found = open_map(content[..length].to_vec(), &progress);
        assert!(found >= last);
        last = found;
    }
}
