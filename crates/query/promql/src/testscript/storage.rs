//! A store in memory, behind the same hinge as the database: series in order of creation, samples in XOR chunks.

use std::sync::Arc;

use firesteel_base::{FastHashMap, TimeRange, TimestampMs};
use firesteel_model::{Labels, SeriesRef};
use firesteel_storage::chunkenc::XorChunk;
use firesteel_storage::{
    ChunkBytes, ChunkView, Encoding, Order, Querier, Queryable, Selected, Selection, SeriesEntry, StorageError,
};

/// How many samples a chunk takes, as in a head block.
const CHUNK_SAMPLES: usize = 120;

/// Holds series for tests and benches.
#[derive(Clone, Debug, Default)]
pub struct TestStorage {
    series: Vec<Arc<Series>>,
    by_labels: FastHashMap<Labels, usize>,
}

#[derive(Clone, Debug)]
struct Series {
    entry: SeriesEntry,
    samples: Vec<(TimestampMs, f64)>,
    chunks: Vec<ChunkView>,
    /// Times of native histogram samples; their content is not kept.
    histograms: Vec<TimestampMs>,
}

impl TestStorage {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.series.clear();
        self.by_labels.clear();
    }

    /// Adds samples to a series in whatever order; a sample at a time that is taken replaces nothing.
    pub fn append(&mut self, labels: &Labels, samples: impl IntoIterator<Item = (TimestampMs, f64)>) {
        let series = self.series_mut(labels);
        series.samples.extend(samples);
        series.samples.sort_by_key(|(t, _)| *t);
        series.samples.dedup_by_key(|(t, _)| *t);
        series.seal();
    }

    /// Notes that a series has native histogram samples: what reads them is told that they cannot be evaluated.
    pub(super) fn append_histograms(&mut self, labels: &Labels, times: impl IntoIterator<Item = TimestampMs>) {
        let series = self.series_mut(labels);
        series.histograms.extend(times);
        series.seal();
    }

    fn series_mut(&mut self, labels: &Labels) -> &mut Series {
        let next = self.series.len();
        let at = *self.by_labels.entry(labels.clone()).or_insert(next);
        if at == next {
            let entry = SeriesEntry { series: SeriesRef(next as u64 + 1), labels: labels.clone() };
            let series = Series { entry, samples: Vec::new(), chunks: Vec::new(), histograms: Vec::new() };
            self.series.push(Arc::new(series));
        }
        Arc::make_mut(&mut self.series[at])
    }
}

impl Series {
    /// Encodes the samples anew.
    fn seal(&mut self) {
        self.chunks.clear();
        for run in self.samples.chunks(CHUNK_SAMPLES) {
            let mut chunk = XorChunk::new();
            for &(t, v) in run {
                chunk.push(t, v).expect("a run is far shorter than a chunk may be");
            }
            let bytes: Arc<[u8]> = chunk.into_bytes().into();
            let len = bytes.len();
            self.chunks.push(ChunkView {
                min: run[0].0,
                max: run[run.len() - 1].0,
                encoding: Encoding::Xor,
                samples: run.len() as u32,
                bytes: ChunkBytes::Copied(bytes, 0..len),
            });
        }
        self.chunks.extend(self.histograms.iter().map(|&t| ChunkView {
            min: t,
            max: t,
            encoding: Encoding::FloatHistogram,
            samples: 1,
            bytes: ChunkBytes::Copied(Arc::new([]), 0..0),
        }));
        self.chunks.sort_by_key(|chunk| chunk.min);
    }
}

impl Queryable for TestStorage {
    fn querier(&self, _: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(TestQuerier { series: self.series.clone() }))
    }
}

struct TestQuerier {
    series: Vec<Arc<Series>>,
}

impl TestQuerier {
    fn matching<'a>(&'a self, what: &'a Selection<'_>) -> impl Iterator<Item = &'a Arc<Series>> {
        self.series.iter().filter(|series| {
            what.matchers.iter().all(|matcher| matcher.matches(series.entry.labels.value(matcher.name())))
        })
    }
}

impl Querier for TestQuerier {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        let (entries, series) = self.matching(what).map(|series| (series.entry.clone(), Arc::clone(series))).unzip();
        Ok(Box::new(TestSelected { entries, series }))
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        let mut values: Vec<Arc<str>> =
            self.matching(what).filter_map(|series| series.entry.labels.get(name)).map(Arc::from).collect();
        values.sort();
        values.dedup();
        Ok(values)
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        let mut names: Vec<Arc<str>> =
            self.matching(what).flat_map(|series| &series.entry.labels).map(|(name, _)| Arc::from(name)).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }
}

struct TestSelected {
    entries: Vec<SeriesEntry>,
    series: Vec<Arc<Series>>,
}

impl Selected for TestSelected {
    fn series(&self) -> &[SeriesEntry] {
        &self.entries
    }

    fn order(&self) -> Order {
        Order::Ref
    }

    fn chunks(&self, i: usize, out: &mut Vec<ChunkView>) -> Result<(), StorageError> {
        out.extend(self.series.get(i).into_iter().flat_map(|series| series.chunks.iter().cloned()));
        Ok(())
    }
}
