//! Several parts answer as one.

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;

use super::*;
use crate::{ChunkBytes, Encoding};

/// Series by name, each with the least times of its chunks.
#[derive(Clone, Default)]
struct Part {
    series: Vec<(&'static str, Vec<i64>)>,
    warning: Option<&'static str>,
}

struct Found {
    entries: Vec<SeriesEntry>,
    part: Part,
}

impl Querier for Part {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        let mut part = self.clone();
        if what.sorted {
            part.series.sort();
        }
        if what.limit > 0 {
            part.series.truncate(what.limit);
        }
        let entry = |(i, (name, _)): (usize, &(&str, Vec<i64>))| SeriesEntry {
            series: SeriesRef(i as u64),
            labels: Labels::from_pairs([("__name__", *name)]),
        };
        Ok(Box::new(Found { entries: part.series.iter().enumerate().map(entry).collect(), part }))
    }

    fn label_values(&self, _: &str, _: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        let mut names: Vec<Arc<str>> = self.series.iter().map(|(name, _)| Arc::from(*name)).collect();
        names.sort();
        Ok(names)
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.label_values("", what)
    }
}

impl Selected for Found {
    fn series(&self) -> &[SeriesEntry] {
        &self.entries
    }

    fn order(&self) -> Order {
        Order::Ref
    }

    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
        out.extend(self.part.series[i].1.iter().map(|&min| ChunkView {
            min: TimestampMs(min),
            max: TimestampMs(min + 9),
            encoding: Encoding::Xor,
            samples: 0,
            bytes: ChunkBytes::Copied(Arc::from([]), 0..0),
        }));
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        self.part.warning.map(str::to_owned).into_iter().collect()
    }
}

fn part(series: &[(&'static str, &[i64])]) -> Part {
    Part { series: series.iter().map(|(name, chunks)| (*name, chunks.to_vec())).collect(), warning: None }
}

fn over(parts: &[Part]) -> Box<dyn Querier> {
    MergeQuerier::over(parts.iter().map(|p| Box::new(p.clone()) as Box<dyn Querier>).collect())
}

fn shown(selected: &dyn Selected) -> Vec<(String, Vec<i64>)> {
    let mut all = Vec::new();
    for (i, entry) in selected.series().iter().enumerate() {
        // What is there already stays in front.
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks");
        let name = entry.labels.get("__name__").unwrap_or("").to_owned();
        all.push((name, chunks.iter().map(|c| c.min.0).collect()));
    }
    all
}

fn check(parts: &[Part], limit: usize, expected: &[(&str, &[i64])]) {
    let querier = over(parts);
    let selected = querier.select(&Selection { limit, ..Selection::default() }).expect("a selection");
    let expected: Vec<_> = expected.iter().map(|(name, chunks)| ((*name).to_owned(), chunks.to_vec())).collect();
    assert_eq!(shown(selected.as_ref()), expected);
}

#[test]
fn series_are_merged_by_labels_and_chunks_sorted() {
    let head = part(&[("b", &[30, 40]), ("a", &[20]), ("d", &[50])]);
    let old = part(&[("a", &[0, 10]), ("c", &[5])]);
    let late = part(&[("a", &[5, 25]), ("b", &[0])]);
    let merged: &[(&str, &[i64])] = &[("a", &[0, 5, 10, 20, 25]), ("b", &[0, 30, 40]), ("c", &[5]), ("d", &[50])];
    check(&[head.clone(), old.clone(), late.clone()], 0, merged);
    check(&[head.clone(), old.clone(), late.clone()], 2, &merged[..2]);
    check(&[head.clone(), old, late], 4, merged);
    check(&[], 0, &[]);
    // One part alone is not sorted: nobody asked for it.
    check(std::slice::from_ref(&head), 0, &[("b", &[30, 40]), ("a", &[20]), ("d", &[50])]);
    // Two parts are, even if one has nothing.
    check(&[head, Part::default()], 0, &[("a", &[20]), ("b", &[30, 40]), ("d", &[50])]);
}

#[test]
fn names_and_warnings_are_merged() {
    let mut parts = [part(&[("b", &[1]), ("a", &[1])]), part(&[("c", &[1]), ("b", &[1])]), Part::default()];
    parts[0].warning = Some("w");
    parts[1].warning = Some("w");
    parts[2].warning = Some("nothing here");
    let querier = over(&parts);
    let names = |limit| {
        let found = querier.label_values("x", &Selection { limit, ..Selection::default() }).expect("values");
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(0), "a b c");
    assert_eq!(names(2), "a b");
    let selected = querier.select(&Selection::default()).expect("a selection");
    assert_eq!(selected.warnings(), ["nothing here", "w"]);
    assert_eq!(selected.order(), Order::Labels);
}
