//! What a query cost: the `stats` block of the query API.

use std::time::Duration;

use firesteel_base::TimestampMs;

/// Times and sample counts of one query.
#[derive(Clone, Debug, Default)]
pub struct QueryStats {
    /// `evalTotalTime`: preparation, evaluation and sorting.
    pub eval_total: Duration,
    /// `resultSortTime`.
    pub result_sort: Duration,
    /// `queryPreparationTime`: planning and selecting series.
    pub preparation: Duration,
    /// `innerEvalTime`.
    pub inner_eval: Duration,
    /// `execQueueTime`: waiting for a free slot.
    pub exec_queue: Duration,
    /// `execTotalTime`.
    pub exec_total: Duration,
    /// `totalQueryableSamples`: samples looked at; a range vector counts its whole window at every step.
    pub samples_total: u64,
    /// Samples read from storage: a range vector counts only what is new in its window.
    pub samples_read: u64,
    /// `peakSamples`: most samples held at once.
    pub samples_peak: u64,
    /// `totalQueryableSamplesPerStep`, when it was asked for.
    pub per_step: Option<Vec<(TimestampMs, u64)>>,
}
