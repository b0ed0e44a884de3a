//! A file system in memory that fails when told to, and that can lose power.
//!
//! Every change goes to a live tree that readers see at once, and to a list of what is not yet safe. [`FaultVfs::crash`]
//! makes the tree that a machine would find after losing power: of the changes that were not synced each survives, or not,
//! or in part, by the dice of a seed. Writes are lost by runs of sectors of 512 bytes, so they tear and overtake
//! each other. Changes
//! of names are lost independently of the files' contents until their directory is synced, in order within a directory, as
//! a journaling file system does it.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DirEntry, Mapped, Vfs, VfsFile};

const SECTOR: usize = 512;

/// Which calls are to fail. Calls are counted from 0, reads excepted: creations, writes, syncs, cuts, removals, renames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// The n-th call answers EIO; a write has then done part of its work.
    pub eio_at: Option<u64>,
    /// From the n-th call on all answer EIO, as if the device were gone.
    pub gone_from: Option<u64>,
    /// Files may hold this many bytes in all; a write beyond answers ENOSPC after doing what fits.
    pub space_bytes: Option<u64>,
    /// Syncing a file answers EIO, whatever else works.
    pub no_syncs: bool,
    /// Creating a file answers ENOSPC, as when there are no inodes left.
    pub no_new_files: bool,
}

/// How much a loss of power takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// All that is not synced is gone.
    LoseAll,
    /// Each sector and each name that is not synced is lost or kept by the dice.
    Dice { seed: u64 },
    /// Nothing is lost: the process died, not the machine.
    LoseNothing,
}

/// An in-memory file system with faults on demand.
#[derive(Clone, Debug, Default)]
pub struct FaultVfs(Arc<Mutex<State>>);

/// A whole path, without a slash at its end: tests look up millions, and comparing paths by their parts is slow.
type Name = Arc<[u8]>;
/// `None` is a directory.
type Names = BTreeMap<Name, Option<usize>>;

#[derive(Debug, Default)]
struct State {
    /// Names as running programs see them.
    names: Names,
    /// Names as they are sure to be after a crash.
    safe_names: Names,
    /// Changes of names since then, in order.
    unsafe_names: Vec<NameChange>,
    /// Contents by number; names refer to them.
    files: Vec<Content>,
    faults: Faults,
    calls: u64,
}

/// A step of a directory's journal; a rename is one step, never half of it.
#[derive(Clone, Debug)]
struct NameChange {
    dir: Name,
    remove: Vec<Name>,
    add: Vec<(Name, Option<usize>)>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    live: Vec<u8>,
    safe: Vec<u8>,
}

impl FaultVfs {
    /// Returns an empty file system without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is to fail from now on, and begins to count anew.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.faults = faults;
        state.calls = 0;
    }

    /// Returns how many calls were counted since faults were set.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Returns what the disk holds after a crash, as a new file system. Files that are open go on in the old one.
    pub fn crash(&self, how: Crash) -> Self {
        let state = self.state();
        let mut dice = Dice(match how {
            Crash::Dice { seed } => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            _ => 1,
        });
        let names = match how {
            Crash::LoseNothing => state.names.clone(),
            Crash::LoseAll => state.safe_names.clone(),
            Crash::Dice { .. } => dice.names(&state),
        };
        let files = state.files.iter().map(|file| match how {
            Crash::LoseNothing => file.live.clone(),
            Crash::LoseAll => file.safe.clone(),
            Crash::Dice { .. } => dice.content(file),
        });
        let files = files.map(|bytes| Content { live: bytes.clone(), safe: bytes }).collect();
        let after = State { safe_names: names.clone(), names, files, ..State::default() };
        Self(Arc::new(Mutex::new(after)))
    }

    /// Changes a file's bytes behind everybody's back: rot.
    pub fn corrupt(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file(path)?;
        let content = state.content(file)?;
        change(&mut content.live);
        content.safe.clone_from(&content.live);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        let number = self.state().file(path)?;
        Ok(Arc::new(FaultFile { vfs: self.clone(), number }))
    }
}

impl State {
    /// Counts a call and says whether it is to fail.
    fn call(&mut self) -> io::Result<()> {
        let n = self.calls;
        self.calls += 1;
        if self.faults.eio_at == Some(n) || self.faults.gone_from.is_some_and(|from| n >= from) {
            return Err(eio());
        }
        Ok(())
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(name(path)) {
            Some(Some(number)) => Ok(*number),
            Some(None) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    /// Says whether a file can have this name.
    fn free(&self, path: &Path) -> io::Result<()> {
        if !self.names.contains_key(parent(name(path))) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        if self.names.contains_key(name(path)) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        Ok(())
    }

    fn content(&mut self, number: usize) -> io::Result<&mut Content> {
        self.files.get_mut(number).ok_or_else(eio)
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().flatten().filter_map(|n| self.files.get(*n)).map(|f| f.live.len() as u64).sum()
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsafe_names.push(change);
    }

    /// Returns all names that begin with `prefix`.
    fn with_prefix<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a Name, &'a Option<usize>)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.names.range::<[u8], _>(from).take_while(move |(name, _)| name.starts_with(prefix))
    }

    /// Returns a file, or a directory and all that is in it.
    fn under(&self, dir: &[u8]) -> Vec<Name> {
        let inside = |name: &[u8]| name.len() == dir.len() || name.get(dir.len()) == Some(&b'/');
        self.with_prefix(dir).map(|(name, _)| name).filter(|name| inside(name)).cloned().collect()
    }
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        for name in &self.remove {
            names.remove(name);
        }
        names.extend(self.add.iter().cloned());
    }
}

impl Vfs for FaultVfs {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        {
            let mut state = self.state();
            state.call()?;
            state.free(path)?;
            if state.faults.no_new_files {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            state.files.push(Content::default());
            let number = state.files.len() - 1;
            let add = vec![(Name::from(name(path)), Some(number))];
            state.change_names(NameChange { dir: parent(name(path)).into(), remove: Vec::new(), add });
        }
        self.open(path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        self.open(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn VfsFile>> {
        self.open(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let state = self.state();
        let dir = name(dir);
        if state.names.get(dir) != Some(&None) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let prefix = if dir.is_empty() || dir == b"/" { dir.to_vec() } else { [dir, b"/"].concat() };
        let entry = |(path, file): (&Name, &Option<usize>)| {
            let name = path.get(prefix.len()..).filter(|name| !name.is_empty() && !name.contains(&b'/'))?;
            Some(DirEntry { name: str::from_utf8(name).ok()?.to_owned(), is_dir: file.is_none() })
        };
        Ok(state.with_prefix(&prefix).filter_map(entry).collect())
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let mut missing: Vec<&[u8]> = ancestors(name(dir)).filter(|d| !state.names.contains_key(*d)).collect();
        missing.reverse();
        for dir in missing {
            let add = vec![(Name::from(dir), None)];
            state.change_names(NameChange { dir: parent(dir).into(), remove: Vec::new(), add });
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        state.file(path)?;
        let remove = vec![Name::from(name(path))];
        state.change_names(NameChange { dir: parent(name(path)).into(), remove, add: Vec::new() });
        Ok(())
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        // One name after the other, as the system does it: a crash may find the half of them.
        for path in state.under(name(dir)).into_iter().rev() {
            state.change_names(NameChange { dir: parent(&path).into(), remove: vec![path], add: Vec::new() });
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let (from, to) = (name(from), name(to));
        let moved = state.under(from);
        if moved.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut add = Vec::new();
        for path in &moved {
            let inside = path.get(from.len()..).unwrap_or(&[]);
            add.push(([to, inside].concat().into(), state.names.get(path).copied().flatten()));
        }
        state.change_names(NameChange { dir: parent(to).into(), remove: moved, add });
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let number = state.file(from)?;
        state.free(to)?;
        let add = vec![(Name::from(name(to)), Some(number))];
        state.change_names(NameChange { dir: parent(name(to)).into(), remove: Vec::new(), add });
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let State { safe_names, unsafe_names, .. } = &mut *state;
        unsafe_names.retain(|change| {
            let safe = &*change.dir == name(dir);
            if safe {
                change.apply(safe_names);
            }
            !safe
        });
        Ok(())
    }
}

#[derive(Debug)]
struct FaultFile {
    vfs: FaultVfs,
    number: usize,
}

impl VfsFile for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.vfs.state();
        let live = &state.content(self.number)?.live;
        let rest = usize::try_from(offset).ok().and_then(|at| live.get(at..)).unwrap_or(&[]);
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.vfs.state();
        let outcome = state.call();
        let free = state.faults.space_bytes.map(|space| space.saturating_sub(state.used_bytes()));
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let live = &mut state.content(self.number)?.live;
        let end = at + bytes.len();
        let grows = end.saturating_sub(live.len());
        let full = free.filter(|free| (grows as u64) > *free);
        let written = match (&outcome, full) {
            (Err(_), _) => bytes.len() / 2,
            (Ok(()), Some(free)) => bytes.len() - grows + free as usize,
            (Ok(()), None) => bytes.len(),
        };
        if live.len() < at + written {
            live.resize(at + written, 0);
        }
        live[at..at + written].copy_from_slice(&bytes[..written]);
        outcome?;
        if full.is_some() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.vfs.state();
        state.call()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        state.content(self.number)?.live.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.vfs.state();
        state.call()?;
        if state.faults.no_syncs {
            return Err(eio());
        }
        let content = state.content(self.number)?;
        content.safe.clone_from(&content.live);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.vfs.state().content(self.number)?.live.len() as u64)
    }

    fn map(&self) -> io::Result<Mapped> {
        Ok(Mapped::Owned(self.vfs.state().content(self.number)?.live.clone()))
    }
}

/// A xorshift generator: the same seed tears the same way.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Keeps a number of each directory's steps, from its first on.
    fn names(&mut self, state: &State) -> Names {
        let mut names = state.safe_names.clone();
        let mut kept: BTreeMap<&[u8], bool> = BTreeMap::new();
        let stop_one_in = 1 + self.next() % 8;
        for change in &state.unsafe_names {
            let going_on = *kept.get(&*change.dir).unwrap_or(&true) && !self.next().is_multiple_of(stop_one_in + 1);
            kept.insert(&change.dir, going_on);
            if going_on {
                change.apply(&mut names);
            }
        }
        // A directory that was lost takes along what was in it.
        let all = names.clone();
        names.retain(|path, _| ancestors(path).skip(1).all(|dir| all.get(dir) == Some(&None) || parent(dir) == dir));
        names
    }

    /// Takes a length between the old and the new, and each run of sectors from either.
    fn content(&mut self, file: &Content) -> Vec<u8> {
        if file.live == file.safe {
            return file.live.clone();
        }
        let (short, long) = (file.safe.len().min(file.live.len()), file.safe.len().max(file.live.len()));
        let len = match self.next() % 4 {
            0 => file.live.len(),
            1 => file.safe.len(),
            _ => short + (self.next() % (long - short + 1) as u64) as usize,
        };
        let keep_all = self.next().is_multiple_of(3);
        let mut bytes = vec![0; len];
        // Caches write back single sectors, pages, or more at once.
        let run = SECTOR << (self.next() % 8);
        for (i, sector) in bytes.chunks_mut(run).enumerate() {
            let from = if keep_all || self.next().is_multiple_of(2) { &file.live } else { &file.safe };
            let part = from.get(i * run..).unwrap_or(&[]);
            let n = part.len().min(sector.len());
            sector[..n].copy_from_slice(&part[..n]);
        }
        bytes
    }
}

fn name(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_bytes();
    match bytes.split_last() {
        Some((b'/', rest)) if !rest.is_empty() => rest,
        _ => bytes,
    }
}

/// Returns the directory of a name; the root's, and that of the current directory, is itself.
fn parent(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|&b| b == b'/') {
        Some(0) => b"/",
        Some(slash) => name.get(..slash).unwrap_or(name),
        None => b"",
    }
}

/// Returns a name and the directories it is in, up to the root.
fn ancestors(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |name| Some(parent(name)).filter(|up| up != name))
}

fn eio() -> io::Error {
    // EIO of Linux.
    io::Error::from_raw_os_error(5)
}
