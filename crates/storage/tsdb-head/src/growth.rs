//! A soft bound on the number of series: at the bound new series are refused to the job that grows most, and to it alone.
//!
//! A job's growth is how many new series it asked for of late, those that were refused included: a job whose labels run wild
//! asks again and again, and so stays first, while others still get the few that they need. Series that exist go on. An
//! eighth above the bound nobody gets any.

use std::sync::atomic::{AtomicU64, Ordering};

use firesteel_base::FastHashMap;
use parking_lot::Mutex;

/// Jobs told apart; the ones that come later are counted together.
const JOBS_MAX: usize = 4096;
const OTHERS: &str = "(others)";

/// See the module.
#[derive(Debug, Default)]
pub struct Growth {
    /// 0 = none.
    limit: AtomicU64,
    jobs: Mutex<Jobs>,
}

#[derive(Debug, Default)]
struct Jobs {
    of_job: FastHashMap<Box<str>, Job>,
    /// The greatest `asked` of them.
    most: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Job {
    /// New series asked for, those of long ago for less.
    asked: f64,
    refused: u64,
    /// Refused since the bound was reached: said once.
    refusing: bool,
}

impl Growth {
    /// Sets the bound; 0 = none.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Returns the bound; 0 = none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Returns whether `job` may have one more series, `series` being there already.
    pub(crate) fn admits(&self, job: &str, series: u64) -> bool {
        let limit = self.limit();
        if limit == 0 {
            return true;
        }
        let mut jobs = self.jobs.lock();
        let Jobs { of_job, most } = &mut *jobs;
        let name = if of_job.len() >= JOBS_MAX && !of_job.contains_key(job) { OTHERS } else { job };
        if !of_job.contains_key(name) {
            of_job.insert(Box::from(name), Job::default());
        }
        let Some(job) = of_job.get_mut(name) else { return true };
        job.asked += 1.0;
        *most = most.max(job.asked);
        if series < limit || job.asked < *most && series < limit.saturating_add(limit / 8) {
            return true;
        }
        job.refused += 1;
        if !job.refusing {
            job.refusing = true;
            tracing::error!(
                component = "tsdb",
                job = name,
                limit,
                series,
                "The limit of head series is reached; new series of the job that grows most are refused, existing series go on"
            );
        }
        false
    }

    /// Lets time pass, about a minute: what was asked for half an hour ago counts half.
    pub fn tick(&self, series: u64) {
        const PER_MINUTE: f64 = 0.977;
        let limit = self.limit();
        let mut jobs = self.jobs.lock();
        let Jobs { of_job, most } = &mut *jobs;
        *most = 0.0;
        for job in of_job.values_mut() {
            job.asked *= PER_MINUTE;
            *most = most.max(job.asked);
            // Well below the bound: the next time is worth a word again.
            job.refusing &= limit > 0 && series > limit / 10 * 9;
        }
        of_job.retain(|_, job| job.asked >= 0.5 || job.refused > 0);
    }

    /// Returns the jobs that were refused series since the start, with how many, by name.
    pub fn refused(&self) -> Vec<(String, u64)> {
        let jobs = self.jobs.lock();
        let mut all: Vec<(String, u64)> =
            jobs.of_job.iter().filter(|(_, j)| j.refused > 0).map(|(name, j)| (name.to_string(), j.refused)).collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_that_grows_most_is_refused_alone() {
        let growth = Growth::default();
        assert!(growth.admits("any", u64::MAX), "no bound");
        growth.set_limit(1000);
        for series in 0..1000 {
            assert!(growth.admits(if series % 10 == 0 { "calm" } else { "wild" }, series));
        }
        assert!(!growth.admits("wild", 1000));
        assert!(growth.admits("calm", 1000) && growth.admits("new", 1001));
        assert!(!growth.admits("wild", 1002));
        assert!(!growth.admits("calm", 1125), "nobody gets any far above it");
        assert_eq!(growth.refused(), [("calm".to_owned(), 1), ("wild".to_owned(), 2)]);
        growth.tick(10);
        assert!(growth.admits("wild", 10), "there is room again");
    }

    #[test]
    fn after_a_restart_the_wild_one_is_found_out() {
        let growth = Growth::default();
        growth.set_limit(10);
        // Nothing is known of who made the series that are there.
        assert!(!growth.admits("calm", 10));
        (0..5).for_each(|_| assert!(!growth.admits("wild", 10)));
        assert!(growth.admits("calm", 10));
    }
}
