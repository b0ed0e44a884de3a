//! How far the replay of the logs is, for those who wait for a start: `/api/v1/status/walreplay`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by the database, which moves it on while it opens, and by whoever shows it.
#[derive(Clone, Debug, Default)]
pub struct ReplayProgress(Arc<[AtomicU64; 3]>);

/// In segments, as upstream's: the checkpoint or snapshot that the replay begins with or its first segment, the one that is
/// opened for writing, and the last one that was read. Those of the log of late samples come second, in place of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReplayedSegments {
    pub min: u64,
    pub max: u64,
    pub current: u64,
}

impl ReplayProgress {
    /// Returns how far it is. What is moved on meanwhile may be seen in part.
    pub fn read(&self) -> ReplayedSegments {
        let [min, max, current] = &*self.0;
        let read = |word: &AtomicU64| word.load(Ordering::Relaxed);
        ReplayedSegments { min: read(min), max: read(max), current: read(current) }
    }

    /// Begins a log whose newest segment is `last`, if it has any: writing goes on in one behind it.
    pub(crate) fn begin(&self, first: u64, last: Option<u64>) {
        let max = last.map_or(0, |last| last + 1);
        for (word, n) in self.0.iter().zip([first.min(max), max, first.min(max)]) {
            word.store(n, Ordering::Relaxed);
        }
    }

    /// Notes that a record of `segment` came; those of a checkpoint bear numbers of their own, below.
    pub(crate) fn reached(&self, segment: u64) {
        let ReplayedSegments { min, max, .. } = self.read();
        self.0[2].store(segment.saturating_sub(1).max(min).min(max), Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.0[2].store(self.read().max, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_segments() {
        let progress = ReplayProgress::default();
        let seen = progress.clone();
        let check = |min, max, current| assert_eq!(seen.read(), ReplayedSegments { min, max, current });
        check(0, 0, 0);
        progress.begin(0, None);
        progress.end();
        check(0, 0, 0);
        progress.begin(4, Some(7));
        check(4, 8, 4);
        // Of the checkpoint, then of the log.
        for (segment, current) in [(0, 4), (1, 4), (5, 4), (6, 5), (7, 6)] {
            progress.reached(segment);
            check(4, 8, current);
        }
        progress.end();
        check(4, 8, 8);
        progress.begin(0, Some(0));
        check(0, 1, 0);
    }
}
