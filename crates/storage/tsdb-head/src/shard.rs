//! One shard of the head: series by slot, behind one lock that a batch takes once.

use firesteel_model::{Labels, SeriesRef};
use firesteel_storage::{AppendError, Encoding};

use super::chunks_head::{MappedEntry, samples_of};
use super::histograms::HistogramSeries;
use super::late::LateSeries;
use super::open_xor2::Xor2Series;
use super::paged::{PAGE, Paged, Spans};
use super::pairs::{PairId, Pairs};
use super::parted::Parted;
use super::postings::Postings;
use super::sealed::{Chain, SealedChunks};
use super::series::{HotSeries, Slot};
use super::slabs::{ChunkPlace, Slabs};
use super::snapshot_load::KeptChunk;
use super::visibility::{Extent, OpenBatches};

/// When chunks end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkRules {
    /// Chunks end at multiples of this.
    pub(crate) range_ms: i64,
    /// How many samples a chunk aims at.
    pub(crate) samples: u16,
    /// Histogram chunks have room for start timestamps.
    pub(crate) histogram_starts: bool,
    /// New chunks of floats are XOR2.
    pub(crate) xor2: bool,
    /// Start timestamps are kept: an XOR chunk ends where XOR2 is to be written. Without it either takes what the other
    /// would, as upstream's (`chunkenc.CompatibleValues`).
    pub(crate) starts: bool,
}

impl ChunkRules {
    /// Returns whether an XOR chunk ends before any further sample.
    #[inline]
    fn end_xor(&self) -> bool {
        self.xor2 && self.starts
    }
}

/// What an append does not touch.
#[derive(Clone, Debug)]
pub(crate) struct ColdSeries {
    /// Middle bits of the label set's hash; the low ones choose the shard.
    pub(crate) hash: u32,
    pub(crate) labels_at: u32,
    pub(crate) labels_len: u16,
    pub(crate) sealed: Chain,
}

/// How many slots at a time are worth [`Shard::warm`]: about what a core has under way to memory at once.
pub(crate) const WARM: usize = 16;

/// Series, their chunks and their postings.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) index: Parted<u32>,
    pub(crate) hot: Paged<HotSeries>,
    pub(crate) cold: Paged<ColdSeries>,
    pub(crate) spans: Spans,
    pub(crate) slabs: Slabs,
    pub(crate) sealed: SealedChunks,
    pub(crate) postings: Postings,
    pub(crate) open_batches: OpenBatches,
    pub(crate) late: LateSeries,
    pub(crate) histograms: HistogramSeries,
    pub(crate) xor2: Xor2Series,
    pub(crate) live: usize,
    pub(crate) stale: usize,
    scratch: Vec<u8>,
}

/// Sums over a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShardStats {
    pub(crate) series: usize,
    pub(crate) stale: usize,
    pub(crate) chunks: usize,
    pub(crate) sealed_bytes: usize,
    /// Series whose newest sample is a histogram, and the buckets of these samples.
    pub(crate) histogram_series: usize,
    pub(crate) histogram_buckets: usize,
    pub(crate) heap_bytes: usize,
}

/// What a row did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Appended {
    /// A sample more; the series went this far before.
    After(Extent),
    /// As `After`, and a chunk began with it.
    NewChunk(Extent),
    /// The newest sample again, bit for bit.
    Same,
}

impl Shard {
    /// Finds a series by its labels.
    pub(crate) fn find(&self, pairs: &Pairs, hash: u64, labels: &Labels) -> Option<Slot> {
        self.index
            .find(spread(short(hash)), |&slot| {
                let cold = &self.cold[slot as usize];
                cold.hash == short(hash) && pairs.spell(self.ids_of(cold), labels)
            })
            .map(|&slot| Slot(slot))
    }

    /// Makes room for so many series.
    pub(crate) fn reserve(&mut self, series: usize) {
        let Self { index, cold, .. } = self;
        index.reserve(series, |&other| spread(cold[other as usize].hash));
    }

    /// Returns the series that is spelled by `ids`, which are numbers of pairs in use.
    pub(crate) fn find_spelled(&self, hash: u64, ids: &[u32]) -> Option<Slot> {
        let same = |&slot: &u32| {
            let cold = &self.cold[slot as usize];
            cold.hash == short(hash) && self.ids_of(cold) == ids
        };
        self.index.find(spread(short(hash)), same).map(|&slot| Slot(slot))
    }

    /// Returns whether it takes no more series: their numbers have run out, which no process lives to see.
    pub(crate) fn is_full(&self) -> bool {
        self.hot.len() >= SLOTS_MAX
    }

    /// Adds a series whose labels are spelled by `ids`; the shard must not be full.
    pub(crate) fn create(&mut self, series: SeriesRef, hash: u64, ids: &[u32]) -> Slot {
        let slot = self.hot.push(HotSeries::new(series)) as u32;
        let labels_at = self.spans.push(ids);
        let cold = ColdSeries { hash: short(hash), labels_at, labels_len: ids.len() as u16, sealed: Chain::default() };
        self.cold.push(cold);
        let Self { index, cold, .. } = self;
        index.insert_unique(spread(short(hash)), slot, |&other| spread(cold[other as usize].hash));
        for &id in ids {
            self.postings.add(PairId(id), Slot(slot));
        }
        self.live += 1;
        Slot(slot)
    }

    /// Returns the hot record if the slot is that series'.
    #[inline]
    pub(crate) fn series(&self, slot: Slot, series: SeriesRef) -> Option<&HotSeries> {
        self.hot.get(slot.0 as usize).filter(|hot| hot.series() == series)
    }

    /// As [`Self::series`], to be changed.
    #[inline]
    pub(crate) fn series_mut(&mut self, slot: Slot, series: SeriesRef) -> Option<&mut HotSeries> {
        self.hot.get_mut(slot.0 as usize).filter(|hot| hot.series() == series)
    }

    /// Returns whether the slot is a series'.
    #[inline]
    pub(crate) fn is_live(&self, slot: Slot) -> bool {
        self.hot.get(slot.0 as usize).is_some_and(HotSeries::is_live)
    }

    /// Returns the hot record of a slot that the shard itself gave out.
    #[inline]
    pub(crate) fn hot(&self, slot: Slot) -> &HotSeries {
        &self.hot[slot.0 as usize]
    }

    #[inline]
    pub(crate) fn hot_mut(&mut self, slot: Slot) -> &mut HotSeries {
        &mut self.hot[slot.0 as usize]
    }

    /// Returns all slots, dead ones included: see [`Self::is_live`].
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        ((self.hot.pages().start * PAGE) as u32..self.hot.len() as u32).map(Slot)
    }

    /// Returns the pairs of a series.
    #[inline]
    pub(crate) fn ids(&self, slot: Slot) -> &[u32] {
        self.ids_of(&self.cold[slot.0 as usize])
    }

    #[inline]
    fn ids_of(&self, cold: &ColdSeries) -> &[u32] {
        self.spans.get(cold.labels_at, usize::from(cold.labels_len))
    }

    /// Returns the series' sealed chunks.
    #[inline]
    pub(crate) fn chain(&self, slot: Slot) -> Chain {
        self.cold[slot.0 as usize].sealed
    }

    /// Returns the bytes of the open chunk, with its header, as far as they are written.
    pub(crate) fn open_bytes(&self, slot: Slot) -> Option<&[u8]> {
        let hot = self.hot(slot);
        self.slabs.bytes(hot.open()?).get(..hot.xor.byte_len())
    }

    /// Reads what appends to these slots will read first: their records, then the ends of their open chunks. A loop that only
    /// reads waits for the memory of all of them once, where one that appends waits for each in turn.
    #[inline]
    pub(crate) fn warm(&self, slots: impl Iterator<Item = Slot> + Clone) {
        let mut read = 0u64;
        for slot in slots.clone() {
            read = read.wrapping_add(self.hot.get(slot.0 as usize).map_or(0, |hot| hot.next_at as u64));
        }
        for hot in slots.filter_map(|slot| self.hot.get(slot.0 as usize)) {
            if let Some(place) = hot.open() {
                read = read.wrapping_add(u64::from(self.slabs.byte(place, hot.xor.byte_len().saturating_sub(1))));
            }
        }
        std::hint::black_box(read);
    }

    /// Returns the bytes of full chunks in memory, late ones included.
    #[inline]
    pub(crate) fn sealed_bytes(&self) -> usize {
        self.sealed.chunk_bytes() + self.late.sealed.chunk_bytes()
    }

    /// Returns how far the series goes.
    #[inline]
    pub(crate) fn extent(&self, slot: Slot) -> Extent {
        let hot = self.hot(slot);
        let samples = if hot.is_histogram() || hot.is_xor2() { self.samples_beside(slot) } else { hot.xor.samples() };
        Extent { chunk_id: hot.chunk_id, samples }
    }

    /// Returns the time of the series' newest sample.
    pub(crate) fn newest_t(&self, slot: Slot) -> Option<i64> {
        if let Some((_, newest)) = self.open_range(slot) {
            return Some(newest);
        }
        self.sealed.newest_first(self.chain(slot)).next().map(|chunk| chunk.max_t)
    }

    /// Calls `each` with the ends of each of the series' chunks, late ones included.
    pub(crate) fn each_range(&self, slot: Slot, mut each: impl FnMut(i64, i64)) {
        if let Some((min, max)) = self.open_range(slot) {
            each(min, max);
        }
        self.sealed.newest_first(self.chain(slot)).for_each(|chunk| each(chunk.min_t, chunk.max_t));
    }

    /// Returns the times of the series' oldest and newest sample that came in order.
    pub(crate) fn time_range(&self, slot: Slot) -> Option<(i64, i64)> {
        let mut range: Option<(i64, i64)> = None;
        self.each_range(slot, |min, max| {
            range = Some(range.map_or((min, max), |r| (r.0.min(min), r.1.max(max))));
        });
        range
    }

    /// Appends a sample with its start timestamp (0 = none; XOR chunks have no room for it); upstream's rules for order and
    /// for ending chunks (`tsdb/head_append.go`, 3.14).
    #[inline]
    pub(crate) fn append(
        &mut self,
        slot: Slot,
        (start, t): (i64, i64),
        v: f64,
        rules: &ChunkRules,
    ) -> Result<Appended, AppendError> {
        let hot = &mut self.hot[slot.0 as usize];
        let mut before = Extent { chunk_id: hot.chunk_id, samples: hot.xor.samples() };
        if !hot.follows(t, v)? {
            return Ok(Appended::Same);
        }
        let was_stale = hot.is_stale();
        let mut new_chunk = false;
        let place = match hot.open() {
            Some(place) if !ends_before(hot, t, rules) => place,
            open => {
                if open.is_some() {
                    self.seal(slot);
                } else if hot.is_xor2() {
                    return self.append_xor2(slot, (start, t), v, rules);
                } else if hot.is_histogram() {
                    before = self.extent(slot);
                    if let Some(done) = self.end_histograms(slot, (start, t), v, rules)? {
                        return Ok(done);
                    }
                } else if self.sealed.newest_first(self.chain(slot)).next().is_some_and(|c| c.max_t >= t) {
                    return Err(AppendError::OutOfOrder);
                }
                if rules.xor2 {
                    self.stale -= usize::from(was_stale);
                    self.begin_xor2(slot, (start, t), v, rules);
                    return Ok(Appended::NewChunk(before));
                }
                new_chunk = true;
                self.begin_chunk(slot, t, rules)
            }
        };
        let hot = &mut self.hot[slot.0 as usize];
        let at = firesteel_base::TimestampMs(t);
        if hot.xor.append(self.slabs.bytes_mut(place), at, v).is_err() {
            let len = hot.xor.byte_len();
            let (place, moved) = self.slabs.grow(slot, place, len, len + XOR_ROOM);
            hot.set_open(place);
            // Chunks end above 1,005 bytes and 2 × 65,535 / 4 samples, so one more sample fits the largest class.
            let fits = hot.xor.append(self.slabs.bytes_mut(place), at, v);
            debug_assert!(fits.is_ok(), "{fits:?} at {len} bytes");
            self.follow(moved);
        }
        let hot = &self.hot[slot.0 as usize];
        if was_stale != hot.is_stale() {
            self.stale = if was_stale { self.stale - 1 } else { self.stale + 1 };
        }
        Ok(if new_chunk { Appended::NewChunk(before) } else { Appended::After(before) })
    }

    #[cold]
    fn begin_chunk(&mut self, slot: Slot, t: i64, rules: &ChunkRules) -> ChunkPlace {
        let place = self.slabs.alloc(slot, XOR_FIRST);
        let hot = &mut self.hot[slot.0 as usize];
        hot.set_open(place);
        hot.min_t = t;
        hot.next_at = range_end(t, rules.range_ms);
        place
    }

    /// Ends the open chunk: its bytes move to the sealed chunks. The next one begins at once, so the count of stale series
    /// is left to [`Self::append`].
    #[cold]
    pub(crate) fn seal(&mut self, slot: Slot) {
        let hot = &mut self.hot[slot.0 as usize];
        let Some(place) = hot.open() else { return };
        let bytes = self.slabs.bytes_mut(place);
        hot.xor.write_header(bytes);
        let cold = &mut self.cold[slot.0 as usize];
        let (range, chunk) = ((hot.min_t, hot.xor.last_t().0), &bytes[..hot.xor.byte_len()]);
        cold.sealed = self.sealed.push(hot.series(), cold.sealed, range, hot.xor.samples(), Encoding::Xor, chunk);
        hot.close();
        hot.chunk_id += 1;
        let moved = self.slabs.free(place);
        self.follow(moved);
    }

    /// Notes where a chunk is that was moved when another went.
    fn follow(&mut self, moved: Option<(Slot, ChunkPlace)>) {
        if let Some((slot, place)) = moved {
            self.hot[slot.0 as usize].set_moved(place);
        }
    }

    /// Adds a chunk of a snapshot to a series that does not go as far, and opens it again where it took more floats; else
    /// the next sample begins another. Returns whether it was added.
    pub(crate) fn restore(&mut self, slot: Slot, chunk: &KeptChunk<'_>) -> bool {
        if self.newest_t(slot).is_some_and(|newest| newest >= chunk.range.0) || !can_be_a_chunks(chunk.range) {
            return false;
        }
        if let (Some(next_at), Encoding::Xor) = (chunk.next_at, chunk.encoding)
            && chunk.data.len() <= firesteel_storage::chunkenc::MAX_CHUNK_BYTES
            && let Some(xor) = chunk.resumed()
        {
            let place = self.slabs.alloc(slot, chunk.data.len());
            self.slabs.bytes_mut(place)[..chunk.data.len()].copy_from_slice(chunk.data);
            let hot = &mut self.hot[slot.0 as usize];
            hot.set_open(place);
            hot.xor = xor;
            (hot.min_t, hot.next_at) = (chunk.range.0, next_at);
            self.stale += usize::from(hot.is_stale());
            return true;
        }
        if let (Some(next_at), Encoding::Xor2) = (chunk.next_at, chunk.encoding)
            && self.restore_xor2(slot, chunk, next_at)
        {
            return true;
        }
        let samples = samples_of(chunk.encoding, chunk.data);
        if samples == 0 || chunk.data.len() >= 1 << 24 {
            return false;
        }
        let series = self.hot(slot).series();
        let cold = &mut self.cold[slot.0 as usize];
        cold.sealed = self.sealed.push(series, cold.sealed, chunk.range, samples, chunk.encoding, chunk.data);
        self.hot[slot.0 as usize].chunk_id += 1;
        true
    }

    /// Adds a chunk that lies in a file to a series that has no open one, unless the series goes beyond its begin: then it
    /// returns false, and the log has the samples. Only while the log is replayed.
    pub(crate) fn attach(&mut self, slot: Slot, entry: &MappedEntry) -> bool {
        let is_behind = self.newest_t(slot).is_some_and(|newest| newest >= entry.min_t);
        if is_behind || !can_be_a_chunks((entry.min_t, entry.max_t)) {
            return false;
        }
        let cold = &mut self.cold[slot.0 as usize];
        cold.sealed = self.sealed.push_mapped(cold.sealed, entry);
        let hot = &mut self.hot[slot.0 as usize];
        hot.set_skip_to(entry.max_t);
        hot.chunk_id += 1;
        true
    }

    /// As [`Self::attach`], for a chunk under another reference of the series, which may be older than those that are there: a
    /// start that knows a series by two references maps what it gets under the first. Where they overlap the log is to fill
    /// the series up from the older one's begin on.
    pub(crate) fn attach_other(&mut self, slot: Slot, entry: &MappedEntry) {
        let at = slot.0 as usize;
        match self.sealed.insert_mapped(self.cold[at].sealed, entry) {
            Ok(chain) => {
                self.cold[at].sealed = chain;
                let newest = self.sealed.newest_first(chain).next().map_or(entry.max_t, |chunk| chunk.max_t);
                self.hot[at].set_skip_to(newest);
                self.hot[at].chunk_id += 1;
            }
            // The same samples, mapped once more.
            Err(true) => {}
            Err(false) => {
                let from = entry.min_t;
                let (chain, dropped) = self.sealed.remove_where(self.cold[at].sealed, |_, chunk| chunk.max_t >= from);
                self.cold[at].sealed = self.sealed.push_mapped(chain, entry);
                let hot = &mut self.hot[at];
                hot.chunk_id = hot.chunk_id.wrapping_add(1).wrapping_sub(dropped as u32);
                hot.set_skip_to(entry.max_t);
            }
        }
    }

    /// Drops chunks that end before `min_t`, and the series that are left without any; returns how many chunks went.
    /// The labels of dropped series are added to `ids`, their references to `dead`; `oldest` becomes the least time of what
    /// is left, if that is less.
    pub(crate) fn truncate(
        &mut self,
        slot: Slot,
        min_t: i64,
        oldest: &mut i64,
        ids: &mut Vec<u32>,
        dead: &mut Vec<SeriesRef>,
    ) -> usize {
        let at = slot.0 as usize;
        if !self.is_live(slot) {
            return 0;
        }
        let (chain, mut dropped) = self.sealed.drop_before(self.cold[at].sealed, min_t);
        self.cold[at].sealed = chain;
        if let Some(chunk) = self.sealed.newest_first(chain).last() {
            *oldest = (*oldest).min(chunk.min_t);
        }
        let hot = &mut self.hot[at];
        // Who was promised a place gets it; else a sample that was taken would have nowhere to go.
        let stays = self.late.has(hot.series()) || hot.take_pending();
        let gone = match hot.open() {
            Some(place) if chain.is_empty() && hot.xor.last_t().0 < min_t => {
                self.stale -= usize::from(hot.is_stale());
                dropped += 1;
                if stays {
                    // The series stays without this chunk: deletions are forgotten up to here.
                    hot.chunk_id += 1;
                    hot.mark_idle();
                }
                hot.close();
                let moved = self.slabs.free(place);
                self.follow(moved);
                !stays
            }
            Some(_) => {
                *oldest = (*oldest).min(hot.min_t);
                false
            }
            // A series without samples may belong to a batch that is about to commit: it gets one round of grace.
            None if hot.is_histogram() => {
                let series = hot.series();
                let is_dropped = chain.is_empty() && self.drop_histograms(series, min_t);
                if let Some(open) = self.histograms.get(series) {
                    *oldest = (*oldest).min(open.min_t);
                }
                dropped += usize::from(is_dropped);
                if is_dropped && stays {
                    let hot = &mut self.hot[at];
                    hot.set_histogram(false);
                    hot.chunk_id += 1;
                    hot.mark_idle();
                }
                is_dropped && !stays
            }
            None if hot.is_xor2() => {
                let series = hot.series();
                let is_dropped = chain.is_empty() && self.drop_xor2(series, min_t);
                if let Some(open) = self.xor2.get(series) {
                    *oldest = (*oldest).min(open.min_t);
                }
                dropped += usize::from(is_dropped);
                if is_dropped && stays {
                    let hot = &mut self.hot[at];
                    hot.set_xor2(false);
                    hot.chunk_id += 1;
                    hot.mark_idle();
                }
                is_dropped && !stays
            }
            None => !stays && chain.is_empty() && hot.mark_idle(),
        };
        if gone {
            let hot = &mut self.hot[at];
            dead.push(hot.series());
            hot.kill();
            self.live -= 1;
            let cold = &self.cold[at];
            self.index.remove(spread(cold.hash), |&other| other == slot.0);
            ids.extend_from_slice(self.spans.get(cold.labels_at, usize::from(cold.labels_len)));
        }
        dropped
    }

    /// Returns the labels of a series.
    pub(crate) fn labels(&mut self, pairs: &Pairs, slot: Slot) -> Labels {
        let mut scratch = std::mem::take(&mut self.scratch);
        let labels = pairs.labels(self.ids(slot), &mut scratch);
        self.scratch = scratch;
        labels
    }

    /// Returns sums over the shard.
    pub(crate) fn stats(&self) -> ShardStats {
        let (histogram_series, histogram_buckets) = self.histograms.totals();
        ShardStats {
            series: self.live,
            stale: self.stale,
            chunks: self.slabs.len() + self.sealed.len() + self.late.n_chunks() + histogram_series + self.xor2.len(),
            histogram_series,
            histogram_buckets,
            sealed_bytes: self.sealed.chunk_bytes(),
            heap_bytes: self.index.heap_bytes()
                + self.hot.heap_bytes()
                + self.cold.heap_bytes()
                + self.spans.heap_bytes()
                + self.slabs.heap_bytes()
                + self.sealed.heap_bytes()
                + self.postings.heap_bytes()
                + self.late.heap_bytes()
                + self.histograms.heap_bytes()
                + self.xor2.heap_bytes(),
        }
    }
}

/// Postings have 31 bits for a slot.
const SLOTS_MAX: usize = 1 << 31;

/// What the first sample of a chunk needs, header included, and what any later one adds at most.
const XOR_FIRST: usize = 2 + 10 + 8;
const XOR_ROOM: usize = firesteel_storage::chunkenc::XorAppender::MAX_SAMPLE_BYTES;

/// Returns whether the open chunk ends before a sample at `t`. Sets the end anew when a quarter of the samples is there.
#[inline]
fn ends_before(hot: &mut HotSeries, t: i64, rules: &ChunkRules) -> bool {
    let samples = hot.xor.samples();
    if samples == rules.samples / 4 {
        hot.next_at = even_end(hot.min_t, hot.xor.last_t().0, hot.next_at, 4.0);
    }
    t >= hot.next_at
        || u32::from(samples) >= u32::from(rules.samples) * 2
        || hot.xor.byte_len() > firesteel_storage::chunkenc::CUT_CHUNK_ABOVE_BYTES
        || rules.end_xor()
}

/// Returns where the range ends that a chunk beginning at `t` lies in.
pub(crate) fn range_end(t: i64, range_ms: i64) -> i64 {
    (t / range_ms).saturating_mul(range_ms).saturating_add(range_ms)
}

/// Predicts from the first of `parts` equal parts of a chunk where it should end so that the range is cut evenly.
#[cold]
pub(crate) fn even_end(first: i64, last: i64, end: i64, parts: f64) -> i64 {
    let n = end.wrapping_sub(first) as f64 / (last.wrapping_sub(first).wrapping_add(1) as f64 * parts);
    if n <= 1.0 { end } else { (first as f64 + end.wrapping_sub(first) as f64 / n.floor()) as i64 }
}

/// The part of a label hash that shards keep: bits that neither choose the shard nor are lost in 32.
#[inline]
fn short(hash: u64) -> u32 {
    (hash >> 16) as u32
}

/// The hash table wants its seven tag bits on top.
#[inline]
pub(crate) fn spread(short: u32) -> u64 {
    u64::from(short) << 32 | u64::from(short)
}

/// Returns whether a chunk may be said to have this range: none is longer than a block of the head, and none of those is
/// longer than the longest there are. The head is cut block by block over whatever its chunks say.
fn can_be_a_chunks((min, max): (i64, i64)) -> bool {
    const LONGEST_MS: i64 = 32 * 24 * 3_600_000;
    min <= max && max.saturating_sub(min) <= LONGEST_MS
}
