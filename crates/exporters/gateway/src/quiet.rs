//! Whether a job has gone quiet: it said how often it pushes, or did so often enough to know.

use std::time::Duration;

use firesteel_base::TimestampNs;

/// So many gaps are remembered.
const GAPS: usize = 8;
/// And so many must be known before anything is concluded from them.
const ENOUGH: usize = 3;
/// A job is late when it has been silent for so many times its longest gap,
const PATIENCE: u32 = 3;
/// and at least for so long: a few pushes in a row are no rhythm.
const LEAST: Duration = Duration::from_secs(60);

/// The gaps between the last pushes of a group. In memory only: a restart learns anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rhythm {
    gaps: [Duration; GAPS],
    /// How many were ever noted.
    n_noted: usize,
}

impl Rhythm {
    /// Notes a good push; `last` is the one before.
    pub(crate) fn note(&mut self, last: Option<TimestampNs>, now: TimestampNs) {
        let gap = last.and_then(|last| u64::try_from(now.0.saturating_sub(last.0)).ok());
        if let Some(gap) = gap {
            self.gaps[self.n_noted % GAPS] = Duration::from_nanos(gap);
            self.n_noted += 1;
        }
    }

    /// Returns how long the silence may be; `None` when too little is known.
    pub(crate) fn allowance(&self) -> Option<Duration> {
        let longest = self.gaps.iter().max().filter(|_| self.n_noted >= ENOUGH)?;
        Some(longest.saturating_mul(PATIENCE).max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_takes_three_gaps() {
        let mut rhythm = Rhythm::default();
        let mut last = None;
        for second in [0, 100, 200, 350] {
            assert_eq!(rhythm.allowance(), None);
            let now = TimestampNs(second * 1_000_000_000);
            rhythm.note(last, now);
            last = Some(now);
        }
        assert_eq!(rhythm.allowance(), Some(Duration::from_secs(450)));
        for _ in 0..GAPS {
            rhythm.note(last, last.map_or(TimestampNs(0), |t| TimestampNs(t.0 + 1_000_000_000)));
        }
        assert_eq!(rhythm.allowance(), Some(LEAST));
        // A clock that was set back teaches nothing.
        rhythm.note(Some(TimestampNs(9)), TimestampNs(1));
        assert_eq!(rhythm.allowance(), Some(LEAST));
    }
}
