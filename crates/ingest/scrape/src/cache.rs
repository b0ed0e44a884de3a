//! What a target's last page looked like: 16 bytes a line, in the order of the page.
//!
//! Pages keep their order, so the line that comes next is nearly always the one that came next the last time. An entry
//! is a seeded 64-bit fingerprint of the line's bytes up to its value, their length, and the series they stand for:
//! comparing costs one pass over bytes that are in the cache anyway, and no look-up. Only where a page leaves its old
//! order are fingerprints looked up in a table, which is built for that one scrape and does not keep.
//!
//! The fingerprint is mixed with the TYPE in force (and with type and unit, where they become labels), so an entry
//! cannot outlive a change of its family's type: bucket labels depend on it.

use std::hash::{BuildHasher, Hasher};

use firesteel_model::{MetricType, SeriesRef};

/// Lines longer than this are parsed anew each time.
pub(crate) const LINE_MAX: usize = (1 << LEN_BITS) - 1;

const REF_BITS: u32 = 40;
const LEN_BITS: u32 = 21;
const TRACKED: u64 = 1 << REF_BITS;
const KIND_SHIFT: u32 = REF_BITS + 1;
const LEN_SHIFT: u32 = KIND_SHIFT + 2;
const PAYLOAD: u64 = (1 << REF_BITS) - 1;
/// Set in the payload of a metadata line that is a TYPE; the type stands above.
const IS_TYPE: u64 = 1 << 32;

/// What a line was found to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A sample of the series in the entry.
    Sample,
    /// A sample that relabelling drops.
    Dropped,
    /// A sample whose line stood on the page before.
    Duplicate,
    /// HELP, TYPE, or a comment.
    Metadata,
}

/// One line of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) fingerprint: u64,
    /// From the top: length 21, kind 2, tracked 1, payload 40.
    bits: u64,
}

impl Entry {
    /// An entry that no line equals.
    pub(crate) const DEAD: Self = Self { fingerprint: 0, bits: u64::MAX };

    pub(crate) fn new(fingerprint: u64, len: usize, kind: Kind, series: SeriesRef, tracked: bool) -> Self {
        debug_assert!(len <= LINE_MAX && series.0 <= PAYLOAD);
        let kind = match kind {
            Kind::Sample => 0,
            Kind::Dropped => 1,
            Kind::Duplicate => 2,
            Kind::Metadata => 3,
        };
        let bits = (len as u64) << LEN_SHIFT | kind << KIND_SHIFT | u64::from(tracked) << REF_BITS | series.0 & PAYLOAD;
        Self { fingerprint, bits }
    }

    /// An entry for a metadata line of the family with this index; `sets` is the type that a TYPE line sets.
    pub(crate) fn metadata(fingerprint: u64, len: usize, family: u32, sets: Option<MetricType>) -> Self {
        let sets = sets.map_or(0, |t| IS_TYPE | (t as u64) << 33);
        Self::new(fingerprint, len, Kind::Metadata, SeriesRef(u64::from(family) | sets), false)
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        (self.bits >> LEN_SHIFT) as usize
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> Kind {
        match self.bits >> KIND_SHIFT & 3 {
            0 => Kind::Sample,
            1 => Kind::Dropped,
            2 => Kind::Duplicate,
            _ => Kind::Metadata,
        }
    }

    #[inline(always)]
    pub(crate) fn series(self) -> SeriesRef {
        SeriesRef(self.bits & PAYLOAD)
    }

    /// Returns whether the series gets a staleness marker when the line is gone.
    #[inline(always)]
    pub(crate) fn is_tracked(self) -> bool {
        self.bits & TRACKED != 0
    }

    #[inline(always)]
    pub(crate) fn set_tracked(&mut self, tracked: bool) {
        self.bits = self.bits & !TRACKED | if tracked { TRACKED } else { 0 };
    }

    pub(crate) fn family(self) -> u32 {
        self.bits as u32
    }

    pub(crate) fn sets_type(self) -> Option<MetricType> {
        const TYPES: [MetricType; 8] = [
            MetricType::Unknown,
            MetricType::Counter,
            MetricType::Gauge,
            MetricType::Histogram,
            MetricType::GaugeHistogram,
            MetricType::Summary,
            MetricType::Info,
            MetricType::StateSet,
        ];
        let payload = self.bits & PAYLOAD;
        (payload & IS_TYPE != 0).then(|| TYPES.get((payload >> 33) as usize & 7).copied().unwrap_or_default())
    }
}

/// What one target's ingestion remembers from scrape to scrape. Owned by its scrape loop, lent to its ingestion.
#[derive(Clone, Debug, Default)]
pub struct TargetCache {
    /// The lines of the last page that was taken.
    pub(crate) entries: Vec<Entry>,
    /// The references of the report series, by their index; 0 where unknown.
    pub(crate) reports: [SeriesRef; 8],
    seed: foldhash::quality::RandomState,
}

impl TargetCache {
    /// Returns a cache that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many lines are remembered.
    pub fn lines(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn seed(&self) -> &foldhash::quality::RandomState {
        &self.seed
    }

    #[inline(always)]
    pub(crate) fn fingerprint(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_what_it_is_given() {
        assert_eq!(size_of::<Entry>(), 16);
        for (len, kind, series, tracked) in [
            (0, Kind::Sample, 1, true),
            (LINE_MAX, Kind::Dropped, 0, false),
            (77, Kind::Duplicate, (1 << 40) - 1, true),
        ] {
            let mut entry = Entry::new(9, len, kind, SeriesRef(series), tracked);
            let is = |e: Entry| (e.len(), e.kind(), e.series().0, e.is_tracked());
            assert_eq!(is(entry), (len, kind, series, tracked));
            entry.set_tracked(!tracked);
            assert_eq!(is(entry), (len, kind, series, !tracked));
        }
        for sets in [None, Some(MetricType::Unknown), Some(MetricType::StateSet)] {
            let entry = Entry::metadata(1, 20, u32::MAX, sets);
            assert_eq!((entry.kind(), entry.family(), entry.sets_type()), (Kind::Metadata, u32::MAX, sets));
        }
    }
}
