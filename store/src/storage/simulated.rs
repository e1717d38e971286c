//! A disk in memory that keeps apart what was written and what was synced, so that every way in which a power failure can leave it may be
//! tried; and that fails on demand.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Lock, LockError, Open, Storage, StorageFile};

/// The unit that a disk writes or does not write.
const SECTOR: usize = 512;

/// Numbers that look random and are the same for the same seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins a sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives the next number (`SplitMix64`).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Gives a number below a limit, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() % limit as u64).unwrap_or_default()
    }

    /// Says yes once in so many times.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device says that it failed (EIO).
    Device,
    /// There is no room (ENOSPC); nothing is written.
    NoSpace,
    /// There is room for a part of what is written.
    Short,
    /// There is no room for what makes a file longer, and the part of it is written that does not (ENOSPC). All else works.
    Full,
}

/// What a disk does without telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lie {
    /// Nothing.
    #[default]
    None,
    /// Syncs succeed and do nothing.
    Syncs,
    /// Cutting a file off succeeds and does nothing.
    Cuts,
    /// A sync after a file was cut off succeeds and does nothing.
    SyncsOfCuts,
}

/// Which operations fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The number of the operation, counted from 0 since the plan was given.
    pub operation: u64,
    /// How it fails.
    pub fault: Fault,
    /// Whether those after it fail, too.
    pub lasting: bool,
}

/// What is seen when a sync begins, before it has any effect.
type Observer = Box<dyn FnMut(&Moment<'_>) + Send>;

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

#[derive(Default)]
struct Platter {
    inodes: Vec<Inode>,
    /// Names as the running system sees them, and as they are on the disk.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    locks: BTreeMap<PathBuf, String>,
    /// Orders the changes of all files.
    changes: u64,
    operations: u64,
    plan: Option<Plan>,
    lie: Lie,
    observer: Option<Observer>,
}

/// A file: as the running system sees it, as it is on the disk, and the changes between the two.
#[derive(Debug, Clone, Default)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<(u64, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write(content, *offset, bytes),
            Self::Truncate(length) => content.truncate(*length),
        }
    }

    /// Applies a part: each sector by itself, or none after some.
    fn tear(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { offset, bytes } = self else { return };
        let (offset, end) = (*offset, offset + bytes.len());
        let prefix = random.one_in(2).then(|| offset + random.below(bytes.len() + 1));
        let mut at = offset;
        while at < end {
            let next = ((at / SECTOR + 1) * SECTOR).min(end);
            let to = match prefix {
                Some(prefix) => next.min(prefix.max(at)),
                None if random.one_in(2) => next,
                None => at,
            };
            write(content, at, &bytes[at - offset..to - offset]);
            at = next;
        }
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if !bytes.is_empty() && content.len() < end {
        content.resize(end, 0);
    }
    if !bytes.is_empty() {
        content[offset..end].copy_from_slice(bytes);
    }
}

impl Disk {
    /// Makes a disk with one file, which is durable.
    #[must_use]
    pub fn with_file(path: &Path, content: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.platter().add(path, content);
        disk
    }

    /// Has every sync told of before it has effect.
    pub fn observe(&self, observer: impl FnMut(&Moment<'_>) + Send + 'static) {
        self.platter().observer = Some(Box::new(observer));
    }

    /// Has an operation fail; the counting begins anew.
    pub fn plan(&self, plan: Option<Plan>) {
        let mut platter = self.platter();
        platter.operations = 0;
        platter.plan = plan;
    }

    /// Tells how many operations there were since the last plan was given.
    pub fn operations(&self) -> u64 {
        self.platter().operations
    }

    /// Lies from now on.
    pub fn lie(&self, lie: Lie) {
        self.platter().lie = lie;
    }

    /// Gives the disk as a new process finds it after the old one has died: all that was written is there, synced or not.
    #[must_use]
    pub fn restart(&self) -> Self {
        let platter = self.platter();
        let (inodes, names, durable_names) =
            (platter.inodes.clone(), platter.names.clone(), platter.durable_names.clone());
        Self::of(Platter { inodes, names, durable_names, changes: platter.changes, ..Platter::default() })
    }

    /// Gives the disk after a power failure; of what was not synced any part may be there.
    #[must_use]
    pub fn power_failure(&self, random: &mut Random) -> Self {
        Moment { platter: &self.platter() }.image(random)
    }

    /// Gives what a file holds.
    #[must_use]
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let platter = self.platter();
        platter.names.get(path).map(|inode| platter.inodes[*inode].content.clone())
    }

    /// Gives all names.
    #[must_use]
    pub fn names(&self) -> Vec<PathBuf> {
        self.platter().names.keys().cloned().collect()
    }

    fn of(platter: Platter) -> Self {
        Self(Arc::new(Mutex::new(platter)))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("names", &self.names()).finish_non_exhaustive()
    }
}

/// A disk at the moment at which a sync begins.
pub struct Moment<'a> {
    platter: &'a Platter,
}

impl Moment<'_> {
    /// Counts the changes that are not synced.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.platter.inodes.iter().map(|inode| inode.changes.len()).sum()
    }

    /// Gives the disk after a power failure by which the first so many changes are there, and the names as they are.
    #[must_use]
    pub fn prefix(&self, changes: usize) -> Disk {
        let mut order: Vec<u64> =
            self.platter.inodes.iter().flat_map(|inode| inode.changes.iter().map(|(order, _)| *order)).collect();
        order.sort_unstable();
        let limit = order.get(changes).copied().unwrap_or(u64::MAX);
        self.with(&self.platter.names, |order, change, content| {
            if order < limit {
                change.apply(content);
            }
        })
    }

    /// Gives the disk after a power failure by which some changes are there, some not, and some in part.
    #[must_use]
    pub fn image(&self, random: &mut Random) -> Disk {
        let mut names = self.platter.names.clone();
        let all: Vec<_> = self.platter.durable_names.keys().chain(self.platter.names.keys()).cloned().collect();
        // Names that changed one by one may come one by one; those of one renaming, together.
        let renamed = random.one_in(2);
        for name in all {
            let before = self.platter.durable_names.get(&name);
            if before != self.platter.names.get(&name) && renamed {
                match before {
                    Some(inode) => names.insert(name, *inode),
                    None => names.remove(&name),
                };
            }
        }
        self.with(&names, |_, change, content| match random.below(4) {
            0 => {}
            1 | 2 => change.apply(content),
            _ => change.tear(content, random),
        })
    }

    fn with(&self, names: &BTreeMap<PathBuf, usize>, mut apply: impl FnMut(u64, &Change, &mut Vec<u8>)) -> Disk {
        let mut image = Platter::default();
        for (name, inode) in names {
            let inode = &self.platter.inodes[*inode];
            let mut content = inode.durable.clone();
            for (order, change) in &inode.changes {
                apply(*order, change, &mut content);
            }
            image.add(name, content);
        }
        Disk::of(image)
    }
}

impl Platter {
    fn add(&mut self, path: &Path, content: Vec<u8>) {
        let inode = self.inodes.len();
        self.inodes.push(Inode { durable: content.clone(), content, changes: Vec::new() });
        self.names.insert(path.to_owned(), inode);
        self.durable_names.insert(path.to_owned(), inode);
    }

    /// Counts an operation, and gives how it is to fail.
    fn next(&mut self) -> Option<Fault> {
        let operation = self.operations;
        self.operations += 1;
        let plan = self.plan?;
        let fails = if plan.lasting { operation >= plan.operation } else { operation == plan.operation };
        fails.then_some(plan.fault)
    }

    fn check(&mut self) -> io::Result<()> {
        self.next().filter(|fault| *fault != Fault::Full).map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn change(&mut self, inode: usize, change: Change) {
        self.changes += 1;
        let inode = &mut self.inodes[inode];
        change.apply(&mut inode.content);
        inode.changes.push((self.changes, change));
    }

    fn tell(&mut self) {
        if let Some(mut observer) = self.observer.take() {
            observer(&Moment { platter: self });
            self.observer = Some(observer);
        }
    }

    fn sync(&mut self, inode: usize) -> io::Result<()> {
        self.tell();
        let fault = self.next().filter(|fault| *fault != Fault::Full);
        let inode = &mut self.inodes[inode];
        let is_cut = matches!(inode.changes.last(), Some((_, Change::Truncate(_))));
        if self.lie == Lie::Syncs || (self.lie == Lie::SyncsOfCuts && is_cut) {
            return Ok(());
        }
        let changes = std::mem::take(&mut inode.changes);
        if let Some(fault) = fault {
            // As systems do: the pages count as clean and never reach the disk, whoever syncs again; some had reached it.
            for (_, change) in changes.iter().step_by(2) {
                change.apply(&mut inode.durable);
            }
            return Err(fault.error());
        }
        for (_, change) in changes {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Device => io::Error::other("the simulated device failed"),
            Self::NoSpace | Self::Short | Self::Full => io::ErrorKind::StorageFull.into(),
        }
    }
}

impl Storage for Disk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn StorageFile>> {
        let mut platter = self.platter();
        platter.check()?;
        if how == Open::New {
            let inode = platter.inodes.len();
            platter.inodes.push(Inode::default());
            platter.names.insert(path.to_owned(), inode);
        }
        let inode = *platter.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(DiskFile { disk: self.clone(), inode }))
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut platter = self.platter();
        platter.check()?;
        let inode = platter.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        platter.names.insert(to.to_owned(), inode);
        platter.tell();
        platter.check()?;
        if platter.lie != Lie::Syncs {
            platter.durable_names = platter.names.clone();
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut platter = self.platter();
        platter.check()?;
        platter.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lock(&self, path: &Path, holder: &str) -> Result<Box<dyn Lock>, LockError> {
        let mut platter = self.platter();
        platter.check()?;
        if let Some(holder) = platter.locks.get(path) {
            return Err(LockError::Held(holder.clone()));
        }
        platter.locks.insert(path.to_owned(), holder.to_owned());
        Ok(Box::new(DiskLock { disk: self.clone(), path: path.to_owned() }))
    }
}

/// A file of a [`Disk`].
#[derive(Debug)]
struct DiskFile {
    disk: Disk,
    inode: usize,
}

impl StorageFile for DiskFile {
    fn length(&self) -> io::Result<u64> {
        let mut platter = self.disk.platter();
        platter.check()?;
        Ok(platter.inodes[self.inode].content.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut platter = self.disk.platter();
        platter.check()?;
        let content = &platter.inodes[self.inode].content;
        let rest = usize::try_from(offset).ok().and_then(|offset| content.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut platter = self.disk.platter();
        let room = platter.inodes[self.inode].content.len().saturating_sub(offset).min(bytes.len());
        let fault = platter.next().filter(|fault| *fault != Fault::Full || room < bytes.len());
        let written = match fault {
            None => bytes,
            Some(Fault::Short) => &bytes[..bytes.len() / 2],
            Some(Fault::Full) => &bytes[..room],
            Some(_) => &[],
        };
        platter.change(self.inode, Change::Write { offset, bytes: written.to_vec() });
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.platter().sync(self.inode)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.platter().sync(self.inode)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut platter = self.disk.platter();
        platter.check()?;
        if let Ok(length) = usize::try_from(length)
            && platter.lie != Lie::Cuts
        {
            platter.change(self.inode, Change::Truncate(length));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct DiskLock {
    disk: Disk,
    path: PathBuf,
}

impl Lock for DiskLock {}

impl Drop for DiskLock {
    fn drop(&mut self) {
        self.disk.platter().locks.remove(&self.path);
    }
}
