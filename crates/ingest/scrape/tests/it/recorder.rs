//! A store that keeps samples in memory, with the head's checks of order and duplicates.

use std::collections::BTreeMap;
use std::sync::Mutex;

use firesteel_base::TimestampMs;
use firesteel_model::{Labels, Metadata, SeriesRef, is_stale_nan};
use firesteel_storage::{
    AppendError, AppendOptions, Appendable, Appender, Committed, Exemplar, HistogramSample, HistogramValue, Rejected,
    SampleBatch, SeriesMeta, StorageError,
};

#[derive(Default)]
pub(crate) struct Recorder(Mutex<Store>);

#[derive(Default)]
struct Store {
    refs: BTreeMap<Labels, SeriesRef>,
    last_ref: u64,
    samples: BTreeMap<SeriesRef, Vec<(i64, f64)>>,
    histograms: Vec<String>,
    starts: Vec<(i64, i64)>,
    exemplars: Vec<String>,
    metadata: Vec<String>,
    created: usize,
}

impl Recorder {
    /// Returns all samples at `t`, as `labels value`, sorted; staleness markers as `stale`.
    pub(crate) fn at(&self, t: i64) -> Vec<String> {
        let store = self.0.lock().expect("no panic under the lock");
        let mut rows: Vec<String> = store
            .refs
            .iter()
            .flat_map(|(labels, series)| {
                store.samples.get(series).into_iter().flatten().filter(|(at, _)| *at == t).map(move |(_, v)| {
                    let shown: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
                    let value = if is_stale_nan(*v) { "stale".to_owned() } else { v.to_string() };
                    format!("{} {value}", shown.join(","))
                })
            })
            .collect();
        rows.sort();
        rows
    }

    /// Returns the values of one metric over time, in order; staleness markers as `stale`.
    pub(crate) fn values(&self, metric: &str) -> Vec<String> {
        let store = self.0.lock().expect("no panic under the lock");
        let mut rows: Vec<(i64, f64)> = store
            .refs
            .iter()
            .filter(|(labels, _)| labels.metric_name() == metric)
            .flat_map(|(_, series)| store.samples.get(series).into_iter().flatten().copied())
            .collect();
        rows.sort_by_key(|(t, _)| *t);
        rows.iter().map(|(_, v)| if is_stale_nan(*v) { "stale".to_owned() } else { v.to_string() }).collect()
    }

    /// Forgets all references, as a head that collected silent series.
    pub(crate) fn forget_series(&self) {
        let mut store = self.0.lock().expect("no panic under the lock");
        store.refs.clear();
        store.samples.clear();
    }

    pub(crate) fn created(&self) -> usize {
        self.0.lock().expect("no panic under the lock").created
    }

    /// Returns the histograms that were appended: metric, time, start, schema, buckets, count.
    pub(crate) fn histograms(&self) -> Vec<String> {
        self.0.lock().expect("no panic under the lock").histograms.clone()
    }

    /// Returns the start timestamps and times of floats that have one.
    pub(crate) fn starts(&self) -> Vec<(i64, i64)> {
        self.0.lock().expect("no panic under the lock").starts.clone()
    }

    pub(crate) fn exemplars(&self) -> Vec<String> {
        self.0.lock().expect("no panic under the lock").exemplars.clone()
    }

    pub(crate) fn metadata(&self) -> Vec<String> {
        self.0.lock().expect("no panic under the lock").metadata.clone()
    }
}

impl Appendable for Recorder {
    fn appender(&self) -> Box<dyn Appender + '_> {
        Box::new(Batch { store: &self.0, rows: Vec::new() })
    }
}

struct Batch<'a> {
    store: &'a Mutex<Store>,
    rows: Vec<(SeriesRef, i64, f64)>,
}

impl Appender for Batch<'_> {
    fn series(&mut self, labels: &Labels, about: &SeriesMeta<'_>) -> Result<SeriesRef, AppendError> {
        assert_eq!(about.job, "job1");
        let mut store = self.store.lock().expect("no panic under the lock");
        if let Some(&series) = store.refs.get(labels) {
            return Ok(series);
        }
        store.last_ref += 1;
        store.created += 1;
        let series = SeriesRef(store.last_ref);
        store.refs.insert(labels.clone(), series);
        store.samples.insert(series, Vec::new());
        Ok(series)
    }

    fn known(&self, labels: &Labels) -> Option<SeriesRef> {
        self.store.lock().expect("no panic under the lock").refs.get(labels).copied()
    }

    fn append(&mut self, rows: &SampleBatch, _: AppendOptions, rejected: &mut Vec<Rejected>) {
        let mut store = self.store.lock().expect("no panic under the lock");
        let starts = (0..rows.len()).map(|i| (rows.start(i).0, rows.t[i].0)).filter(|s| s.0 != 0);
        store.starts.extend(starts);
        for (row, ((&series, &TimestampMs(t)), &v)) in rows.refs.iter().zip(&rows.t).zip(&rows.v).enumerate() {
            let mut refuse = |why| rejected.push(Rejected { row: row as u32, why });
            let Some(kept) = store.samples.get(&series) else {
                refuse(AppendError::UnknownSeries);
                continue;
            };
            let pending = self.rows.iter().rev().find(|(s, _, _)| *s == series).map(|&(_, t, v)| (t, v));
            match pending.or_else(|| kept.last().copied()) {
                Some((last, _)) if t < last => refuse(AppendError::OutOfOrder),
                Some((last, value)) if t == last && value.to_bits() != v.to_bits() => refuse(AppendError::Duplicate),
                Some((last, _)) if t == last => {}
                _ => self.rows.push((series, t, v)),
            }
        }
    }

    fn append_histograms(&mut self, rows: &[HistogramSample], _: AppendOptions, _: &mut Vec<Rejected>) {
        let mut store = self.store.lock().expect("no panic under the lock");
        for row in rows {
            let (schema, buckets, count) = match &row.value {
                HistogramValue::Int(h) => {
                    (h.schema, h.positive_buckets.len() + h.negative_buckets.len(), h.count as f64)
                }
                HistogramValue::Float(h) => (h.schema, h.positive_buckets.len() + h.negative_buckets.len(), h.count),
            };
            let of = store.refs.iter().find(|(_, series)| **series == row.series).map(|(labels, _)| labels);
            let name = of.map_or("?", Labels::metric_name).to_owned();
            store.histograms.push(format!("{name} {} {} {schema} {buckets} {count}", row.t.0, row.start_t.0));
        }
    }

    fn append_exemplars(&mut self, rows: &[Exemplar], _: &mut Vec<Rejected>) {
        let mut store = self.store.lock().expect("no panic under the lock");
        store.exemplars.extend(rows.iter().map(|e| format!("{:?} {} {}", e.labels, e.v, e.t.0)));
    }

    fn metadata(&mut self, series: SeriesRef, about: &Metadata) {
        let mut store = self.store.lock().expect("no panic under the lock");
        store.metadata.push(format!("{} {} {}", series.0, about.metric_type.as_str(), about.help));
    }

    fn commit(self: Box<Self>) -> Result<Committed, StorageError> {
        let mut store = self.store.lock().expect("no panic under the lock");
        let appended = self.rows.len();
        for (series, t, v) in self.rows {
            store.samples.entry(series).or_default().push((t, v));
        }
        Ok(Committed { appended, rejected: 0, durable: true })
    }
}
