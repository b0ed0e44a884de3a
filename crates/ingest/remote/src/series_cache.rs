//! From the bytes that spell a series to the series, in the order in which they usually come.
//!
//! An entry is a 64-bit fingerprint of the bytes, seeded per process, and a reference. Senders repeat themselves: request
//! after request names the same series in the same order, if not cut at the same places. So each entry knows which one
//! came after it; the next series is compared with that one first, which costs no look-up. The cache belongs to no sender
//! and no connection: wherever a request begins, one look-up finds the place to go on from.
//!
//! A reference in the cache may be of a series that is gone; the appender says so, and the entry is learned anew.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use firesteel_base::{FastBuildHasher, TimestampMs};
use firesteel_model::SeriesRef;
use hashbrown::HashTable;
use parking_lot::{RwLock, RwLockReadGuard};

/// The cache is looked through for unused entries when it has grown to this, and later to twice what was left.
const FIRST_LIMIT: usize = 16 << 10;
/// Series beyond this many are looked up by their labels each time.
const ENTRIES_MAX: usize = 4 << 20;
/// Entries not used for so many minutes go first.
const UNUSED_MINUTES: u16 = 15;

#[derive(Debug)]
struct Entry {
    fingerprint: u64,
    series: SeriesRef,
    /// Which entry came after this one; any number is allowed.
    next: AtomicU32,
    /// When it was used last, in minutes.
    used: AtomicU16,
    /// Length of the bytes that were hashed; 0 = too long to tell.
    len: u16,
}

const _: () = assert!(size_of::<Entry>() == 24);

#[derive(Debug, Default)]
struct Known {
    entries: Vec<Entry>,
    index: HashTable<u32>,
    limit: usize,
    /// In which minute unused entries were looked for last.
    swept: u16,
}

/// All series that were pushed lately.
#[derive(Debug, Default)]
pub(crate) struct SeriesCache {
    hasher: FastBuildHasher,
    known: RwLock<Known>,
}

/// What a request taught.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    pub(crate) fingerprint: u64,
    pub(crate) len: usize,
    pub(crate) series: SeriesRef,
}

/// The cache as one request follows it.
pub(crate) struct Follower<'a> {
    hasher: &'a FastBuildHasher,
    known: RwLockReadGuard<'a, Known>,
    minute: u16,
    /// The entry that came last.
    last: u32,
}

fn minute(now: TimestampMs) -> u16 {
    (now.0 / 60_000) as u16
}

impl SeriesCache {
    /// Begins to follow; nothing is learned while it lives.
    pub(crate) fn follow(&self, now: TimestampMs) -> Follower<'_> {
        Follower { hasher: &self.hasher, known: self.known.read(), minute: minute(now), last: u32::MAX }
    }

    /// Returns the fingerprint of bytes.
    #[inline]
    pub(crate) fn fingerprint(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    /// Adds or corrects entries, in the order in which they came.
    pub(crate) fn learn(&self, learned: &[Learned], now: TimestampMs) {
        if learned.is_empty() {
            return;
        }
        let mut known = self.known.write();
        for &one in learned {
            known.learn(one, minute(now));
        }
    }

    /// Returns how many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.read().entries.len()
    }
}

impl Known {
    fn find(&self, fingerprint: u64) -> Option<u32> {
        self.index.find(fingerprint, |&at| self.entries[at as usize].fingerprint == fingerprint).copied()
    }

    fn learn(&mut self, one: Learned, minute: u16) {
        if let Some(at) = self.find(one.fingerprint) {
            self.entries[at as usize].series = one.series;
            return;
        }
        if self.entries.len() >= self.limit.max(FIRST_LIMIT) && self.swept != minute {
            self.swept = minute;
            self.sweep(minute);
            self.limit = (self.entries.len() * 2).clamp(FIRST_LIMIT, ENTRIES_MAX);
        }
        if self.entries.len() < ENTRIES_MAX {
            self.push(one.fingerprint, one.series, u16::try_from(one.len).unwrap_or(0), minute);
        }
    }

    fn push(&mut self, fingerprint: u64, series: SeriesRef, len: u16, used: u16) {
        let at = self.entries.len() as u32;
        let next = AtomicU32::new(at + 1);
        self.entries.push(Entry { fingerprint, series, next, used: AtomicU16::new(used), len });
        let entries = &self.entries;
        self.index.insert_unique(fingerprint, at, |&other| entries[other as usize].fingerprint);
    }

    /// Drops entries that have not been used for long.
    fn sweep(&mut self, minute: u16) {
        let fresh = |e: &Entry| minute.wrapping_sub(e.used.load(Ordering::Relaxed)) <= UNUSED_MINUTES;
        if self.entries.iter().all(fresh) {
            return;
        }
        let old = std::mem::take(&mut self.entries);
        self.index = HashTable::new();
        for entry in old.into_iter().filter(fresh) {
            let used = entry.used.load(Ordering::Relaxed);
            self.push(entry.fingerprint, entry.series, entry.len, used);
        }
    }
}

impl Follower<'_> {
    #[inline]
    fn expected(&self) -> Option<(u32, &Entry)> {
        let at = self.known.entries.get(self.last as usize)?.next.load(Ordering::Relaxed);
        Some((at, self.known.entries.get(at as usize)?))
    }

    #[inline]
    fn take(&mut self, at: u32) -> SeriesRef {
        let entry = &self.known.entries[at as usize];
        if entry.used.load(Ordering::Relaxed) != self.minute {
            entry.used.store(self.minute, Ordering::Relaxed);
        }
        self.last = at;
        entry.series
    }

    /// Returns the series that is expected next if it is spelled by the first bytes of `series`, and how many those are.
    /// `goes_on` tells from the byte behind them whether more bytes belong to the spelling.
    #[inline]
    pub(crate) fn next_spelled(&mut self, series: &[u8], goes_on: impl Fn(u8) -> bool) -> Option<(SeriesRef, usize)> {
        let (at, entry) = self.expected()?;
        let len = usize::from(entry.len);
        let (spelled, behind) = series.split_at_checked(len)?;
        if len == 0 || behind.first().is_some_and(|&byte| goes_on(byte)) {
            return None;
        }
        let fits = entry.fingerprint == self.hasher.hash_one(spelled);
        fits.then(|| (self.take(at), len))
    }

    /// Returns the series of a fingerprint.
    #[inline]
    pub(crate) fn series(&mut self, fingerprint: u64) -> Option<SeriesRef> {
        if let Some((at, entry)) = self.expected()
            && entry.fingerprint == fingerprint
        {
            return Some(self.take(at));
        }
        let at = self.known.find(fingerprint)?;
        if let Some(last) = self.known.entries.get(self.last as usize) {
            last.next.store(at, Ordering::Relaxed);
        }
        Some(self.take(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(cache: &SeriesCache, n: u64) -> Learned {
        let bytes = n.to_be_bytes();
        Learned { fingerprint: cache.fingerprint(&bytes), len: bytes.len(), series: SeriesRef(n) }
    }

    #[test]
    fn the_expected_series_needs_no_look_up() {
        let cache = SeriesCache::default();
        let now = TimestampMs(0);
        cache.learn(&(0..100).map(|n| learned(&cache, n)).collect::<Vec<_>>(), now);
        let mut follower = cache.follow(now);
        let spelled = |n: u64| [&n.to_be_bytes()[..], b"!"].concat();
        assert_eq!(follower.next_spelled(&spelled(40), |_| false), None, "nothing came before");
        assert_eq!(follower.series(cache.fingerprint(&40_u64.to_be_bytes())), Some(SeriesRef(40)));
        assert_eq!(follower.next_spelled(&spelled(41), |_| false), Some((SeriesRef(41), 8)));
        assert_eq!(follower.next_spelled(&spelled(42), |byte| byte == b'!'), None, "the spelling goes on");
        assert_eq!(follower.next_spelled(&spelled(50), |_| false), None);
        // Once found in another order, that order is expected.
        assert_eq!(follower.series(cache.fingerprint(&50_u64.to_be_bytes())), Some(SeriesRef(50)));
        drop(follower);
        let mut follower = cache.follow(now);
        assert_eq!(follower.series(cache.fingerprint(&41_u64.to_be_bytes())), Some(SeriesRef(41)));
        assert_eq!(follower.next_spelled(&spelled(50), |_| false), Some((SeriesRef(50), 8)));
        assert_eq!(follower.series(1), None);
    }

    #[test]
    fn what_is_not_used_makes_room() {
        let cache = SeriesCache::default();
        let minutes = |n: i64| TimestampMs(n * 60_000);
        let first = FIRST_LIMIT as u64;
        cache.learn(&(0..first).map(|n| learned(&cache, n)).collect::<Vec<_>>(), minutes(0));
        let used = cache.fingerprint(&7_u64.to_be_bytes());
        assert_eq!(cache.follow(minutes(20)).series(used), Some(SeriesRef(7)));
        cache.learn(&[learned(&cache, first)], minutes(20));
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.follow(minutes(20)).series(used), Some(SeriesRef(7)));
        // A reference that was of a series that is gone is corrected.
        cache.learn(&[Learned { series: SeriesRef(99), ..learned(&cache, 7) }], minutes(20));
        assert_eq!((cache.follow(minutes(20)).series(used), cache.len()), (Some(SeriesRef(99)), 2));
    }
}
