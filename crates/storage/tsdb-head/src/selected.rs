//! The series of a selection, and their chunks when they are asked for.
//!
//! A selection notes how far each series may be read; bytes are copied later, for 64 series at a time into one buffer,
//! since whoever asks for one series asks for its neighbours next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use firesteel_base::TimeRange;
use firesteel_model::SeriesRef;
use firesteel_storage::chunkenc::{ChunkError, cut_out};
use firesteel_storage::{ChunkView, ChunkVisitor, Order, Selected, SeriesEntry, StorageError};
use parking_lot::Mutex;

use super::Head;
use super::found::FoundChunks;
use super::series::Slot;
use super::shard::Shard;
use super::visibility::{Extent, Snapshot};

/// Where a selected series was and how far it may be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) shard: u32,
    pub(super) slot: Slot,
    pub(super) extent: Extent,
}

/// See [`Selected`].
#[derive(Debug)]
pub(super) struct HeadSelected {
    head: Arc<Head>,
    _snapshot: Arc<Snapshot>,
    range: TimeRange,
    order: Order,
    series: Vec<SeriesEntry>,
    notes: Vec<Note>,
    /// The groups copied last, so that readers of neighbouring series do not copy them again.
    recent: Mutex<Vec<Arc<Group>>>,
    /// Bytes of files that were read.
    read_bytes: AtomicUsize,
}

/// Of the files that a selection reads no more than about this stays in the process' memory.
const READ_BYTES_KEPT: usize = 8 << 20;

const GROUP: usize = 64;
/// One for each thread that reads a selection, about.
const RECENT_MAX: usize = 8;

/// The chunks of neighbouring series.
#[derive(Debug)]
struct Group {
    number: usize,
    chunks: FoundChunks,
    bytes: Arc<[u8]>,
    /// For each series where those of its chunks end in `chunks` that came in order, and where the late ones do.
    ends: Vec<(u32, u32)>,
}

impl HeadSelected {
    pub(super) fn new(
        head: Arc<Head>,
        snapshot: Arc<Snapshot>,
        range: TimeRange,
        order: Order,
        found: Vec<(SeriesEntry, Note)>,
    ) -> Self {
        let (series, notes) = found.into_iter().unzip();
        Self {
            head,
            _snapshot: snapshot,
            range,
            order,
            series,
            notes,
            recent: Mutex::default(),
            read_bytes: AtomicUsize::new(0),
        }
    }

    fn group(&self, number: usize) -> Arc<Group> {
        if let Some(group) = self.recent.lock().iter().find(|g| g.number == number) {
            return Arc::clone(group);
        }
        let group = Arc::new(self.copy(number));
        let mut recent = self.recent.lock();
        if recent.len() == RECENT_MAX {
            recent.remove(0);
        }
        recent.push(Arc::clone(&group));
        group
    }

    fn copy(&self, number: usize) -> Group {
        let from = number * GROUP;
        let to = (from + GROUP).min(self.series.len());
        let (mut chunks, mut ends) = (FoundChunks::with_room(to - from), Vec::with_capacity(to - from));
        let rules = self.head.rules();
        for i in from..to {
            let (note, series) = (self.notes[i], self.series[i].series);
            let shard = self.head.shards[note.shard as usize].lock();
            let slot = match shard.series(note.slot, series) {
                Some(_) => Some(note.slot),
                None => self.moved(&shard, series),
            };
            if let Some(slot) = slot {
                chunks.add_series(&self.head, &shard, slot, note.extent, self.range);
            }
            let in_order = chunks.len() as u32;
            if let Some(late) = shard.late.get(series) {
                chunks.add_late(&self.head, &shard.late, late, self.range, &rules);
            }
            ends.push((in_order, chunks.len() as u32));
        }
        let read = chunks.file_bytes();
        let before = self.read_bytes.fetch_add(read, Ordering::Relaxed);
        if before / READ_BYTES_KEPT != (before + read) / READ_BYTES_KEPT {
            self.release();
        }
        let bytes = chunks.take_bytes();
        Group { number, chunks, bytes, ends }
    }

    /// Gives what was read of files back to the system; who reads it still fetches it again.
    fn release(&self) {
        if let Some(files) = self.head.chunks_head() {
            let maps = files.maps().clone();
            maps.release();
        }
    }

    /// Returns the slot of a series whose shard was compacted since it was selected.
    fn moved(&self, shard: &Shard, series: SeriesRef) -> Option<Slot> {
        let place = self.head.place_of(series)?;
        shard.series(place.slot, series).map(|_| place.slot)
    }
}

impl Drop for HeadSelected {
    fn drop(&mut self) {
        if *self.read_bytes.get_mut() > READ_BYTES_KEPT {
            self.release();
        }
    }
}

impl Group {
    /// Returns where the chunks of its series `at` begin, where those that came in order end, and where the late ones do.
    fn place(&self, at: usize) -> (usize, usize, usize) {
        let from = if at == 0 { 0 } else { self.ends[at - 1].1 as usize };
        (from, self.ends[at].0 as usize, self.ends[at].1 as usize)
    }
}

impl Selected for HeadSelected {
    fn series(&self) -> &[SeriesEntry] {
        &self.series
    }

    fn order(&self) -> Order {
        self.order
    }

    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
        if i >= self.series.len() {
            return Ok(());
        }
        let group = self.group(i / GROUP);
        let (from, in_order, late) = group.place(i % GROUP);
        let first = out.len();
        group.chunks.views(from..in_order, &group.bytes, &self.head, out)?;
        let series = self.series[i].series;
        if let Some(deleted) = self.head.stones.get(series) {
            let bad = |e: ChunkError| StorageError::BadChunk { series: series.0, what: e.to_string() };
            cut_out(out, first, &deleted).map_err(bad)?;
        }
        if late > in_order {
            group.chunks.views(in_order..late, &group.bytes, &self.head, out)?;
            // Stable: of equal times the sample that came in order is the first.
            out[first..].sort_by_key(|chunk| chunk.min);
        }
        Ok(())
    }

    fn visit_chunks(&self, i: usize, visit: &mut ChunkVisitor<'_>) -> Result<(), StorageError> {
        let Some(entry) = self.series.get(i) else { return Ok(()) };
        let group = self.group(i / GROUP);
        let (from, in_order, late) = group.place(i % GROUP);
        if late > in_order || self.head.stones.get(entry.series).is_some() {
            let mut chunks = Vec::new();
            self.chunks(i, &mut chunks)?;
            return chunks.iter().try_for_each(|chunk| visit(chunk.borrowed()));
        }
        group.chunks.visit(from..in_order, &group.bytes, &self.head, visit)
    }
}
