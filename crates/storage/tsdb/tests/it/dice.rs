//! Randomness that can be had again: the same seed does the same.

use std::ops::RangeInclusive;

/// A xorshift generator.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Runs `each` with every seed and a directory's name; threads that run beside each other take every n-th.
pub(crate) fn over_seeds(all: RangeInclusive<u64>, each: impl Fn(u64, &std::path::Path) + Sync) {
    let n = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
    std::thread::scope(|scope| {
        for first in 0..n {
            let (mine, each) = (all.clone().skip(first).step_by(n), &each);
            scope.spawn(move || {
                let dir = tempfile::tempdir().expect("a directory");
                mine.for_each(|seed| each(seed, dir.path()));
            });
        }
    });
}

/// Returns the seeds to run: `FIRESTEEL_SEEDS=7`, or `1..5000`, or those of CI.
pub(crate) fn seeds_or(of_ci: RangeInclusive<u64>) -> RangeInclusive<u64> {
    let Ok(wanted) = std::env::var("FIRESTEEL_SEEDS") else { return of_ci };
    let number = |text: &str| text.trim().parse().expect("FIRESTEEL_SEEDS is a seed or FIRST..LAST");
    match wanted.split_once("..") {
        Some((first, last)) => number(first)..=number(last),
        None => number(&wanted)..=number(&wanted),
    }
}
