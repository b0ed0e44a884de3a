//! A database with a short way to append and to ask, and a model that knows what it must answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::Labels;
use firesteel_storage::chunkenc::XorDecoder;
use firesteel_storage::{
    AppendOptions, Appendable, Committed, Queryable, SampleBatch, Selected, Selection, SeriesMeta,
};
use firesteel_tsdb::Db;

pub(crate) type Answer = BTreeMap<String, Vec<(i64, u64)>>;

pub(crate) fn series(i: usize) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("i", &i.to_string())])
}

pub(crate) fn append(db: &Db, rows: &[(usize, i64, f64)]) -> Committed {
    let mut appender = db.appender();
    let mut batch = SampleBatch::default();
    for &(i, t, v) in rows {
        let series = appender.series(&series(i), &SeriesMeta::default()).expect("valid labels");
        batch.push(series, TimestampMs(t), v);
    }
    let mut rejected = Vec::new();
    appender.append(&batch, AppendOptions::default(), &mut rejected);
    assert!(rejected.is_empty(), "{rejected:?}");
    appender.commit().expect("commits")
}

pub(crate) fn answer(db: &Arc<Db>) -> Answer {
    let querier = db.querier(TimeRange::ALL).expect("is open");
    read(&*querier.select(&Selection::default()).expect("selects"))
}

/// Reads all samples of a selection.
pub(crate) fn read(selected: &dyn Selected) -> Answer {
    let mut out = Answer::new();
    for (i, entry) in selected.series().iter().enumerate() {
        let (mut chunks, mut samples) = (Vec::new(), Vec::new());
        selected.chunks(i, &mut chunks).expect("chunks are there");
        for chunk in chunks {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            let (mut t, mut v) = ([TimestampMs(0); 100], [0.0; 100]);
            loop {
                let n = decoder.decode_batch(&mut t, &mut v).expect("decodes");
                if n == 0 {
                    break;
                }
                samples.extend((0..n).map(|k| (t[k].0, v[k].to_bits())));
            }
        }
        // Chunks of several blocks may overlap, with equal samples.
        samples.sort_by_key(|s: &(i64, u64)| s.0);
        samples.dedup_by_key(|s| s.0);
        assert!(out.insert(format!("{:?}", entry.labels), samples).is_none(), "a series twice");
    }
    out
}

/// What a database must answer.
#[derive(Default)]
pub(crate) struct Model(pub(crate) Answer);

impl Model {
    pub(crate) fn add(&mut self, rows: &[(usize, i64, f64)]) {
        for &(i, t, v) in rows {
            self.0.entry(format!("{:?}", series(i))).or_default().push((t, v.to_bits()));
        }
    }
}
