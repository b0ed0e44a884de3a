//! Chunks that take no more samples: compact bytes, and a list of them for each series, newest first.
//!
//! The bytes lie in pages of 64 KiB that are filled in order of sealing and freed when their last chunk goes: truncation
//! goes by time, so pages die in order. A list is a chain of 32-byte descriptors; a series pays four bytes for having none. A
//! chunk larger than a page (histograms of thousands of buckets) has a page of its own.
//!
//! Where the head has files for them, chunks wait in a queue, in order of sealing, until they are written there; then the
//! descriptor says where, and the bytes in memory go.

use std::collections::VecDeque;
use std::ops::Range;

use firesteel_model::SeriesRef;
use firesteel_storage::Encoding;

use super::chunk_table::ChunkTable;
use super::chunks_head::{MappedEntry, NewChunk, Written};

const PAGE_BYTES: usize = 64 << 10;

/// A sealed chunk. `prev` links to the next older one of the series.
#[derive(Debug)]
pub(crate) struct SealedChunk {
    pub(crate) min_t: i64,
    pub(crate) max_t: i64,
    pub(crate) prev: u32,
    /// The page; of a mapped chunk the place in its file.
    page: u32,
    /// The place in the page; of a mapped chunk the low bits of its file's number.
    at: u16,
    pub(crate) samples: u16,
    /// The length in the low 24 bits, the encoding in the next seven, and whether the chunk is mapped.
    len_encoding: u32,
}

const LEN_BITS: u32 = 24;
const MAPPED: u32 = 1 << 31;

/// Where a chunk's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChunkBytesAt<'a> {
    Memory(&'a [u8]),
    /// In the file with these low bits of its number.
    File {
        file: u16,
        data_at: u32,
        len: u32,
    },
}

const _: () = assert!(size_of::<SealedChunk>() == 32, "the figure that head sizing counts with");

impl SealedChunk {
    /// Returns one with nothing but a time.
    #[cfg(test)]
    pub(crate) fn of_time(t: i64) -> Self {
        Self { min_t: t, max_t: t, prev: 0, page: 0, at: 0, samples: 0, len_encoding: 0 }
    }

    #[inline]
    fn len(&self) -> usize {
        (self.len_encoding & ((1 << LEN_BITS) - 1)) as usize
    }

    #[inline]
    fn is_mapped(&self) -> bool {
        self.len_encoding & MAPPED != 0
    }

    /// Returns how the bytes are to be read.
    #[inline]
    pub(crate) fn encoding(&self) -> Encoding {
        match (self.len_encoding & !MAPPED) >> LEN_BITS {
            2 => Encoding::Histogram,
            3 => Encoding::FloatHistogram,
            4 => Encoding::Xor2,
            5 => Encoding::HistogramSt,
            6 => Encoding::FloatHistogramSt,
            _ => Encoding::Xor,
        }
    }
}

/// A series' chain of sealed chunks; 0 is the empty one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Chain(u32);

impl Chain {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug, Default)]
struct Page {
    bytes: Vec<u8>,
    live: u32,
}

/// The sealed chunks of one shard.
#[derive(Debug, Default)]
pub(crate) struct SealedChunks {
    chunks: ChunkTable,
    pages: Vec<Page>,
    free_pages: Vec<u32>,
    filling: Option<u32>,
    len: usize,
    bytes: usize,
    /// Chunks that wait to be mapped, oldest first; `None` in a head without files.
    waiting: Option<VecDeque<Waiting>>,
    /// How many chunks lie in each file.
    in_files: Vec<(u32, u32)>,
}

/// A chunk in the queue. One that is dropped while it waits keeps its number until the queue has passed, so that a series'
/// chunks are always written in order of time.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    series: SeriesRef,
    id: u32,
}

impl SealedChunks {
    /// Lets chunks wait for [`Self::gather`] from now on.
    pub(crate) fn await_mapping(&mut self) {
        self.waiting.get_or_insert_default();
    }

    /// Adds a chunk (below 16 MiB) in front of a series' chain.
    pub(crate) fn push(
        &mut self,
        series: SeriesRef,
        chain: Chain,
        (min_t, max_t): (i64, i64),
        samples: u16,
        encoding: Encoding,
        chunk: &[u8],
    ) -> Chain {
        debug_assert!(chunk.len() < 1 << LEN_BITS);
        let (page, at) = self.store(chunk);
        let len_encoding = (encoding as u32) << LEN_BITS | chunk.len() as u32;
        let sealed = SealedChunk { min_t, max_t, prev: chain.0, page, at, samples, len_encoding };
        self.bytes += chunk.len();
        let id = self.add(sealed);
        if let Some(waiting) = &mut self.waiting {
            waiting.push_back(Waiting { series, id });
        }
        Chain(id + 1)
    }

    /// Adds a chunk that lies in a file already.
    pub(crate) fn push_mapped(&mut self, chain: Chain, entry: &MappedEntry) -> Chain {
        let len_encoding = MAPPED | (entry.encoding as u32) << LEN_BITS | entry.len;
        let file = entry.at.file();
        let sealed = SealedChunk {
            min_t: entry.min_t,
            max_t: entry.max_t,
            prev: chain.0,
            page: entry.data_at,
            at: file as u16,
            samples: entry.samples,
            len_encoding,
        };
        self.count_in(file);
        Chain(self.add(sealed) + 1)
    }

    /// Adds a chunk that lies in a file where its time is. `Err`: the chain has a chunk of that time; true: one that holds all
    /// of it.
    pub(crate) fn insert_mapped(&mut self, chain: Chain, entry: &MappedEntry) -> Result<Chain, bool> {
        let (mut newer, mut next) = (None, chain.0);
        while next != 0 && self.chunks[next - 1].min_t > entry.max_t {
            newer = Some(next - 1);
            next = self.chunks[next - 1].prev;
        }
        if next != 0 && self.chunks[next - 1].max_t >= entry.min_t {
            let there = &self.chunks[next - 1];
            return Err(there.min_t <= entry.min_t && entry.max_t <= there.max_t);
        }
        let of_it = self.push_mapped(Chain(next), entry);
        Ok(match newer {
            Some(newer) => {
                self.chunks[newer].prev = of_it.0;
                chain
            }
            None => of_it,
        })
    }

    fn add(&mut self, sealed: SealedChunk) -> u32 {
        self.len += 1;
        self.chunks.add(sealed)
    }

    fn count_in(&mut self, file: u32) {
        match self.in_files.iter_mut().find(|(number, _)| *number == file) {
            Some((_, chunks)) => *chunks += 1,
            None => self.in_files.push((file, 1)),
        }
    }

    /// Returns the length of the queue.
    pub(crate) fn n_waiting(&self) -> usize {
        self.waiting.as_ref().map_or(0, VecDeque::len)
    }

    /// Adds the chunks of these places of the queue to `out`, their bytes to `bytes`, until that has about `limit` bytes.
    /// Returns how many places that is, for [`Self::mapped`].
    pub(crate) fn gather(
        &self,
        places: Range<usize>,
        limit: usize,
        out_of_order: bool,
        out: &mut Vec<NewChunk>,
        bytes: &mut Vec<u8>,
    ) -> usize {
        let waiting = self.waiting.iter().flatten().skip(places.start).take(places.len());
        let mut places = 0;
        for &Waiting { series, id } in waiting {
            if bytes.len() >= limit {
                break;
            }
            places += 1;
            let chunk = &self.chunks[id];
            if chunk.len() == 0 {
                continue;
            }
            let from = bytes.len() as u32;
            bytes.extend_from_slice(self.in_memory(chunk));
            out.push(NewChunk {
                series,
                range: (chunk.min_t, chunk.max_t),
                encoding: chunk.encoding() as u8,
                out_of_order,
                from,
                to: bytes.len() as u32,
            });
        }
        places
    }

    /// Takes note of where the chunks went that [`Self::gather`] found in that many places of the queue; fewer when not all
    /// could be written. Nothing may have been dropped in between. Returns how many bytes of memory that gives back.
    pub(crate) fn mapped(&mut self, places: usize, written: &[Written]) -> usize {
        let mut written = written.iter();
        let mut freed = 0;
        for _ in 0..places {
            let Some(&Waiting { id, .. }) = self.waiting.as_ref().and_then(VecDeque::front) else { break };
            let (page, len) = (self.chunks[id].page, self.chunks[id].len());
            if len == 0 {
                self.chunks.remove(id);
            } else {
                let Some(&Written { file, data_at }) = written.next() else { break };
                let chunk = &mut self.chunks[id];
                chunk.page = data_at;
                chunk.at = file as u16;
                chunk.len_encoding |= MAPPED;
                self.count_in(file);
                self.free_bytes(page, len);
                freed += len;
            }
            if let Some(waiting) = &mut self.waiting {
                waiting.pop_front();
                if waiting.is_empty() {
                    waiting.shrink_to(256);
                }
            }
        }
        freed
    }

    /// Returns the oldest file that a chunk lies in.
    pub(crate) fn oldest_file(&self) -> Option<u32> {
        self.in_files.iter().filter(|(_, chunks)| *chunks > 0).map(|(number, _)| *number).min()
    }

    fn store(&mut self, chunk: &[u8]) -> (u32, u16) {
        let page = match self.filling {
            Some(page) if self.pages[page as usize].bytes.len() + chunk.len() <= PAGE_BYTES => page,
            _ => {
                let page = self.free_pages.pop().unwrap_or_else(|| {
                    self.pages.push(Page::default());
                    self.pages.len() as u32 - 1
                });
                self.pages[page as usize].bytes.reserve_exact(PAGE_BYTES.max(chunk.len()));
                if chunk.len() <= PAGE_BYTES {
                    self.filling = Some(page);
                }
                page
            }
        };
        let slot = &mut self.pages[page as usize];
        // Below the page's size, because a chunk is never empty.
        let at = slot.bytes.len() as u16;
        slot.bytes.extend_from_slice(chunk);
        slot.live += 1;
        (page, at)
    }

    /// Returns a chain's chunks, newest first.
    #[inline]
    pub(crate) fn newest_first(&self, chain: Chain) -> impl Iterator<Item = &SealedChunk> {
        let mut next = chain.0;
        std::iter::from_fn(move || {
            let chunk = &self.chunks[next.checked_sub(1)?];
            next = chunk.prev;
            Some(chunk)
        })
    }

    /// Returns where a chunk's bytes are, header included.
    #[inline]
    pub(crate) fn bytes(&self, chunk: &SealedChunk) -> ChunkBytesAt<'_> {
        if chunk.is_mapped() {
            ChunkBytesAt::File { file: chunk.at, data_at: chunk.page, len: chunk.len() as u32 }
        } else {
            ChunkBytesAt::Memory(self.in_memory(chunk))
        }
    }

    #[inline]
    fn in_memory(&self, chunk: &SealedChunk) -> &[u8] {
        let from = chunk.at as usize;
        &self.pages[chunk.page as usize].bytes[from..from + chunk.len()]
    }

    /// Drops the chunks that end before `min_t` from the chain's old end; returns the chain and how many went.
    pub(crate) fn drop_before(&mut self, chain: Chain, min_t: i64) -> (Chain, usize) {
        let (mut kept, mut next) = (None, chain.0);
        while next != 0 && self.chunks[next - 1].max_t >= min_t {
            kept = Some(next);
            next = self.chunks[next - 1].prev;
        }
        let mut dropped = 0;
        while next != 0 {
            let id = next - 1;
            next = self.chunks[id].prev;
            self.drop_chunk(id);
            dropped += 1;
        }
        match kept {
            Some(oldest) if dropped > 0 => {
                self.chunks[oldest - 1].prev = 0;
                (chain, dropped)
            }
            Some(_) => (chain, 0),
            None => (Chain::default(), dropped),
        }
    }

    /// Drops the chunks that satisfy `which`; returns the chain and how many went.
    pub(crate) fn remove_where(&mut self, chain: Chain, which: impl Fn(&Self, &SealedChunk) -> bool) -> (Chain, usize) {
        let (mut chain, mut before, mut next, mut removed) = (chain, None, chain.0, 0);
        while next != 0 {
            let id = next - 1;
            let chunk = &self.chunks[id];
            next = chunk.prev;
            if which(self, chunk) {
                match before {
                    Some(before) => self.chunks[before].prev = next,
                    None => chain = Chain(next),
                }
                self.drop_chunk(id);
                removed += 1;
            } else {
                before = Some(id);
            }
        }
        (chain, removed)
    }

    /// Drops the chunks of a chain from where it was `old`; returns the chain and how many went.
    pub(crate) fn drop_from(&mut self, chain: Chain, old: Chain) -> (Chain, usize) {
        let (mut before, mut next) = (None, chain.0);
        while next != old.0 && next != 0 {
            before = Some(next - 1);
            next = self.chunks[next - 1].prev;
        }
        let mut dropped = 0;
        while next != 0 {
            let id = next - 1;
            next = self.chunks[id].prev;
            self.drop_chunk(id);
            dropped += 1;
        }
        match before {
            Some(before) => {
                self.chunks[before].prev = 0;
                (chain, dropped)
            }
            None => (Chain::default(), dropped),
        }
    }

    fn drop_chunk(&mut self, id: u32) {
        let chunk = &mut self.chunks[id];
        self.len -= 1;
        if chunk.is_mapped() {
            let file = chunk.at;
            self.chunks.remove(id);
            if let Some(at) = self.in_files.iter().position(|(number, _)| *number as u16 == file) {
                self.in_files[at].1 -= 1;
                if self.in_files[at].1 == 0 {
                    self.in_files.swap_remove(at);
                }
            }
            return;
        }
        let (page, len) = (chunk.page, chunk.len());
        if self.waiting.is_some() {
            // The queue gives the number back.
            chunk.len_encoding = 0;
        } else {
            self.chunks.remove(id);
        }
        self.free_bytes(page, len);
    }

    fn free_bytes(&mut self, page: u32, len: usize) {
        self.bytes -= len;
        let slot = &mut self.pages[page as usize];
        slot.live -= 1;
        if slot.live == 0 {
            if self.filling == Some(page) {
                slot.bytes.clear();
            } else {
                slot.bytes = Vec::new();
                self.free_pages.push(page);
            }
        }
    }

    /// Returns how many chunks there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the sum of the lengths of the chunks in memory.
    #[inline]
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.chunks.heap_bytes()
            + self.waiting.as_ref().map_or(0, |w| w.capacity() * size_of::<Waiting>())
            + self.pages.iter().map(|p| p.bytes.capacity() + size_of::<Page>()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_lose_their_old_end_and_pages_are_used_again() {
        let mut sealed = SealedChunks::default();
        let mut chains = [Chain::default(); 50];
        let mut peak = 0;
        for round in 0..200i64 {
            for (i, chain) in chains.iter_mut().enumerate() {
                let bytes = vec![(round as u8) ^ i as u8; 200 + i];
                *chain = sealed.push(SeriesRef(1), *chain, (round * 10, round * 10 + 9), 120, Encoding::Xor, &bytes);
                (*chain, _) = sealed.drop_before(*chain, (round - 4) * 10);
            }
            if round == 20 {
                peak = sealed.heap_bytes();
            }
        }
        assert!(sealed.heap_bytes() <= peak + 2 * PAGE_BYTES, "{} > {peak}", sealed.heap_bytes());
        for (i, chain) in chains.iter().enumerate() {
            let rounds: Vec<i64> = sealed.newest_first(*chain).map(|c| c.min_t / 10).collect();
            assert_eq!(rounds, [199, 198, 197, 196, 195]);
            for chunk in sealed.newest_first(*chain) {
                assert!(sealed.in_memory(chunk).iter().all(|&b| b == (chunk.min_t / 10) as u8 ^ i as u8));
                assert_eq!(sealed.in_memory(chunk).len(), 200 + i);
            }
        }
        assert_eq!(sealed.len(), 250);
        assert_eq!(sealed.drop_before(chains[0], i64::MAX), (Chain::default(), 5));
    }

    #[test]
    fn chunks_larger_than_a_page() {
        let mut sealed = SealedChunks::default();
        let mut chain = Chain::default();
        let kinds =
            [Encoding::Xor, Encoding::Histogram, Encoding::FloatHistogram, Encoding::Xor2, Encoding::HistogramSt];
        for (i, kind) in kinds.into_iter().enumerate() {
            let bytes = vec![i as u8; if i % 2 == 1 { 3 * PAGE_BYTES } else { 10_000 }];
            chain = sealed.push(SeriesRef(1), chain, (i as i64, i as i64), 7, kind, &bytes);
        }
        for (chunk, i) in sealed.newest_first(chain).zip([4u8, 3, 2, 1, 0]) {
            assert_eq!(chunk.encoding(), kinds[usize::from(i)]);
            assert_eq!(sealed.in_memory(chunk).len(), if i % 2 == 1 { 3 * PAGE_BYTES } else { 10_000 });
            assert!(sealed.in_memory(chunk).iter().all(|&b| b == i));
        }
        assert_eq!(sealed.drop_before(chain, i64::MAX), (Chain::default(), 5));
        assert!(sealed.heap_bytes() < 2 * PAGE_BYTES + 40_000);
    }

    #[test]
    fn chunks_wait_in_order_until_they_are_mapped() {
        let mut sealed = SealedChunks::default();
        sealed.await_mapping();
        let mut chains = [Chain::default(); 3];
        let push = |sealed: &mut SealedChunks, chains: &mut [Chain; 3], series: usize, t: i64| {
            let bytes = [t as u8; 40];
            let of = SeriesRef(series as u64 + 1);
            chains[series] = sealed.push(of, chains[series], (t, t), 1, Encoding::Xor, &bytes);
        };
        for t in 0..6 {
            push(&mut sealed, &mut chains, (t % 3) as usize, t);
        }
        // The chunk at 1 goes while it waits; its number must not bring a newer one to the front of the queue.
        (chains[1], _) = sealed.drop_before(chains[1], 2);
        push(&mut sealed, &mut chains, 1, 7);
        let (mut out, mut bytes) = (Vec::new(), Vec::new());
        let places = sealed.gather(0..99, usize::MAX, false, &mut out, &mut bytes);
        assert_eq!((places, out.iter().map(|c| c.range.0).collect::<Vec<_>>()), (7, vec![0, 2, 3, 4, 5, 7]));
        let written: Vec<Written> = (0..4).map(|i| Written { file: 9, data_at: i * 100 }).collect();
        assert_eq!(sealed.mapped(places, &written), 160);
        assert_eq!((sealed.chunk_bytes(), sealed.oldest_file()), (80, Some(9)));
        let at = |chain| sealed.newest_first(chain).map(|c| sealed.bytes(c)).collect::<Vec<_>>();
        let file = |data_at| ChunkBytesAt::File { file: 9, data_at, len: 40 };
        assert_eq!(at(chains[0]), [file(200), file(0)]);
        assert_eq!(at(chains[1]), [ChunkBytesAt::Memory(&[7; 40]), file(300)]);
        assert_eq!(at(chains[2]), [ChunkBytesAt::Memory(&[5; 40]), file(100)]);
        out.clear();
        bytes.clear();
        assert_eq!(sealed.gather(0..99, usize::MAX, false, &mut out, &mut bytes), 2);
        for chain in chains {
            sealed.drop_before(chain, i64::MAX);
        }
        assert_eq!((sealed.len(), sealed.oldest_file(), sealed.chunk_bytes()), (0, None, 0));
    }
}
