//! `rate_limit`: so many requests at once, and one more each interval.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use firesteel_config::WebRateLimit;

/// A bucket of tokens; a request takes one.
#[derive(Debug)]
pub(crate) struct RequestLimit {
    burst: f64,
    interval_secs: f64,
    /// What was in it, and when.
    bucket: Mutex<(f64, Instant)>,
}

impl RequestLimit {
    /// Returns `None` when there is no limit: no interval.
    pub(crate) fn new(settings: &WebRateLimit) -> Option<Self> {
        let interval_secs = settings.interval.to_std().as_secs_f64();
        let burst = settings.burst.max(0) as f64;
        (interval_secs > 0.0).then(|| Self { burst, interval_secs, bucket: Mutex::new((burst, Instant::now())) })
    }

    /// Takes a token, if there is one.
    pub(crate) fn allows(&self) -> bool {
        self.allows_at(Instant::now())
    }

    fn allows_at(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(bucket.1).as_secs_f64();
        let tokens = (bucket.0 + since / self.interval_secs).min(self.burst);
        let allowed = tokens >= 1.0;
        *bucket = (if allowed { tokens - 1.0 } else { tokens }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use firesteel_config::GoDuration;

    use super::*;

    #[test]
    fn bursts_and_then_one_an_interval() {
        let settings = |burst, interval| WebRateLimit { burst, interval: GoDuration(interval) };
        assert!(RequestLimit::new(&settings(5, 0)).is_none());
        let limit = RequestLimit::new(&settings(2, 1_000_000_000)).expect("a limit");
        let start = limit.bucket.lock().expect("no panic").1;
        let at = |ms| limit.allows_at(start + Duration::from_millis(ms));
        assert_eq!(
            [0, 0, 0, 900, 1100, 1200, 9000, 9000, 9000].map(at),
            [true, true, false, false, true, false, true, true, false]
        );
    }
}
