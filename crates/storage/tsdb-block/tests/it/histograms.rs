//! Histograms, start timestamps and floats side by side: deleted from, merged, read again.

use std::collections::BTreeMap;
use std::path::Path;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_model::{CounterReset, Histogram, Labels, Span};
use firesteel_storage::chunkenc::{Row, RowValue, RowsToChunks, decode_rows};
use firesteel_storage::{Encoding, HistogramValue, Queryable, Selection};
use firesteel_tsdb_block::{Block, BlockMeta, BlockSpec, LabelledSource, Ulid, WriteOptions, compact, write_block};

use super::data::{open, range};

const DIR: &str = "/data";

/// What a row says, for comparisons: counter reset hints depend on the neighbours and are left out.
fn shown(row: &Row) -> String {
    let value = match &row.value {
        RowValue::Float(v) => format!("{:016x}", v.to_bits()),
        RowValue::Histogram(HistogramValue::Int(h)) => format!("{h}"),
        RowValue::Histogram(HistogramValue::Float(h)) => format!("float {h}"),
    };
    format!("{} {value}", row.start.0)
}

type Shown = BTreeMap<String, BTreeMap<i64, String>>;

fn histogram(t: i64, gauge: bool) -> Histogram {
    let n = (t % 50) as u64 + 1;
    Histogram {
        counter_reset: if gauge { CounterReset::Gauge } else { CounterReset::Unknown },
        schema: (t / 40 % 3) as i32,
        zero_threshold: 0.001,
        zero_count: n,
        count: n * 4,
        sum: t as f64 * 0.5,
        // Buckets come and go.
        positive_spans: vec![Span { offset: (t / 10 % 4) as i32, length: 2 }],
        positive_buckets: vec![n as i64, n as i64],
        ..Histogram::default()
    }
}

/// A sample that follows from kind and time, so that blocks agree where they overlap.
fn row(kind: &str, t: i64) -> Row {
    let int = |gauge| RowValue::Histogram(HistogramValue::Int(Box::new(histogram(t, gauge))));
    let float = || RowValue::Histogram(HistogramValue::Float(Box::new(histogram(t, false).to_float())));
    let value = match kind {
        "int" | "int_start" => int(false),
        "gauge" => int(true),
        "float_histogram" | "float_histogram_start" => float(),
        "changing" if t / 30 % 3 == 0 => int(false),
        "changing" if t / 30 % 3 == 1 => float(),
        _ => RowValue::Float(t as f64 * 0.25),
    };
    let start = if kind.ends_with("start") { 1 + t / 20 } else { 0 };
    Row { t: TimestampMs(t), start: TimestampMs(start), value }
}

const KINDS: [&str; 8] =
    ["int", "int_start", "gauge", "float_histogram", "float_histogram_start", "changing", "float", "float_start"];

fn write(vfs: &FaultVfs, number: u128, times: std::ops::Range<i64>, step: usize) -> (BlockMeta, Shown) {
    let mut all = Shown::new();
    let series = KINDS.iter().map(|kind| {
        let rows: Vec<Row> = times.clone().step_by(step).map(|t| row(kind, t)).collect();
        let mut chunks = Vec::new();
        RowsToChunks { samples: 23, xor2: false, histogram_starts: false }
            .encode(&rows, &mut chunks)
            .expect("few samples");
        let labels = Labels::from_pairs([("kind", *kind)]);
        all.insert(labels.to_string(), rows.iter().map(|row| (row.t.0, shown(row))).collect());
        (labels, chunks)
    });
    let mut source = LabelledSource::new(series.collect());
    let spec = BlockSpec::of_head(Ulid::from_parts(1, number), times.start, times.end);
    let meta = write_block(vfs, Path::new(DIR), &spec, &mut source, &mut WriteOptions::default());
    (meta.expect("a write").expect("samples"), all)
}

fn read(block: &Block) -> Shown {
    let querier = block.querier(range(i64::MIN, i64::MAX)).expect("a querier");
    let selected = querier.select(&Selection::default()).expect("a selection");
    let mut all = Shown::new();
    for (i, series) in selected.series().iter().enumerate() {
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks");
        let mut rows = Vec::new();
        for chunk in &chunks {
            let from = rows.len();
            decode_rows(chunk, &mut rows).expect("a chunk");
            let times = || rows[from..].iter().map(|r: &Row| r.t);
            assert_eq!((times().min(), times().max()), (Some(chunk.min), Some(chunk.max)));
            assert_eq!(rows.len() - from, chunk.samples as usize);
        }
        all.insert(series.labels.to_string(), rows.iter().map(|r| (r.t.0, shown(r))).collect());
    }
    all
}

#[test]
fn every_kind_survives_deletions_and_merges() {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new(DIR)).expect("a directory");
    let (first, mut wanted) = write(&vfs, 1, 0..400, 1);
    assert_eq!(first.stats.num_samples, first.stats.num_float_samples + first.stats.num_histogram_samples);
    let block = open(&vfs, Path::new(DIR), &first);
    assert!(read(&block) == wanted);
    for (from, to) in [(0, 5), (100, 190), (391, 500)] {
        assert_eq!(block.delete(&vfs, range(from, to), &[]).expect("a deletion"), KINDS.len());
        for samples in wanted.values_mut() {
            samples.retain(|t, _| !(from..=to).contains(t));
        }
    }
    assert!(read(&block) == wanted);
    let again = open(&vfs, Path::new(DIR), &first);
    assert!(read(&again) == wanted);

    // One that overlaps, with other times, and one behind.
    let (second, more) = write(&vfs, 2, 150..700, 3);
    let (third, last) = write(&vfs, 3, 700..800, 1);
    for (labels, samples) in more.into_iter().chain(last) {
        wanted.entry(labels).or_default().extend(samples);
    }
    let blocks = [again, open(&vfs, Path::new(DIR), &second), open(&vfs, Path::new(DIR), &third)];
    for (floats, number) in [(Encoding::Xor, 4), (Encoding::Xor2, 5)] {
        let mut options = WriteOptions { float_encoding: floats, ..WriteOptions::default() };
        let meta = compact(&vfs, Path::new(DIR), &blocks, Ulid::from_parts(2, number), &mut options);
        let meta = meta.expect("a merge").expect("samples");
        let merged = open(&vfs, Path::new(DIR), &meta);
        assert!(read(&merged) == wanted);
        let floats_only = [firesteel_model::Matcher::equal("kind", "float")];
        let querier = merged.querier(range(200, 300)).expect("a querier");
        let selected = querier.select(&Selection { matchers: &floats_only, ..Selection::default() }).expect("one");
        let mut chunks = Vec::new();
        selected.chunks(0, &mut chunks).expect("chunks");
        assert!(chunks.iter().any(|c| c.encoding == floats), "{floats:?}");
        assert!(chunks.iter().all(|c| c.samples <= 120));
    }
}
