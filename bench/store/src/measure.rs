//! The shapes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::peer::{Open, Peer, Player, email};
use crate::report::Report;
use crate::{Failure, fjall, million, native, ours, redb, sqlite};

/// How many records there are.
const RECORDS: i64 = 100_000;

/// How many commits a peer makes in a round, and how many each of eight writers does.
const COMMITS: i64 = 40;
const COMMITS_OF_EIGHT: i64 = 20;

const WRITERS: i64 = 8;

/// How many records are read one by one in a round where none of them is in the processor's caches.
const COLD_GETS: i64 = 20_000;

/// How long reads are counted beside a writer.
const BESIDE: Duration = Duration::from_millis(250);

const PEERS: [(&str, Open); 5] = [
    ("raw", sqlite::open),
    ("oarlock-store", ours::open),
    ("redb", redb::open),
    ("native_db", native::open),
    ("fjall", fjall::open),
];

/// A peer with a directory of its own.
struct Place {
    name: &'static str,
    open: Open,
    directory: TempDir,
    peer: Option<Box<dyn Peer>>,
}

impl Place {
    fn peer(&self) -> &dyn Peer {
        &**self.peer.as_ref().expect("it is open between the rounds")
    }
}

struct Bench {
    places: Vec<Place>,
    report: Report,
    /// The number of the next record that is committed by itself.
    next: AtomicI64,
    root: PathBuf,
}

/// Measures some shapes.
type Measure = fn(&mut Bench) -> Result<(), Failure>;

/// Measures all shapes, and writes what came of it.
pub fn all(out: &Path) -> Result<(), Failure> {
    let root = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let mut bench = Bench { places: Vec::new(), report: Report::default(), next: AtomicI64::new(RECORDS), root };
    bench.load()?;
    bench.compare_scans()?;
    let shapes: [(&[&str], Measure); 7] = [
        (&["get", "get_cold", "get_unique", "get_unique_cold", "scan"], Bench::reads),
        (&["commit"], Bench::commits),
        (&["commit_8_writers"], Bench::commits_of_eight),
        (&["read_beside_writer"], Bench::beside_a_writer),
        (&["open_after_kill"], Bench::open_after_a_kill),
        (&["update_with_history", "update_in_one_statement"], Bench::updates),
        (&["million"], |bench| million::measure(&bench.root, &mut bench.report)),
    ];
    for (names, measure) in shapes {
        if names.iter().any(|name| chosen("OARLOCK_BENCH_SHAPES", name)) {
            measure(&mut bench)?;
        }
    }
    bench.report.write(out)
}

impl Bench {
    /// Does one thing with each peer in turn, in another order each round, and gives the nanoseconds of each; none for a peer that cannot.
    fn rounds(
        &self,
        rounds: usize,
        mut act: impl FnMut(&Place) -> Result<Option<f64>, Failure>,
    ) -> Result<Vec<(&'static str, Vec<f64>)>, Failure> {
        let mut figures: Vec<_> = self.places.iter().map(|place| (place.name, Vec::new())).collect();
        for round in 0..rounds {
            for turn in 0..self.places.len() {
                let index = (round + turn) % self.places.len();
                let place = &self.places[index];
                let figure = act(place).map_err(|error| format!("{}: {error}", place.name))?;
                figures[index].1.extend(figure);
            }
        }
        Ok(figures)
    }

    fn load(&mut self) -> Result<(), Failure> {
        let players: Vec<Player> = (0..RECORDS).map(Player::numbered).collect();
        for (name, open) in PEERS.into_iter().filter(|(name, _)| *name == "raw" || chosen("OARLOCK_BENCH_PEERS", name))
        {
            self.places.push(Place { name, open, directory: tempfile::tempdir_in(&self.root)?, peer: None });
        }
        let rounds = if chosen("OARLOCK_BENCH_SHAPES", "insert_100k") { 5 } else { 0 };
        let figures = self.rounds(rounds, |place| {
            let directory = tempfile::tempdir_in(&self.root)?;
            let peer = (place.open)(directory.path())?;
            let started = Instant::now();
            peer.insert(&players)?;
            Ok(Some(started.elapsed().as_nanos() as f64 / RECORDS as f64))
        })?;
        if rounds > 0 {
            self.report.add("insert_100k", &figures);
        }
        for place in &mut self.places {
            let peer = (place.open)(place.directory.path())?;
            peer.insert(&players)?;
            peer.close()?;
        }
        let sizes = self.rounds(1, |place| Ok(Some(size(place.directory.path())? as f64)))?;
        self.report.add("size_bytes", &sizes);
        for place in &mut self.places {
            place.peer = Some((place.open)(place.directory.path())?);
        }
        Ok(())
    }

    /// Nothing is timed before all have the same records.
    fn compare_scans(&self) -> Result<(), Failure> {
        let expected = (0..RECORDS).map(|id| Player::numbered(id).score).sum();
        self.rounds(1, |place| {
            let found = place.peer().scan()?;
            if found != (RECORDS as usize, expected) || place.peer().get_by_email(&email(77))? != Player::numbered(77) {
                return Err(format!("it has other records: {found:?}").into());
            }
            Ok(None)
        })?;
        Ok(())
    }

    /// Each peer reads all records before they are timed, as a program that has run for a while has; and, `_cold`, without that, after
    /// the others have had the processor's caches.
    fn reads(&mut self) -> Result<(), Failure> {
        let emails: Vec<String> = (0..RECORDS).map(|index| email(scattered(index))).collect();
        let get = |place: &Place, index: i64| {
            let id = scattered(index);
            if place.peer().get(id)?.id == id { Ok(()) } else { Err("it gave another record".into()) }
        };
        let get_unique = |place: &Place, index: i64| {
            let email = &emails[index as usize];
            if place.peer().get_by_email(email)?.email == *email { Ok(()) } else { Err("another record".into()) }
        };
        self.gets(["get_cold", "get"], get)?;
        self.gets(["get_unique_cold", "get_unique"], get_unique)?;
        let scans = self.rounds(9, |place| {
            let started = Instant::now();
            let (count, _) = place.peer().scan()?;
            Ok(Some(started.elapsed().as_nanos() as f64 / count as f64))
        })?;
        self.report.add("scan", &scans);
        Ok(())
    }

    /// Does something with some records, and again after it was done with all.
    fn gets(
        &mut self,
        [cold, warm]: [&'static str; 2],
        get: impl Fn(&Place, i64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let colds = self.rounds(9, |place| timed(COLD_GETS, |index| get(place, index)))?;
        let warms = self.rounds(9, |place| {
            timed(RECORDS, |index| get(place, index))?;
            timed(RECORDS, |index| get(place, index))
        })?;
        self.report.add(cold, &colds);
        self.report.add(warm, &warms);
        Ok(())
    }

    fn commits(&mut self) -> Result<(), Failure> {
        let single = self.rounds(25, |place| {
            let first = self.next.fetch_add(COMMITS, Ordering::Relaxed);
            timed(COMMITS, |index| place.peer().insert(&[Player::numbered(first + index)]))
        })?;
        self.report.add("commit", &single);
        Ok(())
    }

    fn commits_of_eight(&mut self) -> Result<(), Failure> {
        let eight = self.rounds(15, |place| {
            let first = self.next.fetch_add(COMMITS_OF_EIGHT * WRITERS, Ordering::Relaxed);
            let started = Instant::now();
            std::thread::scope(|scope| {
                let writers: Vec<_> = (0..WRITERS)
                    .map(|writer| {
                        scope.spawn(move || {
                            (0..COMMITS_OF_EIGHT).try_for_each(|index| {
                                place.peer().insert(&[Player::numbered(first + writer * COMMITS_OF_EIGHT + index)])
                            })
                        })
                    })
                    .collect();
                writers.into_iter().try_for_each(|writer| writer.join().map_err(|_| "a writer panicked")?)
            })?;
            Ok(Some(started.elapsed().as_nanos() as f64 / (COMMITS_OF_EIGHT * WRITERS) as f64))
        })?;
        self.report.add("commit_8_writers", &eight);
        Ok(())
    }

    fn beside_a_writer(&mut self) -> Result<(), Failure> {
        let reads = self.rounds(7, |place| {
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        place.peer().insert(&[Player::numbered(self.next.fetch_add(1, Ordering::Relaxed))])?;
                    }
                    Ok::<_, Failure>(())
                });
                let started = Instant::now();
                let mut count = 0;
                let mut result = Ok(());
                while result.is_ok() && started.elapsed() < BESIDE {
                    result = (0..50).try_for_each(|step| place.peer().get(scattered(count + step)).map(drop));
                    count += 50;
                }
                let nanos = started.elapsed().as_nanos() as f64 / count as f64;
                done.store(true, Ordering::Relaxed);
                writer.join().map_err(|_| "the writer panicked")??;
                result.map(|()| Some(nanos))
            })
        })?;
        self.report.add("read_beside_writer", &reads);
        Ok(())
    }

    /// A copy of the files of an open store is what a killed process leaves.
    fn open_after_a_kill(&mut self) -> Result<(), Failure> {
        let opened = self.rounds(5, |place| {
            let copy = tempfile::tempdir_in(&self.root)?;
            copy_all(place.directory.path(), copy.path())?;
            let started = Instant::now();
            let peer = (place.open)(copy.path())?;
            let found = peer.get(77)?;
            let nanos = started.elapsed().as_nanos() as f64;
            if found != Player::numbered(77) {
                return Err("it lost a record".into());
            }
            Ok(Some(nanos))
        })?;
        self.report.add("open_after_kill", &opened);
        Ok(())
    }

    fn updates(&mut self) -> Result<(), Failure> {
        self.update("update_with_history", |peer| peer.update_each())?;
        self.update("update_in_one_statement", |peer| peer.update_all())
    }

    fn update(&mut self, name: &'static str, act: impl Fn(&dyn Peer) -> Result<bool, Failure>) -> Result<(), Failure> {
        let updates = self.rounds(9, |place| {
            let (count, before) = place.peer().scan()?;
            let started = Instant::now();
            let updated = act(place.peer())?;
            let nanos = started.elapsed().as_nanos() as f64 / count as f64;
            if updated && place.peer().scan()? != (count, before + count as i64) {
                return Err("an update is missing".into());
            }
            Ok(updated.then_some(nanos))
        })?;
        self.report.add(name, &updates);
        Ok(())
    }
}

/// Tells whether a name is in the list that a variable holds; without the variable all are.
fn chosen(variable: &str, name: &str) -> bool {
    std::env::var(variable).map_or(true, |list| list.split(',').any(|chosen| chosen == name))
}

/// Gives a record's number, all over the table.
fn scattered(index: i64) -> i64 {
    (index * 7_919 + 13) % RECORDS
}

/// Gives the nanoseconds of each time that something is done.
fn timed(times: i64, mut act: impl FnMut(i64) -> Result<(), Failure>) -> Result<Option<f64>, Failure> {
    let started = Instant::now();
    (0..times).try_for_each(&mut act)?;
    Ok(Some(started.elapsed().as_nanos() as f64 / times as f64))
}

/// Gives the bytes of all files in a directory.
pub fn size(directory: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

pub fn copy_all(from: &Path, to: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&to)?;
            copy_all(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), &to)?;
            // What a killed process has committed was synced; opening must not pay for the copy.
            std::fs::File::open(&to)?.sync_all()?;
        }
    }
    Ok(())
}
