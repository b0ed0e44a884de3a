//! Filling an empty head from a snapshot: one thread reads the records and knows the pairs, all cores put the series into
//! their shards. Nothing is looked up that the snapshot tells.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};

use firesteel_base::bytes::ByteCursor;
use firesteel_model::{SeriesRef, packed_hash64};
use parking_lot::Mutex;

use super::chunks_head::{ChunkRef, Loaded, MappedEntry, Maps};
use super::pairs::PairId;
use super::refs::Place;
use super::series::{SERIES_REF_MAX, Slot};
use super::shard::{ChunkRules, Shard};
use super::snapshot::{HEADER, SERIES};
use super::snapshot_load::{Snapshot, filed_chunk, filed_chunks, kept_chunk, read_series};
use super::{Head, count};

/// Series that are put into a shard under one hold of its lock.
const BATCH: usize = 256;
const THREADS_MAX: usize = 8;

/// Series of one shard.
#[derive(Debug, Default)]
struct Batch<'a> {
    shard: usize,
    series: Vec<NewSeries<'a>>,
    /// The pairs of all of them, one after the other.
    ids: Vec<u32>,
}

#[derive(Debug)]
struct NewSeries<'a> {
    series: SeriesRef,
    hash: u64,
    pairs: u16,
    chunks: ByteCursor<'a>,
}

/// What came of a snapshot's series.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) series: u64,
    pub(super) chunks: u64,
    pub(super) mapped_chunks: u64,
    /// Records that do not make sense.
    pub(super) broken: u64,
    /// The block of the snapshot where the series end.
    pub(super) block: usize,
    pub(super) min_t: i64,
    pub(super) max_t: i64,
    /// Pairs that were counted for series that were refused.
    refused: Vec<u32>,
}

impl Default for Filled {
    fn default() -> Self {
        Self {
            series: 0,
            chunks: 0,
            mapped_chunks: 0,
            broken: 0,
            block: 0,
            min_t: i64::MAX,
            max_t: i64::MIN,
            refused: Vec::new(),
        }
    }
}

impl Filled {
    fn add(&mut self, other: Self) {
        self.series += other.series;
        self.chunks += other.chunks;
        self.mapped_chunks += other.mapped_chunks;
        self.broken += other.broken;
        self.block = self.block.max(other.block);
        self.min_t = self.min_t.min(other.min_t);
        self.max_t = self.max_t.max(other.max_t);
        self.refused.extend(other.refused);
    }

    fn widen(&mut self, (min, max): (i64, i64)) {
        self.min_t = self.min_t.min(min);
        self.max_t = self.max_t.max(max);
    }
}

/// Puts series into their shards.
#[derive(Debug)]
struct Filler<'a> {
    head: &'a Head,
    /// Chunks in files that were written after the snapshot.
    loaded: &'a Loaded,
    min_valid: i64,
    rules: ChunkRules,
}

/// Puts the series of `snapshot` into `head`, which has none.
pub(super) fn fill(head: &Head, loaded: &Loaded, snapshot: &Snapshot) -> Filled {
    let filler = Filler { head, loaded, min_valid: head.min_valid.load(Ordering::Relaxed), rules: head.rules() };
    // A number that lies costs no more than the snapshot is long.
    let series = snapshot.series().min(snapshot.bytes() / 4) as usize;
    head.shards.iter().for_each(|shard| shard.lock().reserve(series / head.shards.len()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX);
    let (to, batches) = sync_channel::<Batch<'_>>(2 * cores);
    let batches = Arc::new(Mutex::new(batches));
    let mut filled = std::thread::scope(|scope| {
        let filler = &filler;
        let others: Vec<_> = (1..cores)
            .map(|_| {
                let batches = Arc::clone(&batches);
                scope.spawn(move || filler.work(&batches))
            })
            .collect();
        let mut filled = filler.read(snapshot, |batch| match to.try_send(batch) {
            Ok(()) => None,
            // The others are busy.
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => Some(batch),
        });
        drop(to);
        filled.add(filler.work(&batches));
        for other in others {
            match other.join() {
                Ok(of_other) => filled.add(of_other),
                Err(_) => filled.broken += 1,
            }
        }
        filled
    });
    if !filled.refused.is_empty() {
        head.pairs.write().release(&std::mem::take(&mut filled.refused));
    }
    count(&head.counts.series, filled.series);
    count(&head.counts.series_created, filled.series);
    filled
}

impl Filler<'_> {
    /// Reads the records of series, and hands them on by shard; what `send` gives back is done here.
    fn read<'s>(&self, snapshot: &'s Snapshot, mut send: impl FnMut(Batch<'s>) -> Option<Batch<'s>>) -> Filled {
        let mut filled = Filled::default();
        let mut known: Vec<PairId> = Vec::new();
        let (mut ids, mut packed): (Vec<u32>, Vec<u8>) = (Vec::new(), Vec::new());
        let mut batches: Vec<Batch<'s>> =
            (0..self.head.shards.len()).map(|shard| Batch { shard, ..Batch::default() }).collect();
        // Nobody else asks for pairs while a head is filled.
        let mut pairs = self.head.pairs.write();
        let mut records = snapshot.records();
        while let Some(record) = records.next() {
            filled.block = records.block();
            match record.first() {
                Some(&SERIES) => {}
                Some(&HEADER) => continue,
                _ => break,
            }
            ids.clear();
            let read = read_series(record, |pair| {
                let id = match pair {
                    Ok(number) => *known.get(number)?,
                    Err((name, value)) => {
                        known.push(pairs.intern_uncounted(name, value));
                        *known.last()?
                    }
                };
                ids.push(id.0);
                Some(())
            });
            packed.clear();
            for &id in &ids {
                packed.extend_from_slice(pairs.packed(PairId(id)));
            }
            let fits = (1..=SERIES_REF_MAX).contains(&read.as_ref().map_or(0, |r| r.series.0));
            let (Some(read), true, 1..=0xffff) = (read, fits, packed.len()) else {
                filled.broken += 1;
                continue;
            };
            pairs.count_in(&ids);
            let hash = packed_hash64(&packed);
            let batch = &mut batches[self.head.shard_of(hash)];
            batch.ids.extend_from_slice(&ids);
            batch.series.push(NewSeries { series: read.series, hash, pairs: ids.len() as u16, chunks: read.chunks });
            if batch.series.len() >= BATCH {
                let empty = Batch {
                    shard: batch.shard,
                    series: Vec::with_capacity(BATCH),
                    ids: Vec::with_capacity(batch.ids.len()),
                };
                let full = std::mem::replace(batch, empty);
                if let Some(mine) = send(full) {
                    self.put(mine, &mut filled);
                }
            }
        }
        pairs.release_uncounted(known.into_iter());
        drop(pairs);
        for batch in batches {
            self.put(batch, &mut filled);
        }
        filled
    }

    fn work(&self, batches: &Mutex<Receiver<Batch<'_>>>) -> Filled {
        let mut filled = Filled::default();
        loop {
            // A statement of its own, so that the lock is not held over the work.
            let batch = batches.lock().recv();
            let Ok(batch) = batch else { return filled };
            self.put(batch, &mut filled);
        }
    }

    fn put(&self, batch: Batch<'_>, filled: &mut Filled) {
        let mut ids = batch.ids.as_slice();
        let mut shard = self.head.shards[batch.shard].lock();
        let maps = self.head.chunks_head().map(|files| files.maps());
        for NewSeries { series, hash, pairs, chunks } in batch.series {
            let Some((spelling, rest)) = ids.split_at_checked(usize::from(pairs)) else { return };
            ids = rest;
            if shard.find_spelled(hash, spelling).is_some() {
                filled.broken += 1;
                filled.refused.extend_from_slice(spelling);
                continue;
            }
            let slot = shard.create(series, hash, spelling);
            self.head.refs.set(series, Place { shard: batch.shard as u32, slot });
            shard.hot_mut(slot).set_logged();
            filled.series += 1;
            if self.put_chunks(&mut shard, slot, series, chunks, maps.as_deref(), filled).is_none() {
                filled.broken += 1;
            }
        }
    }

    /// `None`: a chunk does not make sense; those before it are there.
    fn put_chunks(
        &self,
        shard: &mut Shard,
        slot: Slot,
        series: SeriesRef,
        mut chunks: ByteCursor<'_>,
        maps: Option<&Maps>,
        filled: &mut Filled,
    ) -> Option<()> {
        for _ in 0..filed_chunks(&mut chunks)? {
            let chunk = filed_chunk(&mut chunks)?;
            if chunk.range.1 < self.min_valid {
                continue;
            }
            let (file, len) = maps?.number(chunk.file)?;
            if u64::from(chunk.data_at) + u64::from(chunk.len) > len {
                return None;
            }
            let entry = MappedEntry {
                at: ChunkRef::new(file, 0),
                min_t: chunk.range.0,
                max_t: chunk.range.1,
                samples: chunk.samples,
                encoding: chunk.encoding,
                data_at: chunk.data_at,
                len: chunk.len,
            };
            if shard.attach(slot, &entry) {
                filled.widen(chunk.range);
                filled.mapped_chunks += 1;
            }
        }
        if let Some(maps) = maps
            && !self.loaded.is_empty()
        {
            // What overlaps is in the log as well, and comes from there.
            for entry in self.loaded.in_order(maps, series) {
                if !shard.attach(slot, &entry) {
                    break;
                }
                filled.widen((entry.min_t, entry.max_t));
                filled.mapped_chunks += 1;
            }
        }
        while !chunks.is_empty() {
            let chunk = kept_chunk(&mut chunks)?;
            // What was mapped since is in the files.
            if let Some(taken) = shard.take_kept(slot, &chunk, self.min_valid, &self.rules) {
                filled.widen(taken);
                filled.chunks += 1;
            }
        }
        Some(())
    }
}
