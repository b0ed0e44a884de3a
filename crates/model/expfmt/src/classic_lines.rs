//! Classic histograms of line formats, gathered line by line to become native ones with custom buckets, by upstream's rules
//! (`model/textparse/nhcbparse.go`, 3.14).
//!
//! Gathered is what stands under a TYPE line that says histogram and bears its name. A histogram is done when a line of other
//! labels or another name comes, or any line that is no sample. What contradicts itself becomes nothing.

use firesteel_base::TimestampMs;
use firesteel_go_compat::parse_float;
use firesteel_model::{BUCKET_LABEL, METRIC_NAME};

use crate::NativeHistogram;
use crate::custom_buckets::ClassicHistogram;
use crate::event::{ExemplarValue, SampleLabels};

/// A histogram that is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Converted {
    /// Taken when it is read.
    pub(crate) histogram: Option<NativeHistogram>,
    pub(crate) name: String,
    /// Of its first line, with that line's name and `le`.
    pub(crate) labels: SampleLabels,
    pub(crate) start: TimestampMs,
    pub(crate) exemplars: Vec<(ExemplarValue, SampleLabels)>,
}

impl Converted {
    /// Returns the labels without the name, as they stood.
    pub(crate) fn own_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        // An empty label says nothing here: upstream's builder leaves it out.
        own(&self.labels).filter(|(_, value)| !value.is_empty())
    }
}

/// Which part of a histogram a line is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Part {
    Bucket(f64),
    Sum,
    Count,
}

/// What was gathered of the present histogram.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassicLines {
    is_gathering: bool,
    /// Contradicts itself.
    is_broken: bool,
    parts: ClassicHistogram,
    gathered: Converted,
}

/// Returns the labels but the name and `le`.
fn own(labels: &SampleLabels) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().filter(|(name, _)| *name != METRIC_NAME && *name != BUCKET_LABEL)
}

/// Returns the name of the histogram that a series of this name belongs to, if it does.
fn base_name(name: &str) -> &str {
    let suffixes = ["_bucket", "_sum", "_count"];
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

impl ClassicLines {
    pub(crate) fn is_gathering(&self) -> bool {
        self.is_gathering
    }

    /// Returns the start timestamp of the present histogram's first line.
    pub(crate) fn start(&self) -> TimestampMs {
        self.gathered.start
    }

    /// Returns whether a line under a histogram's TYPE belongs to another histogram than the present one.
    pub(crate) fn is_other(&self, line: &SampleLabels) -> bool {
        if base_name(line.get(METRIC_NAME).unwrap_or_default()) != self.gathered.name {
            return true;
        }
        if own(line).eq(own(&self.gathered.labels)) {
            return false;
        }
        // The order of labels does not matter.
        let sorted = |labels| {
            let mut pairs: Vec<(&str, &str)> = own(labels).collect();
            pairs.sort_unstable();
            pairs
        };
        sorted(line) != sorted(&self.gathered.labels)
    }

    /// Takes a line under the TYPE line of `family`, which says histogram; false: it is none of the histogram's parts.
    /// `start` is asked for the first line's start timestamp.
    pub(crate) fn take(
        &mut self,
        family: &[u8],
        line: &SampleLabels,
        value: f64,
        exemplar: Option<(ExemplarValue, &SampleLabels)>,
        start: impl FnOnce() -> TimestampMs,
    ) -> bool {
        let name = line.get(METRIC_NAME).unwrap_or_default();
        let base = base_name(name);
        if base.as_bytes() != family {
            return false;
        }
        let part = match name.get(base.len()..) {
            Some("_bucket") => {
                // upstream: a bound that is out of range or not a number leaves the line a sample; kept.
                match line.get(BUCKET_LABEL).map(parse_float) {
                    Some(Ok(upper)) if !upper.is_nan() => Part::Bucket(upper),
                    _ => return false,
                }
            }
            Some("_sum") => Part::Sum,
            Some("_count") => Part::Count,
            _ => return false,
        };
        if !self.is_gathering {
            self.is_gathering = true;
            self.is_broken = false;
            self.parts.clear();
            self.gathered.name.clear();
            self.gathered.name.push_str(base);
            self.gathered.labels.clone_from(line);
            self.gathered.exemplars.clear();
            self.gathered.start = start();
        }
        self.gathered.exemplars.extend(exemplar.map(|(value, labels)| (value, labels.clone())));
        if !self.is_broken {
            self.is_broken = match part {
                Part::Bucket(upper) => self.parts.bucket(upper, value).is_err(),
                Part::Count => self.parts.count(value).is_err(),
                Part::Sum => {
                    self.parts.sum(value);
                    false
                }
            };
        }
        true
    }

    /// Ends the present histogram, if there is one, and writes it to `out`; false: there is none, or it became nothing.
    pub(crate) fn finish(&mut self, out: &mut Converted) -> bool {
        if !self.is_gathering {
            return false;
        }
        self.is_gathering = false;
        let Some(histogram) = (!self.is_broken).then(|| self.parts.convert().ok()).flatten() else {
            self.gathered.start = TimestampMs(0);
            return false;
        };
        std::mem::swap(out, &mut self.gathered);
        out.histogram = Some(histogram);
        true
    }
}
