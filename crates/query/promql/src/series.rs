//! The identity of an operator's output rows.

use std::hash::BuildHasher as _;

use firesteel_base::{FastBuildHasher, FastHashMap};
use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME};
use hashbrown::HashTable;

/// The labels that say what a metric is rather than which: arithmetic drops them together.
pub(crate) const METADATA_LABELS: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// One output series of an operator.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct OutputSeries {
    pub(crate) labels: Labels,
    /// Whether the metadata labels are to go at the end of evaluation (delayed name removal).
    pub(crate) drop_name: bool,
    /// The labels are some of those that the series has, all that are looked at; no other series of the operator has the
    /// same whole set.
    pub(crate) apart: bool,
}

impl OutputSeries {
    /// Returns a series that keeps all its labels.
    pub(crate) fn plain(labels: Labels) -> Self {
        Self { labels, drop_name: false, apart: false }
    }

    /// Returns the series of a selection, of which only some labels were read if it is to stand `apart`.
    pub(crate) fn selected(labels: Labels, apart: bool) -> Self {
        Self { labels, drop_name: false, apart }
    }

    /// Returns the series after an operation that changes what the metric means: without name, type and unit, at once
    /// or, with `delayed` name removal, at the end.
    pub(crate) fn renamed(&self, delayed: bool) -> Self {
        let labels = if delayed { self.labels.clone() } else { without_metadata(&self.labels) };
        Self { labels, drop_name: true, apart: self.apart }
    }

    /// As [`Self::renamed`], but type and unit stay if the name goes at once: upstream's functions of histograms
    /// (`promql/functions.go`, simpleHistogramFunc, 3.14).
    pub(crate) fn unnamed(&self, delayed: bool) -> Self {
        if delayed {
            return self.renamed(true);
        }
        let mut builder = LabelsBuilder::from_labels(&self.labels);
        builder.del(METRIC_NAME);
        Self { labels: builder.build(), drop_name: true, apart: self.apart }
    }
}

/// Returns what `change` makes of each series; what shares its labels with the one before is changed once.
pub(crate) fn change_all<'a>(
    series: impl ExactSizeIterator<Item = OutputSeries> + 'a,
    change: impl Fn(&OutputSeries) -> OutputSeries + 'a,
) -> impl ExactSizeIterator<Item = OutputSeries> + 'a {
    let mut last: Option<(OutputSeries, OutputSeries)> = None;
    series.map(move |one| match &last {
        Some((before, changed)) if one.drop_name == before.drop_name && one.labels.is_shared_with(&before.labels) => {
            changed.clone()
        }
        _ => last.insert((one.clone(), change(&one))).1.clone(),
    })
}

/// Returns the labels without name, type and unit.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    labels.without(&METADATA_LABELS)
}

/// Removes name, type and unit.
pub(crate) fn remove_metadata(builder: &mut LabelsBuilder) {
    for name in METADATA_LABELS {
        builder.del(name);
    }
}

/// Returns for each series the number of its label set in order of first appearance, and how many sets there are.
pub(crate) fn number_label_sets(series: &[OutputSeries]) -> (Vec<usize>, usize) {
    if series.first().is_some_and(|first| first.apart) {
        return ((0..series.len()).collect(), series.len());
    }
    let hasher = FastBuildHasher::default();
    // Which series is the first of a set; most are, so there is room for all.
    let mut firsts: HashTable<u32> = HashTable::with_capacity(series.len());
    let mut numbers: Vec<usize> = Vec::with_capacity(series.len());
    for (i, one) in series.iter().enumerate() {
        let hash = hasher.hash_one(&one.labels);
        let number = match firsts.find(hash, |&first| series[first as usize].labels == one.labels) {
            Some(&first) => numbers[first as usize],
            None => {
                let number = firsts.len();
                firsts.insert_unique(hash, i as u32, |&first| hasher.hash_one(&series[first as usize].labels));
                number
            }
        };
        numbers.push(number);
    }
    (numbers, firsts.len())
}

/// Chooses labels by name: `by (…)`/`on (…)`, or `without (…)`/`ignoring (…)`.
#[derive(Clone, Debug)]
pub(crate) struct LabelChoice {
    names: Vec<String>,
    keep: bool,
}

impl LabelChoice {
    /// Chooses the labels named.
    pub(crate) fn only(names: &[String]) -> Self {
        Self { names: sorted(names), keep: true }
    }

    /// Chooses all labels but the ones named and the metric name.
    pub(crate) fn all_but(names: &[String]) -> Self {
        let mut names = sorted(names);
        if let Err(at) = names.binary_search_by(|name| name.as_str().cmp(METRIC_NAME)) {
            names.insert(at, METRIC_NAME.to_owned());
        }
        Self { names, keep: false }
    }

    /// Returns whether a label of that name is chosen.
    #[inline]
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).is_ok() == self.keep
    }

    /// Writes a key into `out` that is equal for equal chosen labels.
    pub(crate) fn key(&self, labels: &Labels, out: &mut Vec<u8>) {
        out.clear();
        if self.keep && self.names.is_empty() {
            return;
        }
        for (name, value) in labels {
            if self.takes(name) {
                out.extend_from_slice(name.as_bytes());
                // Neither byte occurs in UTF-8.
                out.push(0xff);
                out.extend_from_slice(value.as_bytes());
                out.push(0xfe);
            }
        }
    }

    /// Returns the chosen labels.
    pub(crate) fn apply(&self, labels: &Labels) -> Labels {
        if self.keep && self.names.is_empty() {
            return Labels::empty();
        }
        let mut builder = LabelsBuilder::from_labels(labels);
        builder.retain(|name, _| self.takes(name));
        builder.build()
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    names
}

/// Numbers series by the chosen labels, in order of first appearance.
#[derive(Debug)]
pub(crate) struct Grouping {
    choice: LabelChoice,
    numbers: FastHashMap<Vec<u8>, usize>,
    key: Vec<u8>,
}

impl Grouping {
    pub(crate) fn new(choice: LabelChoice) -> Self {
        Self { choice, numbers: FastHashMap::default(), key: Vec::new() }
    }

    /// Returns the number of the group of `labels`, and whether it is new.
    pub(crate) fn number(&mut self, labels: &Labels) -> (usize, bool) {
        self.choice.key(labels, &mut self.key);
        if let Some(&known) = self.numbers.get(&self.key) {
            return (known, false);
        }
        let next = self.numbers.len();
        self.numbers.insert(self.key.clone(), next);
        (next, true)
    }

    /// Returns how many groups were met.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }
}
