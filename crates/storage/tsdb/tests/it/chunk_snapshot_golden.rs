//! Bytes of upstream's snapshot at a shutdown: what Prometheus 3.14 writes of a head is read, and what we write of it is the
//! same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{CounterReset, FloatHistogram, Histogram, Labels, Matcher, Span, stale_nan};
use firesteel_storage::{
    AppendOptions, Appendable as _, Appender, Exemplar, ExemplarQueryable as _, HistogramSample, HistogramValue,
    SampleBatch, SeriesMeta,
};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_wal::{Compression, PAGE_BYTES, WalReader, list_segments};

use crate::memory_snapshot::answer;

const GOLDEN: &str = include_str!("../../testdata/chunk_snapshot.txt");
const DIR: &str = "/golden";
const START: i64 = 1_700_000_000_000;
const STEP: i64 = 15_000;

fn options(vfs: &Arc<dyn Vfs>, dir: &Path) -> DbOptions {
    DbOptions {
        memory_snapshot: true,
        background: false,
        no_lockfile: true,
        exemplars_max: 100,
        wal_compression: Compression::None,
        vfs: Arc::clone(vfs),
        ..DbOptions::new(dir)
    }
}

fn histogram(n: i64) -> Histogram {
    Histogram {
        schema: 2,
        zero_threshold: 1e-9,
        zero_count: n as u64 / 4,
        count: 3 * n as u64 + 9 + n as u64 / 4,
        sum: n as f64 * 1.25,
        positive_spans: vec![Span { offset: -3, length: 2 }, Span { offset: 4, length: 1 }],
        positive_buckets: vec![n + 2, 1, -n - 1],
        negative_spans: vec![Span { offset: 0, length: 1 }],
        negative_buckets: vec![n + 2],
        ..Histogram::default()
    }
}

fn custom(n: i64) -> Histogram {
    Histogram {
        schema: -53,
        count: 2 * n as u64 + 3,
        sum: n as f64,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![n + 1, 1],
        custom_values: vec![0.5, 2.5],
        ..Histogram::default()
    }
}

fn gauge(n: i64) -> FloatHistogram {
    FloatHistogram { counter_reset: CounterReset::Gauge, ..histogram(20 - n).to_float() }
}

fn floats() -> Vec<(Labels, Vec<f64>)> {
    let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
    vec![
        (of(&[("__name__", "constant")]), vec![1.0; 30]),
        (of(&[("__name__", "counter"), ("job", "a")]), (0..40).map(|n| f64::from(n * 7)).collect()),
        (of(&[("__name__", "gauge"), ("job", "b"), ("room", "küche")]), (0..25).map(|n| f64::from(n).sin()).collect()),
        (of(&[("__name__", "once")]), vec![3.5]),
        (of(&[("__name__", "odd")]), vec![f64::INFINITY, -0.0, f64::MIN_POSITIVE, f64::MAX, stale_nan()]),
    ]
}

fn push(appender: &mut dyn Appender, name: &str, n: i64, value: HistogramValue) {
    let series = appender.series(&Labels::from_pairs([("__name__", name)]), &SeriesMeta::default()).expect("new");
    let row = HistogramSample { series, t: TimestampMs(START + n * STEP), start_t: TimestampMs(0), value };
    let mut refused = Vec::new();
    appender.append_histograms(&[row], AppendOptions::default(), &mut refused);
    assert!(refused.is_empty(), "{refused:?}");
}

/// What the golden bytes are of.
fn fill(db: &Db) {
    for n in 0..40 {
        let (mut batch, mut refused) = (SampleBatch::default(), Vec::new());
        let mut appender = db.appender();
        for (labels, values) in floats() {
            let series = appender.series(&labels, &SeriesMeta::default()).expect("valid labels");
            if let Some(v) = values.get(n as usize) {
                batch.push(series, TimestampMs(START + n * STEP), *v);
            }
            if n % 16 == 7 && labels.value("job") == "a" {
                let labels = Labels::from_pairs([("trace_id", format!("{n:04x}"))]);
                let t = TimestampMs(START + n * STEP - 1);
                let one = Exemplar { series, labels, t, v: n as f64 / 8.0, timestamped: false };
                appender.append_exemplars(&[one], &mut refused);
            }
        }
        appender.append(&batch, AppendOptions::default(), &mut refused);
        assert!(refused.is_empty(), "{refused:?}");
        if n < 20 {
            push(&mut *appender, "ints", n, HistogramValue::Int(Box::new(histogram(n))));
            push(&mut *appender, "customs", n, HistogramValue::Int(Box::new(custom(n))));
            push(&mut *appender, "gauges", n, HistogramValue::Float(Box::new(gauge(n))));
        }
        appender.commit().expect("commits");
    }
    let range = |from, to| TimeRange { min: TimestampMs(START + from * STEP), max: TimestampMs(START + to * STEP) };
    db.delete(range(3, 5), &[Matcher::equal("job", "a")]).expect("deletes");
    db.delete(range(8, 9), &[Matcher::equal("job", "a")]).expect("deletes");
    db.delete(range(0, 2), &[Matcher::equal("__name__", "ints")]).expect("deletes");
}

/// Returns the kept bytes as the segment they were, and its directory.
fn golden() -> (String, Vec<u8>) {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    let (hex, names): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('\t'));
    let digits: Vec<u8> = hex.iter().flat_map(|line| line[1..].bytes()).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hex") as u8;
    let mut bytes: Vec<u8> = digits.chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect();
    bytes.resize(bytes.len().next_multiple_of(PAGE_BYTES), 0);
    (names[0].split('/').next().expect("a directory").to_owned(), bytes)
}

/// A data directory with nothing but the kept snapshot and the empty segments that it stands behind.
fn placed() -> FaultVfs {
    let (vfs, (name, bytes)) = (FaultVfs::new(), golden());
    for (dir, file, bytes) in [(name.as_str(), "00000000", bytes), ("wal", "00000001", Vec::new())] {
        let dir = Path::new(DIR).join(dir);
        vfs.create_dir_all(&dir).expect("a directory");
        vfs.create(&dir.join(file)).and_then(|f| f.write_all_at(&bytes, 0)).expect("in memory");
    }
    vfs
}

fn open(vfs: &FaultVfs) -> Arc<Db> {
    let seam: Arc<dyn Vfs> = Arc::new(vfs.clone());
    Db::open(options(&seam, Path::new(DIR))).expect("opens")
}

/// Returns the records of the only snapshot: those of series by reference, then the others.
fn records(vfs: &FaultVfs) -> BTreeMap<(u8, u64), Vec<u8>> {
    let seam: Arc<dyn Vfs> = Arc::new(vfs.clone());
    let found =
        seam.list(Path::new(DIR)).expect("is there").into_iter().find(|e| e.name.starts_with("chunk_snapshot."));
    let dir = Path::new(DIR).join(found.expect("was written").name);
    let mut reader = WalReader::over(Arc::clone(&seam), list_segments(seam.as_ref(), &dir).expect("is there"));
    let mut records = BTreeMap::new();
    while let Some(record) = reader.next_record().expect("is whole") {
        let number = match record.bytes[0] {
            1 => u64::from_be_bytes(*record.bytes[1..].first_chunk().expect("a reference")),
            _ => 0,
        };
        let mut bytes = record.bytes.to_vec();
        if bytes[0] == 2 {
            // Deletions come in no order: a reference of one byte and two times of six each.
            let mut stones: Vec<Vec<u8>> = bytes.split_off(3).chunks(13).map(<[u8]>::to_vec).collect();
            stones.sort_unstable();
            bytes.extend(stones.concat());
        }
        assert!(records.insert((bytes[0], number), bytes).is_none(), "{number} twice");
    }
    records
}

#[test]
fn what_upstream_wrote_is_read() {
    let filled = open(&FaultVfs::new());
    fill(&filled);
    let db = open(&placed());
    let replay = db.replay_stats();
    assert_eq!((replay.series, replay.samples, replay.snapshot_chunks), (8, 0, 8), "{replay:?}");
    assert!(!replay.chunk_snapshot_failed);
    let want = answer(&filled);
    assert!(want.len() > 150, "{}", want.len());
    assert_eq!(answer(&db), want);
    let exemplars = |db: &Db| db.exemplars(TimeRange::ALL, &[&[Matcher::equal("job", "a")]]);
    assert_eq!(exemplars(&db), exemplars(&filled));
    assert_eq!(exemplars(&db)[0].exemplars.len(), 3);
}

#[test]
fn what_we_write_is_upstreams() {
    let vfs = FaultVfs::new();
    let db = open(&vfs);
    fill(&db);
    db.close().expect("closes");
    let (ours, theirs) = (records(&vfs), records(&placed()));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (key, record) in &theirs {
        assert_eq!(&ours[key], record, "record {key:?}");
    }
}
