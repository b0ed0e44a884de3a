//! Chunks that take no more samples: compact bytes, and a list of them for each series, newest first.
//!
//! The bytes lie in pages of 64 KiB that are filled in order of sealing and freed when their last chunk goes: truncation
//! goes by time, so pages die in order. A list is a chain of 32-byte descriptors; a series pays four bytes for having none. A
//! chunk larger than a page (histograms of thousands of buckets) has a page of its own.

use firesteel_storage::Encoding;

use super::paged::Paged;

const PAGE_BYTES: usize = 64 << 10;

/// A sealed chunk. `prev` links to the next older one of the series.
#[derive(Debug)]
pub(crate) struct SealedChunk {
    pub(crate) min_t: i64,
    pub(crate) max_t: i64,
    prev: u32,
    page: u32,
    at: u16,
    pub(crate) samples: u16,
    /// The length in the low 24 bits, the encoding above.
    len_encoding: u32,
}

const LEN_BITS: u32 = 24;

const _: () = assert!(size_of::<SealedChunk>() == 32, "the figure that head sizing counts with");

impl SealedChunk {
    #[inline]
    fn len(&self) -> usize {
        (self.len_encoding & ((1 << LEN_BITS) - 1)) as usize
    }

    /// Returns how the bytes are to be read.
    #[inline]
    pub(crate) fn encoding(&self) -> Encoding {
        match self.len_encoding >> LEN_BITS {
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
    chunks: Paged<SealedChunk>,
    free: Vec<u32>,
    pages: Vec<Page>,
    free_pages: Vec<u32>,
    filling: Option<u32>,
    len: usize,
    bytes: usize,
}

impl SealedChunks {
    /// Adds a chunk (below 16 MiB) in front of a series' chain.
    pub(crate) fn push(
        &mut self,
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
        self.len += 1;
        self.bytes += chunk.len();
        let id = match self.free.pop() {
            Some(id) => {
                self.chunks[id as usize] = sealed;
                id
            }
            None => self.chunks.push(sealed) as u32,
        };
        Chain(id + 1)
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
            let chunk = &self.chunks[next.checked_sub(1)? as usize];
            next = chunk.prev;
            Some(chunk)
        })
    }

    /// Returns a chunk's bytes, header included.
    #[inline]
    pub(crate) fn bytes(&self, chunk: &SealedChunk) -> &[u8] {
        let from = chunk.at as usize;
        &self.pages[chunk.page as usize].bytes[from..from + chunk.len()]
    }

    /// Drops the chunks that end before `min_t` from the chain's old end; returns the chain and how many went.
    pub(crate) fn drop_before(&mut self, chain: Chain, min_t: i64) -> (Chain, usize) {
        let (mut kept, mut next) = (None, chain.0);
        while next != 0 && self.chunks[next as usize - 1].max_t >= min_t {
            kept = Some(next);
            next = self.chunks[next as usize - 1].prev;
        }
        let mut dropped = 0;
        while next != 0 {
            let id = next - 1;
            next = self.chunks[id as usize].prev;
            self.drop_chunk(id);
            dropped += 1;
        }
        match kept {
            Some(oldest) if dropped > 0 => {
                self.chunks[oldest as usize - 1].prev = 0;
                (chain, dropped)
            }
            Some(_) => (chain, 0),
            None => (Chain::default(), dropped),
        }
    }

    fn drop_chunk(&mut self, id: u32) {
        let chunk = &self.chunks[id as usize];
        let (page, len) = (chunk.page, chunk.len());
        self.free.push(id);
        self.len -= 1;
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

    /// Returns the sum of the chunks' lengths.
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.chunks.heap_bytes() + self.pages.iter().map(|p| p.bytes.capacity() + size_of::<Page>()).sum::<usize>()
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
                *chain = sealed.push(*chain, (round * 10, round * 10 + 9), 120, Encoding::Xor, &bytes);
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
                assert!(sealed.bytes(chunk).iter().all(|&b| b == (chunk.min_t / 10) as u8 ^ i as u8));
                assert_eq!(sealed.bytes(chunk).len(), 200 + i);
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
            chain = sealed.push(chain, (i as i64, i as i64), 7, kind, &bytes);
        }
        for (chunk, i) in sealed.newest_first(chain).zip([4u8, 3, 2, 1, 0]) {
            assert_eq!(chunk.encoding(), kinds[usize::from(i)]);
            assert_eq!(sealed.bytes(chunk).len(), if i % 2 == 1 { 3 * PAGE_BYTES } else { 10_000 });
            assert!(sealed.bytes(chunk).iter().all(|&b| b == i));
        }
        assert_eq!(sealed.drop_before(chain, i64::MAX), (Chain::default(), 5));
        assert!(sealed.heap_bytes() < 2 * PAGE_BYTES + 40_000);
    }
}
