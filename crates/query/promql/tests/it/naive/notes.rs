//! What an evaluation makes to be said, by kind: the beginning of upstream's text.

use std::cell::RefCell;
use std::collections::BTreeSet;

pub(crate) const QUANTILE: &str = "PromQL warning: quantile value should be between 0 and 1";
pub(crate) const RATIO: &str = "PromQL warning: ratio value should be between -1 and 1";
pub(crate) const BAD_BUCKET: &str = "PromQL warning: bucket label \"le\" is missing or has a malformed value";
pub(crate) const SORT_IN_RANGE: &str = "PromQL warning: sort is ineffective for range queries";
pub(crate) const NOT_COUNTER_NAME: &str = "PromQL info: metric might not be a counter";
pub(crate) const MONOTONICITY: &str = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity";
pub(crate) const TYPES: &str = "PromQL info: incompatible sample types encountered for binary operator";
pub(crate) const MIXED_RANGE: &str = "PromQL warning: encountered a mix of histograms and floats for metric name";
pub(crate) const MIXED_GROUP: &str = "PromQL warning: encountered a mix of histograms and floats for aggregation";
pub(crate) const MIXED_CLASSIC: &str = "PromQL warning: vector contains a mix of classic and native histograms";
pub(crate) const NOT_COUNTER: &str = "PromQL warning: this native histogram metric is not a counter";
pub(crate) const NOT_GAUGE: &str = "PromQL warning: this native histogram metric is not a gauge";
pub(crate) const MIXED_BUCKETS: &str =
    "PromQL warning: vector contains a mix of histograms with exponential and custom";
pub(crate) const BUCKETS_IN_OPERATOR: &str =
    "PromQL warning: incompatible bucket layout encountered for binary operator";
pub(crate) const IGNORED_IN_GROUP: &str = "PromQL info: ignored histogram in";
pub(crate) const IGNORED_IN_RANGE: &str = "PromQL info: ignored histograms in a range";
pub(crate) const NAN_RESULT: &str = "PromQL info: input to histogram_quantile has NaN observations, result is NaN";
pub(crate) const NAN_SKEW: &str = "PromQL info: input to histogram_quantile has NaN observations, result is skewed";
pub(crate) const NAN_FRACTIONS: &str = "PromQL info: input to histogram_fraction has NaN observations";
pub(crate) const COLLISION: &str = "PromQL warning: conflicting counter resets during histogram";
pub(crate) const RECONCILED: &str = "PromQL info: mismatched custom buckets were reconciled";
pub(crate) const START_OVERLAP: &str = "PromQL warning: sample has start time that overlaps";

/// The kinds that came up.
#[derive(Debug, Default)]
pub(crate) struct Notes(RefCell<BTreeSet<&'static str>>);

impl Notes {
    pub(crate) fn add(&self, note: &'static str) {
        self.0.borrow_mut().insert(note);
    }

    pub(crate) fn add_if(&self, condition: bool, note: &'static str) {
        if condition {
            self.add(note);
        }
    }

    pub(crate) fn into_set(self) -> BTreeSet<&'static str> {
        self.0.into_inner()
    }
}
