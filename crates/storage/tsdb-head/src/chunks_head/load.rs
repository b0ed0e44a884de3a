//! Opening the directory: which chunks are there, and what must go because it is broken.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use firesteel_base::vfs::{Mapped, Vfs};
use firesteel_model::SeriesRef;
use firesteel_storage::Encoding;

use super::files::{ChunkFiles, Maps, file_path};
use super::format::{Entries, EntryFault, HEADER_BYTES, check_header, entry_at_unverified};
use super::{ChunkRef, ChunksHeadError};

/// The chunks that were found, until their series turn up in the log.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// By series, each series' in the order they were written; those before `from` are left out.
    in_order: Vec<(u64, ChunkRef)>,
    pub(crate) from: ChunkRef,
    out_of_order: Vec<(u64, ChunkRef)>,
    last_ref: u64,
    /// Behind the last entry.
    pub(crate) end: ChunkRef,
    /// Something was broken and cut away.
    pub(crate) cut: bool,
}

/// A chunk as its file tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MappedEntry {
    pub(crate) at: ChunkRef,
    pub(crate) min_t: i64,
    pub(crate) max_t: i64,
    pub(crate) samples: u16,
    pub(crate) encoding: Encoding,
    pub(crate) data_at: u32,
    pub(crate) len: u32,
}

impl Loaded {
    /// Returns the in-order chunks of a series, oldest first.
    pub(crate) fn in_order<'a>(&'a self, maps: &'a Maps, series: SeriesRef) -> impl Iterator<Item = MappedEntry> + 'a {
        of(&self.in_order, series).filter_map(|&(_, at)| describe(maps, at))
    }

    /// Returns the out-of-order chunk of a series at a place, with its bytes; `None`: no such chunk is there.
    pub(crate) fn late_at<'a>(
        &self,
        maps: &'a Maps,
        series: SeriesRef,
        at: ChunkRef,
    ) -> Option<(MappedEntry, &'a [u8])> {
        self.out_of_order.binary_search(&(series.0, at)).ok()?;
        let entry = describe(maps, at)?;
        let from = entry.data_at as usize;
        Some((entry, maps.by_number(at.file())?.get(from..from + entry.len as usize)?))
    }

    /// Returns the largest reference that a chunk bears. None may be given out again while its chunks are there.
    pub(crate) fn last_ref(&self) -> u64 {
        self.last_ref
    }

    /// Returns whether there are no in-order chunks.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }
}

fn of(chunks: &[(u64, ChunkRef)], series: SeriesRef) -> impl Iterator<Item = &(u64, ChunkRef)> {
    let from = chunks.partition_point(|c| c.0 < series.0);
    chunks.get(from..).unwrap_or(&[]).iter().take_while(move |c| c.0 == series.0)
}

fn describe(maps: &Maps, at: ChunkRef) -> Option<MappedEntry> {
    let map = maps.by_number(at.file())?;
    // Verified when the directory was opened.
    let entry = entry_at_unverified(map, at.offset())?;
    let encoding = known(entry.encoding)?;
    Some(MappedEntry {
        at,
        min_t: entry.min_t,
        max_t: entry.max_t,
        samples: samples_of(encoding, entry.data),
        encoding,
        data_at: entry.data_at,
        len: entry.data.len() as u32,
    })
}

/// Returns the number of samples of a chunk.
pub(crate) fn samples_of(encoding: Encoding, chunk: &[u8]) -> u16 {
    let count = chunk.first_chunk().map_or(0, |count| u16::from_be_bytes(*count));
    match encoding {
        // The count shares its bytes with two flags.
        Encoding::HistogramSt | Encoding::FloatHistogramSt => count & 0x3fff,
        _ => count,
    }
}

pub(crate) fn known(encoding: u8) -> Option<Encoding> {
    Some(match encoding {
        1 => Encoding::Xor,
        2 => Encoding::Histogram,
        3 => Encoding::FloatHistogram,
        4 => Encoding::Xor2,
        5 => Encoding::HistogramSt,
        6 => Encoding::FloatHistogramSt,
        _ => return None,
    })
}

impl ChunkFiles {
    /// Opens the directory, creating it where missing, and lists its chunks but for those that end before `min_valid` and
    /// for in-order ones before `from`, which somebody else knows.
    ///
    /// The first fault ends the list: the file is cut there, and those behind it are removed. The log has it all.
    pub(crate) fn open(
        vfs: Arc<dyn Vfs>,
        dir: &Path,
        min_valid: i64,
        from: ChunkRef,
    ) -> Result<(Self, Loaded), ChunksHeadError> {
        vfs.create_dir_all(dir).map_err(ChunksHeadError::io("create", dir))?;
        if let Some(parent) = dir.parent() {
            vfs.sync_dir(parent).map_err(ChunksHeadError::io("sync directory", parent))?;
        }
        let names = vfs.list(dir).map_err(ChunksHeadError::io("list", dir))?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|e| e.name.parse().ok()).collect();
        numbers.sort_unstable();
        let mut mapped = Vec::with_capacity(numbers.len());
        for &number in &numbers {
            let path = file_path(dir, number);
            mapped.push((number, vfs.map(&path).map_err(ChunksHeadError::io("map", &path))?));
        }
        let found = scan_all(&mapped, min_valid, from);
        let mut maps = Maps::default();
        let mut loaded = Loaded { from, ..Loaded::default() };
        let mut expected = None;
        let mut broken = false;
        let newest = numbers.last().copied();
        for ((number, map), found) in mapped.into_iter().zip(found) {
            let path = file_path(dir, number);
            broken |= expected.is_some_and(|expected| expected != number);
            if broken {
                loaded.cut = true;
                vfs.remove_file(&path).map_err(ChunksHeadError::io("remove", &path))?;
                continue;
            }
            expected = number.checked_add(1);
            // A file that was created and not written when power went.
            let blank = newest == Some(number) && map.iter().take(4).all(|&b| b == 0);
            let fault = loaded.take(found);
            let Some(fault) = fault else {
                maps.put(number, map);
                continue;
            };
            drop(map);
            broken = true;
            if !blank {
                loaded.cut = true;
                tracing::error!(
                    component = "tsdb", file = %path.display(), err = %fault,
                    "Loading on-disk chunks failed; cutting the file there and filling up from the WAL"
                );
            }
            if fault.offset < HEADER_BYTES as u64 {
                vfs.remove_file(&path).map_err(ChunksHeadError::io("remove", &path))?;
            } else {
                let file = vfs.open_write(&path).map_err(ChunksHeadError::io("open", &path))?;
                file.set_len(fault.offset).map_err(ChunksHeadError::io("cut", &path))?;
                file.sync_data().map_err(ChunksHeadError::io("sync", &path))?;
                maps.put(number, file.map().map_err(ChunksHeadError::io("map", &path))?);
            }
        }
        loaded.sort();
        Ok((Self::new(vfs, dir, maps), loaded))
    }

    /// Lists all chunks of the files as they are, as [`Self::open`] does from the first one on.
    pub(crate) fn list(&self, min_valid: i64, before: &Loaded) -> Loaded {
        let maps = self.maps();
        let mut loaded = Loaded { cut: before.cut, ..Loaded::default() };
        for (number, map) in maps.each() {
            loaded.take(scan(number, map, min_valid, ChunkRef::default()));
        }
        loaded.sort();
        loaded
    }
}

/// What a file holds.
#[derive(Debug, Default)]
struct Found {
    in_order: Vec<(u64, ChunkRef)>,
    out_of_order: Vec<(u64, ChunkRef)>,
    last_ref: u64,
    end: Option<ChunkRef>,
    fault: Option<EntryFault>,
}

/// How much of a file stays in memory while it is passed through.
const PASSED_BYTES: usize = 4 << 20;
const THREADS_MAX: usize = 8;

/// Scans files, on all cores.
fn scan_all(files: &[(u32, Mapped)], min_valid: i64, from: ChunkRef) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((number, map)) = files.get(at) else { return mine };
            mine.push((at, scan(*number, map, min_valid, from)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX);
    let mut found = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.min(files.len())).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        // A thread that panicked: what it had is scanned again below.
        for other in others {
            found.extend(other.join().unwrap_or_default());
        }
        found
    });
    found.sort_unstable_by_key(|(at, _)| *at);
    let mut found = found.into_iter().peekable();
    let missing = |(at, (number, map)): (usize, &(u32, Mapped))| match found.next_if(|(of, _)| *of == at) {
        Some((_, found)) => found,
        None => scan(*number, map, min_valid, from),
    };
    files.iter().enumerate().map(missing).collect()
}

fn scan(number: u32, map: &Mapped, min_valid: i64, from: ChunkRef) -> Found {
    let mut found = Found::default();
    if let Err(fault) = check_header(map) {
        return Found { fault: Some(fault), ..found };
    }
    let mut entries = Entries::new(map);
    let mut passed = 0;
    found.fault = loop {
        match entries.next() {
            None => break None,
            Some(Err(fault)) => break Some(fault),
            Some(Ok(entry)) => found.note(ChunkRef::new(number, entry.offset), &entry, min_valid, from),
        }
        let at = entries.position() as usize;
        if at - passed >= PASSED_BYTES {
            map.release(passed..at);
            passed = at;
        }
    };
    map.release(passed..map.len());
    found.end = Some(ChunkRef::new(number, entries.position() as u32));
    found
}

impl Found {
    fn note(&mut self, at: ChunkRef, entry: &super::Entry<'_>, min_valid: i64, from: ChunkRef) {
        if known(entry.encoding).is_none() || entry.data.len() < 2 {
            return;
        }
        self.last_ref = self.last_ref.max(entry.series.0);
        if entry.out_of_order {
            self.out_of_order.push((entry.series.0, at));
        } else if entry.max_t >= min_valid && at >= from {
            self.in_order.push((entry.series.0, at));
        }
    }
}

impl Loaded {
    /// Adds the next file's chunks, and returns its fault.
    fn take(&mut self, found: Found) -> Option<EntryFault> {
        self.in_order.extend(found.in_order);
        self.out_of_order.extend(found.out_of_order);
        self.last_ref = self.last_ref.max(found.last_ref);
        self.end = found.end.unwrap_or(self.end);
        found.fault
    }

    fn sort(&mut self) {
        // By place among those of a series: the order they were written in.
        self.in_order.sort_unstable();
        self.out_of_order.sort_unstable();
    }
}
