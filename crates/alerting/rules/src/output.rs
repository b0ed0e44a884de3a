//! What one rule wrote the last time, and how that becomes cheap to write again: as in a scrape, the series mostly come
//! back in the same order, so that place `i` of the last time answers for place `i` of this one, and no label is looked at
//! but to be compared.

use firesteel_base::{FastHashMap, FastHashSet, TimestampMs};
use firesteel_model::{Labels, SeriesRef};
use firesteel_promql::VectorSample;

/// The series that a rule wrote in its last evaluation.
#[derive(Debug, Default)]
pub(crate) struct OutputMemory {
    pub(crate) entries: Vec<Entry>,
}

/// One series.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The labels of the expression's answer.
    pub(crate) input: Labels,
    /// The labels of the series.
    pub(crate) output: Labels,
    pub(crate) series: SeriesRef,
}

/// What a rule yields in one evaluation: samples with the labels of the expression's answer, and what becomes of them.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) samples: Vec<VectorSample>,
    /// In step with `samples`: the labels of the series.
    pub(crate) labels: Vec<Labels>,
    /// In step with `samples`: the place in the memory.
    pub(crate) places: Vec<Option<u32>>,
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }
}

impl OutputMemory {
    /// Finds the series of samples, by `rename` where memory does not know them. `None`: two of them are the same series.
    pub(crate) fn matched(
        &self,
        samples: Vec<VectorSample>,
        mut rename: impl FnMut(&Labels) -> Labels,
    ) -> Option<Output> {
        let mut output = Output { samples, labels: Vec::new(), places: Vec::new() };
        output.labels.reserve(output.samples.len());
        output.places.reserve(output.samples.len());
        let mut by_input: Option<FastHashMap<&Labels, u32>> = None;
        let mut all_in_place = true;
        for (i, sample) in output.samples.iter().enumerate() {
            let place = if self.entries.get(i).is_some_and(|entry| entry.input == sample.labels) {
                Some(i as u32)
            } else {
                all_in_place = false;
                let index = by_input.get_or_insert_with(|| {
                    self.entries.iter().enumerate().map(|(i, entry)| (&entry.input, i as u32)).collect()
                });
                index.get(&sample.labels).copied()
            };
            let known = place.and_then(|place| self.entries.get(place as usize));
            output.labels.push(known.map_or_else(|| rename(&sample.labels), |entry| entry.output.clone()));
            output.places.push(place);
        }
        // Entries of the memory are distinct: in place, the samples are too.
        if !all_in_place {
            let mut seen = FastHashSet::default();
            if !output.labels.iter().all(|labels| seen.insert(labels)) {
                return None;
            }
        }
        Some(output)
    }

    /// Takes samples whose labels are those of the series already, and distinct.
    pub(crate) fn matched_as_they_are(&self, samples: Vec<VectorSample>) -> Output {
        self.matched(samples, Labels::clone).unwrap_or_default()
    }

    /// Returns the series of the last time that `written` does not have.
    pub(crate) fn vanished<'a>(&'a self, written: &'a [Entry]) -> Vec<&'a Entry> {
        let same = self.entries.len() == written.len()
            && self.entries.iter().zip(written).all(|(old, new)| old.series == new.series);
        if same || self.entries.is_empty() {
            return Vec::new();
        }
        let now: FastHashSet<&Labels> = written.iter().map(|entry| &entry.output).collect();
        self.entries.iter().filter(|entry| !now.contains(&entry.output)).collect()
    }
}

/// Makes a float sample.
pub(crate) fn float(labels: Labels, t: TimestampMs, v: f64) -> VectorSample {
    VectorSample::float(labels, t, v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    fn sample(i: &str) -> VectorSample {
        float(labels(&[("i", i)]), TimestampMs(0), 1.0)
    }

    fn memory(of: &[&str]) -> OutputMemory {
        let entry = |(n, i): (usize, &&str)| Entry {
            input: labels(&[("i", i)]),
            output: labels(&[("__name__", "x"), ("i", i)]),
            series: SeriesRef(n as u64 + 1),
        };
        OutputMemory { entries: of.iter().enumerate().map(entry).collect() }
    }

    #[test]
    fn places_are_found_in_any_order() {
        let check = |before: &[&str], now: &[&str], places: &[Option<u32>], renamed: usize| {
            let mut calls = 0;
            let rename = |l: &Labels| {
                calls += 1;
                labels(&[("__name__", "x"), ("i", l.value("i"))])
            };
            let output = memory(before).matched(now.iter().map(|i| sample(i)).collect(), rename).expect("distinct");
            assert_eq!((output.places.as_slice(), calls), (places, renamed), "{before:?} {now:?}");
        };
        check(&[], &["a"], &[None], 1);
        check(&["a", "b"], &["a", "b"], &[Some(0), Some(1)], 0);
        check(&["a", "b"], &["b", "a"], &[Some(1), Some(0)], 0);
        check(&["a", "b"], &["b", "c"], &[Some(1), None], 1);
    }

    #[test]
    fn two_of_one_series_are_refused() {
        let same = |_: &Labels| labels(&[("__name__", "x")]);
        assert!(memory(&[]).matched(vec![sample("a"), sample("b")], same).is_none());
        assert!(memory(&[]).matched(vec![sample("a")], same).is_some());
    }

    #[test]
    fn what_is_not_written_again_has_vanished() {
        let before = memory(&["a", "b", "c"]);
        let now = memory(&["c", "a"]);
        let gone: Vec<&str> = before.vanished(&now.entries).iter().map(|entry| entry.output.value("i")).collect();
        assert_eq!(gone, ["b"]);
        assert!(before.vanished(&before.entries).is_empty());
        assert_eq!(before.vanished(&[]).len(), 3);
    }
}
