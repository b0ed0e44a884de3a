//! A store in memory, behind the same hinge as the database: series in order of creation, samples in chunks of their kind.

use std::sync::Arc;

use firesteel_base::{FastHashMap, TimeRange, TimestampMs};
use firesteel_model::{FloatHistogram, Labels, SeriesRef, push_packed};
use firesteel_storage::chunkenc::{Appended, FloatHistogramAppender, Xor2Appender, XorChunk};
use firesteel_storage::{
    ChunkBytes, ChunkView, Encoding, LabelsWanted, Order, Querier, Queryable, Selected, Selection, SeriesEntry,
    StorageError,
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
    samples: Vec<TestSample>,
    chunks: Vec<ChunkView>,
}

/// A sample to be stored.
#[derive(Clone, Debug)]
pub(super) struct TestSample {
    pub(super) t: TimestampMs,
    /// 0 = none.
    pub(super) start: TimestampMs,
    pub(super) value: TestValue,
}

#[derive(Clone, Debug)]
pub(super) enum TestValue {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
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
        self.append_samples(
            labels,
            samples.into_iter().map(|(t, v)| TestSample { t, start: TimestampMs(0), value: TestValue::Float(v) }),
        );
    }

    /// As [`Self::append`], each sample with the time from which its counter counts; 0 = none is known.
    pub fn append_with_starts(
        &mut self,
        labels: &Labels,
        samples: impl IntoIterator<Item = (TimestampMs, TimestampMs, f64)>,
    ) {
        let samples = samples.into_iter();
        self.append_samples(labels, samples.map(|(t, start, v)| TestSample { t, start, value: TestValue::Float(v) }));
    }

    /// Adds histograms to a series, as [`Self::append`] does floats.
    pub fn append_histograms(
        &mut self,
        labels: &Labels,
        samples: impl IntoIterator<Item = (TimestampMs, FloatHistogram)>,
    ) {
        let histogram = |h| TestValue::Histogram(Arc::new(h));
        let samples = samples.into_iter();
        self.append_samples(labels, samples.map(|(t, h)| TestSample { t, start: TimestampMs(0), value: histogram(h) }));
    }

    /// Adds samples of either kind.
    pub(super) fn append_samples(&mut self, labels: &Labels, samples: impl IntoIterator<Item = TestSample>) {
        let series = self.series_mut(labels);
        series.samples.extend(samples);
        series.samples.sort_by_key(|sample| sample.t);
        series.samples.dedup_by_key(|sample| sample.t);
        series.seal();
    }

    fn series_mut(&mut self, labels: &Labels) -> &mut Series {
        let next = self.series.len();
        let at = *self.by_labels.entry(labels.clone()).or_insert(next);
        if at == next {
            let entry = SeriesEntry { series: SeriesRef(next as u64 + 1), labels: labels.clone() };
            let series = Series { entry, samples: Vec::new(), chunks: Vec::new() };
            self.series.push(Arc::new(series));
        }
        Arc::make_mut(&mut self.series[at])
    }
}

impl Series {
    /// Encodes the samples anew.
    fn seal(&mut self) {
        self.chunks.clear();
        let is_float = |sample: &TestSample| matches!(sample.value, TestValue::Float(_));
        for run in self.samples.chunk_by(|a, b| is_float(a) == is_float(b)) {
            if is_float(&run[0]) {
                run.chunks(CHUNK_SAMPLES).for_each(|run| self.chunks.push(floats(run)));
            } else {
                histograms(run, &mut self.chunks);
            }
        }
    }
}

const ROOM: &str = "a run is far shorter than a chunk may be";

fn view(run: &[TestSample], encoding: Encoding, bytes: &[u8]) -> ChunkView {
    ChunkView {
        min: run[0].t,
        max: run[run.len() - 1].t,
        encoding,
        samples: run.len() as u32,
        bytes: ChunkBytes::Copied(bytes.into(), 0..bytes.len()),
    }
}

/// Encodes floats, with start timestamps if there are any.
fn floats(run: &[TestSample]) -> ChunkView {
    let of = |sample: &TestSample| match sample.value {
        TestValue::Float(v) => v,
        TestValue::Histogram(_) => f64::NAN,
    };
    if run.iter().all(|sample| sample.start.0 == 0) {
        let mut chunk = XorChunk::new();
        for sample in run {
            chunk.push(sample.t, of(sample)).expect(ROOM);
        }
        return view(run, Encoding::Xor, &chunk.into_bytes());
    }
    let mut chunk = Xor2Appender::new();
    for sample in run {
        chunk.append(sample.start, sample.t, of(sample)).expect(ROOM);
    }
    view(run, Encoding::Xor2, chunk.bytes())
}

/// Encodes histograms as the head does: in as many chunks as their counters and layouts ask for.
fn histograms(run: &[TestSample], out: &mut Vec<ChunkView>) {
    let with_starts = run.iter().any(|sample| sample.start.0 != 0);
    let encoding = if with_starts { Encoding::FloatHistogramSt } else { Encoding::FloatHistogram };
    let mut open = FloatHistogramAppender::new(with_starts);
    let mut first = 0;
    for (i, sample) in run.iter().enumerate() {
        let TestValue::Histogram(h) = &sample.value else { continue };
        if let Appended::Cut(new) = open.append(None, sample.start, sample.t, h).expect(ROOM) {
            out.push(view(&run[first..i], encoding, open.bytes()));
            (open, first) = (*new, i);
        }
    }
    out.push(view(&run[first..], encoding, open.bytes()));
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
        let mut found: Vec<(SeriesEntry, Arc<Series>)> =
            self.matching(what).map(|series| (series.entry.clone(), Arc::clone(series))).collect();
        if what.sorted {
            found.sort_by(|a, b| a.0.labels.cmp(&b.0.labels));
        }
        let (mut entries, series): (Vec<SeriesEntry>, _) = found.into_iter().unzip();
        // As strict as any store, so that tests tell when a label that is needed was not wanted.
        if let LabelsWanted::Only(names) = what.labels {
            let mut packed = Vec::new();
            for entry in &mut entries {
                packed.clear();
                for (name, value) in entry.labels.iter().filter(|(name, _)| names.iter().any(|wanted| wanted == name)) {
                    push_packed(&mut packed, name);
                    push_packed(&mut packed, value);
                }
                entry.labels = Labels::from_packed(&packed);
            }
        }
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
