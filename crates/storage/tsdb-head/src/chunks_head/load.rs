//! Opening the directory: which chunks are there, and what must go because it is broken.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::Vfs;
use firesteel_model::SeriesRef;
use firesteel_storage::Encoding;

use super::files::{ChunkFiles, Maps, file_path};
use super::format::{Entries, HEADER_BYTES, check_header, entry_at};
use super::{ChunkRef, ChunksHeadError};

/// The chunks that were found, until their series turn up in the log.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// By series, each series' in the order they were written.
    in_order: Vec<(u64, ChunkRef)>,
    out_of_order: Vec<(u64, ChunkRef)>,
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

    /// Returns the out-of-order chunks of a series in the order they were written.
    pub(crate) fn out_of_order<'a>(
        &'a self,
        maps: &'a Maps,
        series: SeriesRef,
    ) -> impl Iterator<Item = MappedEntry> + 'a {
        of(&self.out_of_order, series).filter_map(|&(_, at)| describe(maps, at))
    }

    /// Returns the largest reference that a chunk bears. None may be given out again while its chunks are there.
    pub(crate) fn last_ref(&self) -> u64 {
        let last = |chunks: &[(u64, ChunkRef)]| chunks.last().map_or(0, |c| c.0);
        last(&self.in_order).max(last(&self.out_of_order))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_order.is_empty() && self.out_of_order.is_empty()
    }
}

fn of(chunks: &[(u64, ChunkRef)], series: SeriesRef) -> impl Iterator<Item = &(u64, ChunkRef)> {
    let from = chunks.partition_point(|c| c.0 < series.0);
    chunks.get(from..).unwrap_or(&[]).iter().take_while(move |c| c.0 == series.0)
}

fn describe(maps: &Maps, at: ChunkRef) -> Option<MappedEntry> {
    let map = maps.by_number(at.file())?;
    // Verified when the directory was opened.
    let entry = entry_at(map, at.offset()).ok()?;
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
    /// Opens the directory, creating it where missing, and lists its chunks but for those that end before `min_valid`.
    ///
    /// The first fault ends the list: the file is cut there, and those behind it are removed. The log has it all.
    pub(crate) fn open(vfs: Arc<dyn Vfs>, dir: &Path, min_valid: i64) -> Result<(Self, Loaded), ChunksHeadError> {
        vfs.create_dir_all(dir).map_err(ChunksHeadError::io("create", dir))?;
        if let Some(parent) = dir.parent() {
            vfs.sync_dir(parent).map_err(ChunksHeadError::io("sync directory", parent))?;
        }
        let names = vfs.list(dir).map_err(ChunksHeadError::io("list", dir))?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|e| e.name.parse().ok()).collect();
        numbers.sort_unstable();
        let mut maps = Maps::default();
        let mut loaded = Loaded::default();
        let mut expected = None;
        let mut broken = false;
        let newest = numbers.last().copied();
        for number in numbers {
            let path = file_path(dir, number);
            broken |= expected.is_some_and(|expected| expected != number);
            if broken {
                loaded.cut = true;
                vfs.remove_file(&path).map_err(ChunksHeadError::io("remove", &path))?;
                continue;
            }
            expected = number.checked_add(1);
            let map = vfs.map(&path).map_err(ChunksHeadError::io("map", &path))?;
            // A file that was created and not written when power went.
            let blank = newest == Some(number) && map.iter().take(4).all(|&b| b == 0);
            let fault = match check_header(&map) {
                Err(fault) => Some(fault),
                Ok(()) => {
                    let mut entries = Entries::new(&map);
                    let fault = loop {
                        match entries.next() {
                            None => break None,
                            Some(Err(fault)) => break Some(fault),
                            Some(Ok(entry)) => loaded.note(number, &entry, min_valid),
                        }
                    };
                    loaded.end = ChunkRef::new(number, entries.position() as u32);
                    fault
                }
            };
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
        loaded.in_order.sort_by_key(|c| c.0);
        loaded.out_of_order.sort_by_key(|c| c.0);
        Ok((Self::new(vfs, dir, maps), loaded))
    }
}

impl Loaded {
    fn note(&mut self, file: u32, entry: &super::Entry<'_>, min_valid: i64) {
        if known(entry.encoding).is_none() || entry.data.len() < 2 {
            return;
        }
        let at = (entry.series.0, ChunkRef::new(file, entry.offset));
        if entry.out_of_order {
            self.out_of_order.push(at);
        } else if entry.max_t >= min_valid {
            self.in_order.push(at);
        }
    }
}
