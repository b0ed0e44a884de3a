//! Start timestamps and XOR2: what 3.14 writes from the same samples (`testdata/starts.txt`), and a model over restarts,
//! kills, maps, snapshots and compactions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::OsVfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Histogram, Labels, Span};
use firesteel_storage::chunkenc::{Row, RowValue, decode_rows};
use firesteel_storage::{
    AppendOptions, Appendable, ChunkView, Encoding, HistogramSample, HistogramValue, Queryable, SampleBatch, Selection,
    SeriesMeta,
};
use firesteel_testkit::Random;
use firesteel_tsdb::{Db, DbError, DbOptions};
use firesteel_tsdb_wal::records::{HistogramsRecord, RecordType, SamplesV2Record};
use firesteel_tsdb_wal::{Compression, WalReader};

const T: i64 = 1_700_000_000_000 / 7_200_000 * 7_200_000;

/// What a sample must come back with: its start and its value, for histograms their count.
type Samples = BTreeMap<i64, (i64, u64)>;
type Answer = BTreeMap<String, Samples>;

fn options(dir: &Path, mode: &str) -> DbOptions {
    DbOptions {
        out_of_order_window: Duration::from_hours(2),
        wal_compression: Compression::None,
        starts: mode == "all",
        histogram_starts: mode == "all",
        xor2: mode == "all" || mode == "xor2",
        zero_at_start: mode == "zero",
        background: false,
        ..DbOptions::new(dir.join("data"))
    }
}

fn start_of(series: usize, i: i64) -> i64 {
    match series {
        0 => 0,
        1 => T - 1000,
        2 => T - 1000 + i / 50 * 700_000,
        _ => T + i * 15_000 - i % 7 * 11,
    }
}

fn int(n: u64) -> Histogram {
    Histogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count: n,
        count: 3 * n + 2,
        sum: n as f64 * 1.5,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![n as i64 + 1, 0],
        ..Histogram::default()
    }
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", "m"), ("i", name)])
}

/// Appends floats (series, start, time, value) and histograms as one batch.
fn append(db: &Db, floats: &[(&str, i64, i64, f64)], histograms: &[(&str, i64, i64, HistogramValue)]) {
    let mut appender = db.appender();
    let (mut batch, mut rows, mut rejected) = (SampleBatch::default(), Vec::new(), Vec::new());
    for &(name, start, t, v) in floats {
        let series = appender.series(&labels(name), &SeriesMeta::default()).expect("valid labels");
        batch.push_with_start(series, TimestampMs(start), TimestampMs(t), v);
    }
    for (name, start, t, value) in histograms {
        let series = appender.series(&labels(name), &SeriesMeta::default()).expect("valid labels");
        let (t, start_t) = (TimestampMs(*t), TimestampMs(*start));
        rows.push(HistogramSample { series, t, start_t, value: value.clone() });
    }
    appender.append(&batch, AppendOptions::default(), &mut rejected);
    appender.append_histograms(&rows, AppendOptions::default(), &mut rejected);
    assert!(rejected.is_empty(), "{rejected:?}");
    appender.commit().expect("commits");
}

fn fill(db: &Db) {
    for i in 0..300i64 {
        let t = T + i * 15_000;
        let mut floats = Vec::new();
        for (s, name) in ["0", "1", "2", "3"].into_iter().enumerate() {
            floats.push((name, start_of(s, i), t, (i * (s as i64 + 1)) as f64 * 1.5));
        }
        if i >= 240 && i % 10 == 0 {
            let t = if i > 240 { T + (600 - i) * 1000 + i % 3 } else { t };
            floats.push(("l", t - i * 100, t, i as f64));
        }
        let h = int(i as u64);
        let float = HistogramValue::Float(Box::new(h.to_float()));
        let histograms = [("h", start_of(2, i), t, HistogramValue::Int(Box::new(h))), ("f", start_of(2, i), t, float)];
        append(db, &floats, &histograms);
    }
    // Ends the chunks of histograms: upstream reads an open one with another header than it has.
    let h = int(300);
    let float = HistogramValue::Float(Box::new(h.to_float()));
    let t = T + 7_200_000;
    append(db, &[], &[("h", T, t, HistogramValue::Int(Box::new(h))), ("f", T, t, float)]);
}

fn each_series(db: &Arc<Db>, mut each: impl FnMut(&str, Vec<ChunkView>)) {
    let querier = db.querier(TimeRange::ALL).expect("is open");
    let selected = querier.select(&Selection { sorted: true, ..Selection::default() }).expect("selects");
    for (i, entry) in selected.series().iter().enumerate() {
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks are there");
        each(entry.labels.value("i"), chunks);
    }
}

fn chunks(db: &Arc<Db>, mode: &str) -> Vec<String> {
    let mut out = Vec::new();
    each_series(db, |name, chunks| {
        for chunk in chunks.iter().filter(|c| c.min.0 < T + 7_000_000) {
            let bytes = chunk.bytes.as_slice();
            let (min, max) = (chunk.min.0 - T, chunk.max.0 - T);
            let (encoding, len, crc) = (chunk.encoding as u8, bytes.len(), crc32c::crc32c(bytes));
            out.push(format!("{mode}\t{name}\t{encoding}\t{min}\t{max}\t{len}\t{crc:08x}"));
        }
    });
    out.sort();
    out
}

fn golden(kind: &str) -> Vec<String> {
    let text = include_str!("../../testdata/starts.txt");
    let mut lines: Vec<String> =
        text.lines().filter(|l| l.strip_prefix(kind).is_some_and(|l| l.starts_with('\t'))).map(str::to_owned).collect();
    if !kind.contains('_') {
        lines.sort();
    }
    lines
}

fn answer(db: &Arc<Db>) -> Answer {
    let mut out = Answer::new();
    each_series(db, |name, chunks| {
        let samples = out.entry(name.to_owned()).or_default();
        for chunk in chunks {
            let mut rows: Vec<Row> = Vec::new();
            decode_rows(&chunk, &mut rows).expect("decodes");
            assert_eq!(rows.len(), chunk.samples as usize);
            for row in rows {
                let value = match row.value {
                    RowValue::Float(v) => v.to_bits(),
                    RowValue::Histogram(HistogramValue::Int(h)) => h.count,
                    RowValue::Histogram(HistogramValue::Float(h)) => h.count as u64,
                };
                samples.insert(row.t.0, (row.start.0, value));
            }
        }
    });
    out
}

#[test]
fn chunks_are_upstreams() {
    for mode in ["all", "xor2", "zero"] {
        let dir = tempfile::tempdir().expect("a directory");
        let db = Db::open(options(dir.path(), mode)).expect("opens");
        fill(&db);
        assert_eq!(chunks(&db, mode), golden(mode), "{mode}");
        if mode == "xor2" {
            // The log keeps no start timestamps without `st-storage`.
            continue;
        }
        let samples = answer(&db);
        db.close().expect("closes");
        drop(db);
        let db = Db::open(options(dir.path(), mode)).expect("opens again");
        assert_eq!(chunks(&db, mode), golden(mode), "{mode}, from the log");
        assert_eq!(answer(&db), samples);
        db.map_chunks().expect("maps");
        db.roll_snapshot().expect("writes");
        drop(db);
        let db = Db::open(options(dir.path(), mode)).expect("opens once more");
        assert_eq!(chunks(&db, mode), golden(mode), "{mode}, from chunks_head and the snapshot");
        db.close().expect("closes");
    }
}

/// An entry of a record: series, time, start, value or body.
type Entry = (u64, i64, i64, Vec<u8>);

fn entries(record: &[u8]) -> (Option<RecordType>, Vec<Entry>) {
    let kind = RecordType::of(record);
    let mut out = Vec::new();
    if kind == Some(RecordType::SamplesV2) {
        for e in SamplesV2Record::decode(record).expect("samples") {
            let e = e.expect("a sample");
            out.push((e.series.0, e.t.0, e.start.0, e.v.to_bits().to_be_bytes().to_vec()));
        }
    } else if let Ok(histograms) = HistogramsRecord::decode(record) {
        for e in histograms {
            let e = e.expect("a histogram");
            out.push((e.series.0, e.t.0, e.start.0, e.body.to_vec()));
        }
    }
    // Ours go by shard.
    out.sort();
    (kind, out)
}

#[test]
fn logs_hold_what_upstreams_hold() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path(), "all")).expect("opens");
    fill(&db);
    db.close().expect("closes");
    for log in ["wal", "wbl"] {
        let want: Vec<Vec<u8>> = golden(&format!("all_{log}"))
            .iter()
            .filter_map(|line| line.split('\t').nth(1))
            .map(|hex| {
                let digits = |i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal");
                (0..hex.len() / 2).map(digits).collect()
            })
            .collect();
        assert!(!want.is_empty());
        let mut reader = WalReader::open(Arc::new(OsVfs), &dir.path().join("data").join(log)).expect("opens");
        for want in want {
            let found = reader.next_record().expect("reads").expect("a record");
            assert_eq!(entries(found.bytes), entries(&want), "{log}");
        }
    }
}

#[test]
fn xor_has_no_room_for_starts() {
    let dir = tempfile::tempdir().expect("a directory");
    let wrong = DbOptions { xor2: false, ..options(dir.path(), "all") };
    let error = Db::open(wrong).expect_err("upstream refuses it, too");
    assert!(matches!(error, DbError::StartsNeedXor2));
    assert_eq!(
        error.to_string(),
        "float chunk encoding \"xor\" is incompatible with start-timestamp storage; XOR chunks do not store start \
         timestamps, use \"xor2\""
    );
}

#[test]
fn an_encoding_changes_with_the_next_chunk() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path(), "xor")).expect("opens");
    let encodings = |db: &Arc<Db>| {
        let mut out = Vec::new();
        each_series(db, |_, chunks| out.extend(chunks.iter().map(|c| (c.encoding, c.samples))));
        out
    };
    append(&db, &[("a", 5, T, 1.0)], &[]);
    db.set_xor2(true).expect("nothing is against it");
    append(&db, &[("a", 5, T + 1, 2.0)], &[]);
    assert_eq!(encodings(&db), [(Encoding::Xor, 2)]);
    append(&db, &[("a", 5, T + 7_200_000, 3.0), ("b", 6, T + 7_200_000, 3.0)], &[]);
    db.set_xor2(false).expect("nothing is against it");
    append(&db, &[("a", 7, T + 7_200_001, 4.0), ("b", 6, T + 14_400_000, 4.0)], &[]);
    assert_eq!(encodings(&db), [(Encoding::Xor, 2), (Encoding::Xor2, 2), (Encoding::Xor2, 1), (Encoding::Xor, 1)]);
    // Chunks stay as they are in the snapshot; a replay would write them anew.
    db.roll_snapshot().expect("writes");
    drop(db);
    // Start timestamps are asked for: XOR ends at once.
    let db = Db::open(options(dir.path(), "all")).expect("opens");
    append(&db, &[("b", 9, T + 14_400_001, 5.0)], &[]);
    assert_eq!(encodings(&db).last(), Some(&(Encoding::Xor2, 1)));
    assert_eq!(answer(&db)["b"][&(T + 14_400_001)], (9, 5f64.to_bits()));
    assert!(db.set_xor2(false).is_err());
}

/// Leaves the directory as a killed process would.
fn kill(db: Arc<Db>, dir: &Path) {
    let copy = dir.join("killed");
    copy_tree(&dir.join("data"), &copy);
    drop(db);
    std::fs::remove_dir_all(dir.join("data")).expect("removes");
    std::fs::rename(copy, dir.join("data")).expect("renames");
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("creates");
    for entry in std::fs::read_dir(from).expect("lists").flatten() {
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        } else if entry.file_name() != "lock" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
        }
    }
}

#[test]
fn samples_and_starts_are_a_naive_models() {
    for seed in 0..12 {
        let mut dice = Random::new(seed);
        let dir = tempfile::tempdir().expect("a directory");
        let open = || {
            Db::open(DbOptions {
                min_block_duration: Duration::from_mins(20),
                max_block_duration: Duration::from_mins(60),
                samples_per_chunk: 12,
                out_of_order_cap: 4,
                wal_segment_bytes: 32 << 10,
                ..options(dir.path(), "all")
            })
            .expect("opens")
        };
        let mut model = Answer::new();
        let mut db = open();
        let (mut now, mut n) = (T, 0u64);
        for _step in 0..60 {
            match dice.below(12) {
                0 => {
                    db.close().expect("closes");
                    drop(db);
                    db = open();
                }
                1 => {
                    kill(db, dir.path());
                    db = open();
                }
                2 => {
                    db.map_chunks().expect("maps");
                }
                3 => db.roll_snapshot().expect("writes"),
                4 => db.compact().expect("compacts"),
                _ => {
                    for _batch in 0..12 {
                        now += 10_000;
                        n += 1;
                        let mut floats = Vec::new();
                        for name in ["a", "b", "c"] {
                            let start = match dice.below(4) {
                                0 => 0,
                                1 => now - 1,
                                _ => T - 5,
                            };
                            floats.push((name, if name == "c" { 0 } else { start }, now, dice.below(1000) as f64));
                        }
                        if dice.below(3) == 0 {
                            // Late, each time once.
                            floats.push(("a", n as i64, now - 600_000 - 1 - n as i64 % 9_000, n as f64));
                        }
                        let h = int(n);
                        let value = if dice.below(2) == 0 {
                            HistogramValue::Float(Box::new(h.to_float()))
                        } else {
                            HistogramValue::Int(Box::new(h))
                        };
                        let start = if dice.below(3) == 0 { now - 7 } else { T };
                        append(&db, &floats, &[("h", start, now, value)]);
                        for (name, start, t, v) in floats {
                            model.entry(name.to_owned()).or_default().insert(t, (start, v.to_bits()));
                        }
                        model.entry("h".to_owned()).or_default().insert(now, (start, 3 * n + 2));
                    }
                }
            }
            let found = answer(&db);
            for (name, samples) in &model {
                assert_eq!(found.get(name), Some(samples), "seed {seed}, series {name}");
            }
        }
    }
}
