//! Sum, count and, if wanted, quantiles of recent observations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firesteel_base::{Clock, SystemClock};
use firesteel_model::{MetricType, MetricValue, Summary as Reading};
use parking_lot::Mutex;

use crate::Instrument;

/// Quantiles look back so far, as upstream's do by default.
const MAX_AGE: Duration = Duration::from_mins(10);
/// And at no more than so many of the newest observations, which bounds the memory.
const WINDOW: usize = 512;

/// Sums up observations. Clones share them.
///
/// Quantiles are exact over the newest 512 observations of the last ten minutes, where upstream estimates over all of
/// them; without any, they are NaN.
#[derive(Clone, Debug)]
pub struct Summary(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ranks: Box<[f64]>,
    began_ms: i64,
    /// Held for a few instructions by an observer, for a copy by a reader.
    observed: Mutex<Observed>,
}

#[derive(Debug, Default)]
struct Observed {
    count: u64,
    sum: f64,
    /// A ring once it has `WINDOW` entries; `oldest` is where the next one goes.
    newest: Vec<(Instant, f64)>,
    oldest: usize,
}

impl Summary {
    /// Makes a summary with quantiles of these ranks (0 to 1), or none.
    pub fn new(ranks: &[f64]) -> Self {
        Self(Arc::new(Inner { ranks: ranks.into(), began_ms: SystemClock.now().0, observed: Mutex::default() }))
    }

    /// Takes one observation.
    pub fn observe(&self, v: f64) {
        let now = if self.0.ranks.is_empty() { None } else { Some(Instant::now()) };
        let mut observed = self.0.observed.lock();
        observed.count += 1;
        observed.sum += v;
        let Some(now) = now else { return };
        if observed.newest.len() < WINDOW {
            observed.newest.push((now, v));
        } else {
            let at = observed.oldest;
            observed.newest[at] = (now, v);
            observed.oldest = (at + 1) % WINDOW;
        }
    }

    /// Takes a duration in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Returns sum, count and quantiles.
    pub fn snapshot(&self) -> Reading {
        let (count, sum, mut recent) = {
            let observed = self.0.observed.lock();
            let recent: Vec<f64> =
                observed.newest.iter().filter(|(at, _)| at.elapsed() <= MAX_AGE).map(|&(_, v)| v).collect();
            (observed.count, observed.sum, recent)
        };
        recent.sort_by(f64::total_cmp);
        Reading { count, sum, quantiles: self.0.ranks.iter().map(|&rank| (rank, at_rank(&recent, rank))).collect() }
    }
}

/// Nearest rank: the smallest value that at least `rank` of all values do not exceed.
fn at_rank(sorted: &[f64], rank: f64) -> f64 {
    let place = (rank * sorted.len() as f64).ceil() as usize;
    sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

impl Instrument for Summary {
    type Settings = Vec<f64>;
    const METRIC_TYPE: MetricType = MetricType::Summary;

    fn create(ranks: &Vec<f64>) -> Self {
        Self::new(ranks)
    }

    fn read(&self) -> (MetricValue, Option<i64>) {
        (MetricValue::Summary(self.snapshot()), Some(self.0.began_ms))
    }
}
