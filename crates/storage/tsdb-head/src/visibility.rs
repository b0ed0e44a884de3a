//! A batch is seen whole or not at all, although its rows are written shard by shard.
//!
//! Each shard keeps, for a batch that is being committed, how many samples its series had before ([`OpenBatch`]). A batch
//! becomes visible in one step, when [`Visibility::complete`] gives it the next number; a reader takes the newest number
//! when it begins ([`Visibility::snapshot`]) and, in each shard, looks past the rows of batches that have none yet or a
//! later one. The notes go once no reader can need them. So a reader waits for no writer, nor the other way round, and
//! series need no field for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use firesteel_base::FastHashMap;
use parking_lot::{Condvar, Mutex};

use super::series::Slot;

/// Numbers batches in the order in which they become visible.
#[derive(Debug, Default)]
pub(crate) struct Visibility {
    state: Mutex<State>,
    reader_left: Condvar,
    /// No reader needs the notes of batches up to this number. Never above any reader's number, so a stale read is safe.
    floor: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    newest: u64,
    /// The readers at work; few.
    readers: Vec<Reader>,
    next_reader: u64,
}

#[derive(Clone, Copy, Debug)]
struct Reader {
    id: u64,
    /// The newest batch it sees.
    number: u64,
    /// It reads nothing before this time.
    from: i64,
}

impl State {
    fn oldest(&self) -> u64 {
        self.readers.iter().map(|r| r.number).min().unwrap_or(self.newest)
    }
}

/// A batch on its way: 0 until it is visible, then its number.
pub(crate) type BatchNumber = Arc<AtomicU64>;

/// What a reader may see. Gives its number back when dropped.
#[derive(Debug)]
pub(crate) struct Snapshot {
    id: u64,
    number: u64,
    of: Arc<Visibility>,
}

impl Visibility {
    /// Makes a batch visible: to readers that begin from now on, all of it.
    pub(crate) fn complete(&self, batch: &BatchNumber) {
        let mut state = self.state.lock();
        state.newest += 1;
        batch.store(state.newest, Ordering::Release);
        self.raise_floor(&state);
    }

    /// Returns what is visible now, to a reader of samples at `from` and later.
    pub(crate) fn snapshot(self: &Arc<Self>, from: i64) -> Snapshot {
        let mut state = self.state.lock();
        let (id, number) = (state.next_reader, state.newest);
        state.next_reader += 1;
        state.readers.push(Reader { id, number, from });
        Snapshot { id, number, of: Arc::clone(self) }
    }

    /// Waits until the readers that are at work now and may read before `min_t` are through; false if that took longer than
    /// `patience`.
    pub(crate) fn wait_for_readers(&self, min_t: i64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        let later = state.next_reader;
        while state.readers.iter().any(|r| r.id < later && r.from < min_t) {
            if self.reader_left.wait_until(&mut state, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    /// Returns the number up to which every reader sees every batch.
    #[inline]
    pub(crate) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    /// Returns the newest number, and the oldest in use.
    pub(crate) fn watermarks(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.oldest(), state.newest)
    }

    fn raise_floor(&self, state: &State) {
        self.floor.store(state.oldest(), Ordering::Release);
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let mut state = self.of.state.lock();
        if let Some(at) = state.readers.iter().position(|r| r.id == self.id) {
            state.readers.swap_remove(at);
        }
        self.of.raise_floor(&state);
        self.of.reader_left.notify_all();
    }
}

impl Snapshot {
    #[inline]
    fn hides(&self, batch: &AtomicU64) -> bool {
        let number = batch.load(Ordering::Acquire);
        number == 0 || number > self.number
    }
}

/// How far a series goes for a reader: samples `0..samples` of chunk `chunk_id`, and all chunks before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub(crate) chunk_id: u32,
    pub(crate) samples: u16,
}

/// What a batch found in one shard before it wrote there.
#[derive(Debug)]
struct OpenBatch {
    number: BatchNumber,
    before: Vec<(Slot, Extent)>,
    /// Series that had been moved by then.
    moves: u64,
}

/// The batches that some reader may have to look past, oldest first, in one shard.
#[derive(Debug, Default)]
pub(crate) struct OpenBatches {
    open: Vec<OpenBatch>,
    spare: Vec<Vec<(Slot, Extent)>>,
    /// Where the series are that were moved after some open batch was noted, and how many were moved so far.
    moved: FastHashMap<Slot, Slot>,
    moves: u64,
}

const SPARE_MAX: usize = 4;

impl OpenBatches {
    /// Returns an empty list of notes, and forgets what no reader needs any more.
    pub(crate) fn begin(&mut self, floor: u64) -> Vec<(Slot, Extent)> {
        let Self { open, spare, .. } = self;
        open.retain_mut(|batch| {
            let number = batch.number.load(Ordering::Acquire);
            let needed = number == 0 || number > floor;
            if !needed && spare.len() < SPARE_MAX {
                let mut notes = std::mem::take(&mut batch.before);
                notes.clear();
                spare.push(notes);
            }
            needed
        });
        if !self.moved.is_empty() && self.open.iter().all(|batch| batch.moves == self.moves) {
            self.moved = FastHashMap::default();
        }
        self.spare.pop().unwrap_or_default()
    }

    /// Adds a batch's notes, before the shard's lock is given up.
    pub(crate) fn add(&mut self, number: &BatchNumber, before: Vec<(Slot, Extent)>) {
        self.open.push(OpenBatch { number: Arc::clone(number), before, moves: self.moves });
    }

    /// Returns the extents of series that go further than the reader may see; `None` when there are none.
    pub(crate) fn hidden_from(&self, reader: &Snapshot) -> Option<FastHashMap<Slot, Extent>> {
        let mut hidden: Option<FastHashMap<Slot, Extent>> = None;
        for batch in self.open.iter().filter(|b| reader.hides(&b.number)) {
            let hidden = hidden.get_or_insert_default();
            for &(mut slot, before) in &batch.before {
                while let Some(&now) = self.moved.get(&slot) {
                    slot = now;
                }
                // The oldest hidden batch counts, and within it the first row.
                hidden.entry(slot).or_insert(before);
            }
        }
        hidden
    }

    /// Notes that a series is elsewhere; its old slot will be nobody's.
    pub(crate) fn note_moved(&mut self, from: Slot, to: Slot) {
        if !self.open.is_empty() {
            self.moved.insert(from, to);
            self.moves += 1;
        }
    }
}
