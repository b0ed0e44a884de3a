//! The head as the source of a block: its series in label order, their chunks of one range of time.
//!
//! Memory: four bytes a series for the order, twelve a pair, the texts of labels while they are asked for, and a few hundred
//! series' chunks. Locks are held for a few thousand series at a time.

use std::cmp::Ordering as Order;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use firesteel_base::TimeRange;
use firesteel_model::SeriesRef;
use firesteel_tsdb_block::{BlockError, LabelSymbols, SeriesSource, SourceSeries};

use super::Head;
use super::found::FoundChunks;
use super::out_of_order::OutOfOrderCut;
use super::pairs::PairId;
use super::series::Slot;
use super::shard::Shard;
use super::stale::StaleSeries;

/// Series or pairs looked at under one hold of a lock.
const SLICE: usize = 2048;
/// Series whose chunks are taken along at a time, from each shard.
const WINDOW: usize = 128;
const NO_SYMBOL: u32 = u32::MAX;

/// See [`Head::source`].
#[derive(Debug)]
pub struct HeadSource {
    head: Arc<Head>,
    range: TimeRange,
    /// Only the out-of-order chunks that the cut takes.
    late: bool,
    generation: u64,
    symbols: Symbols,
    /// Name and value of each pair.
    of_pair: Vec<LabelSymbols>,
    lanes: Vec<Lane>,
    /// The lane whose front was returned last.
    taken: Option<usize>,
}

/// The texts of labels, sorted; given up once they were asked for.
#[derive(Debug, Default)]
struct Symbols {
    arena: Vec<u8>,
    sorted: Vec<(u64, u32)>,
    next: usize,
}

impl Symbols {
    fn text(&self, (from, len): (u64, u32)) -> &[u8] {
        self.arena.get(from as usize..from as usize + len as usize).unwrap_or(&[])
    }
}

/// The series of one shard in label order.
#[derive(Debug)]
struct Lane {
    shard: usize,
    order: Vec<u32>,
    next: usize,
    window: Window,
}

/// The next few series of a lane, with what is to be read of them.
#[derive(Debug, Default)]
struct Window {
    labels: Vec<LabelSymbols>,
    chunks: FoundChunks,
    bytes: Arc<[u8]>,
    /// Where each series' labels and chunks end.
    ends: Vec<(u32, u32)>,
    refs: Vec<SeriesRef>,
    at: usize,
}

impl Window {
    fn starts(&self, at: usize) -> (usize, usize) {
        at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or((0, 0), |e| (e.0 as usize, e.1 as usize))
    }

    /// Returns the labels of the series in front.
    fn front(&self) -> Option<&[LabelSymbols]> {
        let end = self.ends.get(self.at)?;
        self.labels.get(self.starts(self.at).0..end.0 as usize)
    }
}

impl Head {
    /// Returns the series that have samples in `range`, ends included, for a block.
    ///
    /// All batches that may still bring samples before the appendable window are waited for, and those that come later are
    /// refused there, so that nothing is left out of a block that ends before it. Later samples may be seen or not. The head
    /// must not be truncated while the source is used: it ends with an error then.
    pub fn source(self: &Arc<Self>, range: TimeRange) -> HeadSource {
        let end = range.max.0.saturating_add(1);
        self.freeze(end.min(self.min_acceptable()));
        self.source_where(range, false, |shard, slot| has_chunks(shard, slot, range))
    }

    /// Returns those of the listed series that have samples in `range`, for a block; the series that were listed get no more
    /// samples there, or else are not dropped. The head must not be truncated meanwhile.
    pub fn stale_source(self: &Arc<Self>, listed: &StaleSeries, range: TimeRange) -> HeadSource {
        let wanted = |shard: &Shard, slot| listed.contains(shard.hot(slot).series()) && has_chunks(shard, slot, range);
        self.source_where(range, false, wanted)
    }

    /// Returns the series whose out-of-order chunks the cut that was begun takes and that overlap `range`, for a block. As
    /// with [`Self::source`] the head must not be truncated meanwhile.
    pub fn out_of_order_source(self: &Arc<Self>, _cut: &OutOfOrderCut, range: TimeRange) -> HeadSource {
        self.source_where(range, true, |shard, slot| shard.has_late(slot, range))
    }

    fn source_where(
        self: &Arc<Self>,
        range: TimeRange,
        late: bool,
        wanted: impl Fn(&Shard, Slot) -> bool + Copy,
    ) -> HeadSource {
        let generation = self.generation.load(Ordering::Acquire);
        let (symbols, of_pair) = self.symbols();
        let ranks = ranks(&of_pair);
        let lane = |shard| Lane { shard, order: self.order(shard, &ranks, wanted), next: 0, window: Window::default() };
        let lanes = (0..self.shards.len()).map(lane).collect();
        HeadSource { head: Arc::clone(self), range, late, generation, symbols, of_pair, lanes, taken: None }
    }

    /// Returns the texts of all pairs, sorted, and the pairs in terms of them.
    fn symbols(&self) -> (Symbols, Vec<LabelSymbols>) {
        /// Names are told from values by this bit in the number of whose text it is.
        const NAME: u64 = 1 << 63;
        let mut symbols = Symbols::default();
        let mut texts: Vec<(u64, u32, u64)> = Vec::new();
        let mut name_of: Vec<u32> = Vec::new();
        let mut names_seen = 0u32;
        let mut at = 0;
        loop {
            let pairs = self.pairs.read();
            let bound = pairs.id_bound();
            if at >= bound {
                break;
            }
            let to = bound.min(at + SLICE);
            for id in at..to {
                let pair = PairId(id as u32);
                if pairs.count(pair) == 0 {
                    name_of.push(NO_SYMBOL);
                    continue;
                }
                let (name, value) = pairs.text(pair);
                let number = pairs.name_of(pair).0;
                name_of.push(number);
                names_seen = names_seen.max(number + 1);
                // Once for each pair would do no harm but to memory: names are few and repeat.
                if texts.iter().rev().take(8).all(|t| t.2 != NAME | u64::from(number)) {
                    texts.push((symbols.arena.len() as u64, name.len() as u32, NAME | u64::from(number)));
                    symbols.arena.extend_from_slice(name.as_bytes());
                }
                texts.push((symbols.arena.len() as u64, value.len() as u32, id as u64));
                symbols.arena.extend_from_slice(value.as_bytes());
            }
            at = to;
        }
        let text = |t: &(u64, u32, u64)| symbols.arena.get(t.0 as usize..t.0 as usize + t.1 as usize).unwrap_or(&[]);
        texts.sort_unstable_by(|a, b| text(a).cmp(text(b)));
        let mut names = vec![NO_SYMBOL; names_seen as usize];
        let mut of_pair: Vec<LabelSymbols> = vec![(NO_SYMBOL, NO_SYMBOL); name_of.len()];
        let mut sorted: Vec<(u64, u32)> = Vec::new();
        for entry in &texts {
            if sorted.last().is_none_or(|&last| symbols.text(last) != text(entry)) {
                sorted.push((entry.0, entry.1));
            }
            let symbol = sorted.len() as u32 - 1;
            if entry.2 & NAME != 0 {
                names[(entry.2 & !NAME) as usize] = symbol;
            } else {
                of_pair[entry.2 as usize].1 = symbol;
            }
        }
        for (pair, &name) in of_pair.iter_mut().zip(&name_of).filter(|(_, name)| **name != NO_SYMBOL) {
            pair.0 = names[name as usize];
        }
        symbols.sorted = sorted;
        (symbols, of_pair)
    }

    /// Returns the slots of a shard that are wanted, in label order.
    fn order(&self, shard: usize, ranks: &[u32], wanted: impl Fn(&Shard, Slot) -> bool) -> Vec<u32> {
        let mut keys: Vec<u32> = Vec::new();
        let mut found: Vec<(u32, u32, u32)> = Vec::new();
        let lock = &self.shards[shard];
        let mut slots = lock.lock().slots().peekable();
        while slots.peek().is_some() {
            let shard = lock.lock();
            for slot in slots.by_ref().take(SLICE) {
                if shard.is_live(slot) && wanted(&shard, slot) {
                    let from = keys.len() as u32;
                    // Pairs that came later belong to series that came later, without samples in the range.
                    keys.extend(shard.ids(slot).iter().map(|&id| ranks.get(id as usize).copied().unwrap_or(NO_SYMBOL)));
                    found.push((slot.0, from, keys.len() as u32));
                }
            }
        }
        let key = |f: &(u32, u32, u32)| keys.get(f.1 as usize..f.2 as usize).unwrap_or(&[]);
        found.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        found.into_iter().map(|f| f.0).collect()
    }
}

/// Returns each pair's place in the order of names and values.
fn ranks(of_pair: &[LabelSymbols]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..of_pair.len() as u32).collect();
    order.sort_unstable_by_key(|&id| of_pair[id as usize]);
    let mut ranks = vec![NO_SYMBOL; of_pair.len()];
    for (rank, id) in order.into_iter().enumerate() {
        ranks[id as usize] = rank as u32;
    }
    ranks
}

fn has_chunks(shard: &Shard, slot: Slot, range: TimeRange) -> bool {
    if shard.open_range(slot).is_some_and(|(min, max)| min <= range.max.0 && range.min.0 <= max) {
        return true;
    }
    let chunks = shard.sealed.newest_first(shard.chain(slot));
    chunks.take_while(|c| c.max_t >= range.min.0).any(|c| c.min_t <= range.max.0)
}

impl HeadSource {
    fn refill(&mut self, lane: usize) -> Result<(), BlockError> {
        let Self { head, range, generation, of_pair, lanes, .. } = self;
        let late = self.late;
        let Lane { shard, order, next, window } = &mut lanes[lane];
        window.labels.clear();
        window.chunks.clear();
        window.ends.clear();
        window.refs.clear();
        window.at = 0;
        let to = order.len().min(*next + WINDOW);
        if *next == to {
            *order = Vec::new();
            *next = 0;
            return Ok(());
        }
        let shard = head.shards[*shard].lock();
        if head.generation.load(Ordering::Acquire) != *generation {
            return Err(BlockError::Source("the head was truncated while it was read".to_owned()));
        }
        for &slot in &order[*next..to] {
            let slot = Slot(slot);
            let known = |id: &u32| of_pair.get(*id as usize).copied().filter(|label| label.1 != NO_SYMBOL);
            let before = window.labels.len();
            window.labels.extend(shard.ids(slot).iter().map_while(known));
            if window.labels.len() - before < shard.ids(slot).len() {
                // A series that came after the symbols were taken.
                window.labels.truncate(before);
                continue;
            }
            if !late {
                window.chunks.add_series(head, &shard, slot, shard.extent(slot), *range);
            } else if let Some(late) = shard.late.get(shard.hot(slot).series()) {
                window.chunks.add_chain(head, &shard.late.sealed, late.cut(), *range);
            }
            window.refs.push(shard.hot(slot).series());
            window.ends.push((window.labels.len() as u32, window.chunks.len() as u32));
        }
        drop(shard);
        window.bytes = window.chunks.take_bytes();
        *next = to;
        Ok(())
    }
}

impl SeriesSource for HeadSource {
    fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError> {
        text.clear();
        let symbols = &mut self.symbols;
        let Some(&place) = symbols.sorted.get(symbols.next) else {
            self.symbols = Symbols::default();
            return Ok(false);
        };
        symbols.next += 1;
        text.extend_from_slice(symbols.text(place));
        Ok(true)
    }

    fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError> {
        series.clear();
        match self.taken.take() {
            Some(lane) => self.lanes[lane].window.at += 1,
            None => (0..self.lanes.len()).try_for_each(|lane| self.refill(lane))?,
        }
        let mut least: Option<(usize, &[LabelSymbols])> = None;
        for lane in 0..self.lanes.len() {
            while self.lanes[lane].window.front().is_none() && self.lanes[lane].next < self.lanes[lane].order.len() {
                self.refill(lane)?;
            }
        }
        for (at, lane) in self.lanes.iter().enumerate() {
            if let Some(front) = lane.window.front()
                && least.is_none_or(|(_, labels)| front.cmp(labels) == Order::Less)
            {
                least = Some((at, front));
            }
        }
        let Some((lane, labels)) = least else { return Ok(false) };
        series.labels.extend_from_slice(labels);
        let window = &self.lanes[lane].window;
        let from = window.starts(window.at).1;
        let to = window.ends.get(window.at).map_or(from, |e| e.1 as usize);
        window.chunks.views(from..to, &window.bytes, &self.head, &mut series.chunks).map_err(|e| match e {
            firesteel_storage::StorageError::Corrupt { path, offset, what } => {
                BlockError::Corrupt { path, offset, what }
            }
            other => BlockError::Source(other.to_string()),
        })?;
        if self.late {
            series.chunks.sort_by_key(|chunk| chunk.min);
        } else if let Some(&of) = window.refs.get(window.at)
            && let Some(deleted) = self.head.stones.get(of)
        {
            series.deleted.extend(deleted.iter());
        }
        self.taken = Some(lane);
        Ok(true)
    }
}

impl Drop for HeadSource {
    fn drop(&mut self) {
        // What was read of the files need not stay in the process' memory.
        if let Some(files) = self.head.chunks_head() {
            let maps = files.maps().clone();
            maps.release();
        }
    }
}
