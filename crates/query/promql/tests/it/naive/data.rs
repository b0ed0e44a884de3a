//! What is evaluated: series as lists of samples, and what comes out of a node: a point or none at each step.

use std::collections::HashSet;
use std::rc::Rc;

use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME, Matcher, is_stale_nan};

use super::histogram::Histogram;

/// A value of a sample.
#[derive(Clone, Debug)]
pub(crate) enum Datum {
    Float(f64),
    Histogram(Rc<Histogram>),
}

impl Datum {
    /// Returns whether this marks the end of a series.
    pub(crate) fn is_stale(&self) -> bool {
        match self {
            Self::Float(v) => is_stale_nan(*v),
            Self::Histogram(h) => is_stale_nan(h.sum),
        }
    }

    pub(crate) fn float(&self) -> Option<f64> {
        match self {
            Self::Float(v) => Some(*v),
            Self::Histogram(_) => None,
        }
    }

    pub(crate) fn histogram(&self) -> Option<&Rc<Histogram>> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(h) => Some(h),
        }
    }
}

/// A stored sample; `start` is 0 where none is known.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) t: i64,
    pub(crate) start: i64,
    pub(crate) datum: Datum,
}

/// A series in storage, or one that a subquery made: samples ascending in time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    /// Whether the name is to go at the end, with delayed name removal.
    pub(crate) drop_name: bool,
    pub(crate) samples: Vec<Stored>,
}

impl Series {
    /// Returns the sample that stands at `t`: the newest of the last `lookback` milliseconds, unless it is a marker.
    pub(crate) fn at(&self, t: i64, lookback: i64) -> Option<&Stored> {
        let newest = self.samples.iter().rev().find(|sample| sample.t <= t)?;
        (newest.t > t - lookback && !newest.datum.is_stale()).then_some(newest)
    }

    /// Returns the samples in `(from, to]` but markers.
    pub(crate) fn window(&self, from: i64, to: i64) -> Window {
        let inside = |sample: &&Stored| sample.t > from && sample.t <= to && !sample.datum.is_stale();
        let mut window = Window::default();
        for sample in self.samples.iter().filter(inside) {
            match &sample.datum {
                Datum::Float(v) => window.floats.push(Timed { t: sample.t, start: sample.start, v: *v }),
                Datum::Histogram(h) => {
                    window.histograms.push(Timed { t: sample.t, start: sample.start, v: Rc::clone(h) });
                }
            }
        }
        window
    }
}

/// A value at a time.
#[derive(Clone, Debug)]
pub(crate) struct Timed<T> {
    pub(crate) t: i64,
    pub(crate) start: i64,
    pub(crate) v: T,
}

/// The samples of one series that a range function looks at, by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) floats: Vec<Timed<f64>>,
    pub(crate) histograms: Vec<Timed<Rc<Histogram>>>,
}

impl Window {
    pub(crate) fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    pub(crate) fn is_mixed(&self) -> bool {
        !self.floats.is_empty() && !self.histograms.is_empty()
    }
}

/// An element of an instant vector.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) labels: Labels,
    pub(crate) drop_name: bool,
    pub(crate) datum: Datum,
    /// When the sample was taken: what `timestamp` tells.
    pub(crate) t: i64,
}

/// A row of a node's result: a point or none at each step.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) drop_name: bool,
    pub(crate) points: Vec<Option<Datum>>,
}

/// The times at which a node is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) step: i64,
}

impl Grid {
    pub(crate) fn times(self) -> Vec<i64> {
        (self.start..=self.end).step_by(usize::try_from(self.step).unwrap_or(1)).collect()
    }

    pub(crate) fn is_instant(self) -> bool {
        self.start == self.end
    }

    /// Returns the first time alone.
    pub(crate) fn first(self) -> Self {
        Self { end: self.start, ..self }
    }
}

/// Returns the elements that rows have at a step.
pub(crate) fn vector_at(rows: &[Row], step: usize, t: i64) -> Vec<Sample> {
    let at = |row: &Row| {
        let datum = row.points[step].clone()?;
        Some(Sample { labels: row.labels.clone(), drop_name: row.drop_name, datum, t })
    };
    rows.iter().filter_map(at).collect()
}

pub(crate) fn matches(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.value(matcher.name())))
}

/// Returns the labels that `keep` likes.
pub(crate) fn filtered(labels: &Labels, keep: impl Fn(&str) -> bool) -> Labels {
    Labels::from_pairs(labels.iter().filter(|(name, _)| keep(name)))
}

/// Returns the labels without the name, type and unit of the metric.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    filtered(labels, |name| ![METRIC_NAME, "__type__", "__unit__"].contains(&name))
}

/// Returns the labels with one set; an empty value removes it.
pub(crate) fn with_label(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut builder = LabelsBuilder::from_labels(labels);
    builder.set(name, value);
    builder.build()
}

/// Returns whether two of them are the same.
pub(crate) fn has_twins<'a>(all: impl IntoIterator<Item = &'a Labels>) -> bool {
    let mut seen = HashSet::new();
    all.into_iter().any(|labels| !seen.insert(labels))
}
