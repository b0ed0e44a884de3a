//! Snapshots of the head, ours and upstream's, beside the log that they stand for: a directory is opened, asked, written
//! further and opened again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use firesteel_base::bytes::ByteCursor;
use firesteel_base::vfs::{Crash, FaultVfs, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{FloatHistogram, Histogram, Labels, Matcher, Span};
use firesteel_storage::chunkenc::{SampleKind, SampleReader};
use firesteel_storage::{
    AppendOptions, Appendable as _, Exemplar, ExemplarQueryable as _, HistogramSample, HistogramValue, Queryable as _,
    SampleBatch, Selection, SeriesMeta,
};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_wal::{Compression, RecordWriter};

const DIR: &str = "/head";
const START: i64 = 1_000_000;
const HOUR: i64 = 3_600_000;

fn options(vfs: &FaultVfs, memory_snapshot: bool) -> DbOptions {
    let vfs: Arc<dyn Vfs> = Arc::new(vfs.clone());
    DbOptions {
        memory_snapshot,
        background: false,
        no_lockfile: true,
        exemplars_max: 10,
        samples_per_chunk: 20,
        low_space_bytes: 0,
        vfs,
        ..DbOptions::new(DIR)
    }
}

fn series(i: u32) -> Labels {
    Labels::from_pairs([("__name__", if i < 4 { "m" } else { "h" }), ("i", &i.to_string())])
}

/// Five series of floats and one of histograms get a sample at `t`, as far as the head takes it.
fn append(db: &Db, t: i64) {
    let mut appender = db.appender();
    let (mut batch, mut histograms, mut refused) = (SampleBatch::default(), Vec::new(), Vec::new());
    for i in 0..5 {
        let Ok(of) = appender.series(&series(i), &SeriesMeta::default()) else { continue };
        let n = (t - START) / 1000;
        if i == 4 {
            let value = Histogram {
                schema: 1,
                count: 3 * n as u64 + 5,
                sum: n as f64,
                positive_spans: vec![Span { offset: 0, length: 2 }],
                positive_buckets: vec![n + 2, n + 1],
                ..Histogram::default()
            };
            let value = HistogramValue::Int(Box::new(value));
            histograms.push(HistogramSample { series: of, t: TimestampMs(t), start_t: TimestampMs(0), value });
        } else if i != 3 || n % 9 < 5 {
            batch.push(of, TimestampMs(t), f64::from(i) * 0.1 + n as f64);
        }
    }
    appender.append(&batch, AppendOptions::default(), &mut refused);
    appender.append_histograms(&histograms, AppendOptions::default(), &mut refused);
    if t % 10_000 == 0 {
        let series = appender.known(&series(1)).into_iter();
        let of = |series| Exemplar {
            series,
            labels: Labels::from_pairs([("trace_id", "abc")]),
            t: TimestampMs(t),
            v: 7.0,
            timestamped: false,
        };
        appender.append_exemplars(&series.map(of).collect::<Vec<_>>(), &mut refused);
    }
    appender.commit().expect("a whole disk");
}

/// What a database answers; `None` where a chunk cannot be read.
fn answer(db: &Arc<Db>) -> Option<Vec<String>> {
    let querier = db.querier(TimeRange::ALL).expect("is open");
    let selected = querier.select(&Selection::default()).ok()?;
    let (mut out, mut whole) = (Vec::new(), true);
    let (mut chunks, mut h) = (Vec::new(), FloatHistogram::default());
    for (i, entry) in selected.series().iter().enumerate() {
        chunks.clear();
        whole &= selected.chunks(i, &mut chunks).is_ok();
        for chunk in &chunks {
            let Ok(mut reader) = SampleReader::of(chunk) else {
                whole = false;
                continue;
            };
            loop {
                let value = match reader.advance() {
                    Ok(Some((times, SampleKind::Float(v)))) => format!("{:?} {:x}", times.t, v.to_bits()),
                    Ok(Some((times, _))) if reader.float_histogram(&mut h).is_ok() => {
                        format!("{:?} {} {} {:?}", times.t, h.count, h.sum, h.positive_buckets)
                    }
                    Ok(None) => break,
                    _ => {
                        whole = false;
                        break;
                    }
                };
                out.push(format!("{:?} {value}", entry.labels));
            }
        }
    }
    out.extend(db.exemplars(TimeRange::ALL, &[&[]]).iter().map(|of| format!("{of:?}")));
    whole.then_some(out)
}

/// As `assert_eq!`, of which only the first difference is told.
fn same(got: Option<&[String]>, want: &[String]) {
    let got = got.expect("the log has it all");
    let other = got.iter().zip(want).find(|(got, want)| got != want);
    assert!(got.len() == want.len() && other.is_none(), "{} of {}, {other:?}", got.len(), want.len());
}

/// A directory with log, head chunks and our snapshot of them, and what it answers.
struct Whole {
    vfs: FaultVfs,
    answer: Vec<String>,
}

fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let vfs = FaultVfs::new();
        let db = Db::open(options(&vfs, false)).expect("in memory");
        for n in 0..70 {
            append(&db, START + n * 1000);
            if n == 30 {
                let range = TimeRange { min: TimestampMs(START + 3000), max: TimestampMs(START + 9000) };
                db.delete(range, &[Matcher::equal("i", "2")]).expect("in memory");
            }
            if n == 59 {
                db.roll_snapshot().expect("in memory");
            }
        }
        Whole { vfs: vfs.crash(Crash::LoseNothing), answer: answer(&db).expect("all can be read") }
    })
}

fn ours() -> PathBuf {
    Path::new(DIR).join("firesteel/head_snapshot")
}

/// Whatever a snapshot held that was believed: the database goes on, is cut into a block, and opens again.
fn goes_on(vfs: &FaultVfs, memory_snapshot: bool) {
    // Each is an answer or an error of its own.
    let db = Db::open(options(vfs, memory_snapshot)).expect("opens");
    answer(&db);
    for n in 0..3 {
        append(&db, START + 100_000 + n * 1000);
    }
    db.delete(TimeRange::ALL, &[Matcher::equal("i", "1")]).expect("in memory");
    db.map_chunks().ok();
    db.roll_snapshot().ok();
    answer(&db);
    let killed = vfs.crash(Crash::LoseNothing);
    let again = Db::open(options(&killed, memory_snapshot)).expect("opens");
    append(&again, START + 4 * HOUR);
    again.compact().ok();
    answer(&again);
    again.close().expect("in memory");
    answer(&Db::open(options(&killed, memory_snapshot)).expect("opens"));
}

/// The bytes are `firesteel/head_snapshot`: as they are, and with checksums and place mended so that they are believed.
pub fn head_snapshot(data: &[u8]) {
    let whole = whole();
    let vfs = whole.vfs.crash(Crash::LoseNothing);
    vfs.corrupt(&ours(), |file| *file = data.to_vec()).expect("is there");
    let db = Db::open(options(&vfs, false)).expect("opens");
    same(answer(&db).as_deref(), &whole.answer);
    if let Some(mended) = mended(data) {
        let vfs = whole.vfs.crash(Crash::LoseNothing);
        vfs.corrupt(&ours(), |file| *file = mended).expect("is there");
        goes_on(&vfs, false);
    }
}

/// Returns a snapshot of ours with all checksums right that stands for the begin of the log of [`whole`]; `None` where the
/// bytes are no blocks.
fn mended(data: &[u8]) -> Option<Vec<u8>> {
    const MAGIC_BYTES: usize = 8;
    let mut out = data.get(..MAGIC_BYTES)?.to_vec();
    let mut rest = ByteCursor::new(&data[MAGIC_BYTES..]);
    while !rest.is_empty() {
        let (len, _crc) = (rest.be32().ok()?, rest.be32().ok()?);
        let mut block = rest.take(len as usize).ok()?.to_vec();
        let mut records = ByteCursor::new(&block);
        let mut changes: Vec<(usize, Vec<u8>)> = Vec::new();
        while let Ok(record) = records.uvarint_bytes() {
            let from = records.position() - record.len();
            match record.first() {
                // Segment, offset, checkpoint; what is before the begin of a segment.
                Some(0x81) if record.len() > 44 => changes.extend([(from + 1, vec![0; 24]), (from + 41, vec![0; 4])]),
                Some(0xff) => {
                    let files = (9..record.len()).step_by(14).filter(|at| at + 14 <= record.len());
                    changes.extend(files.map(|at| (from + at + 2, first_file().to_be_bytes().to_vec())));
                }
                _ => {}
            }
        }
        for (at, bytes) in changes {
            block[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&crc32c::crc32c(&block).to_be_bytes());
        out.extend_from_slice(&block);
    }
    Some(out)
}

/// Returns what tells the first file of head chunks from others.
fn first_file() -> u32 {
    let vfs: &dyn Vfs = &whole().vfs;
    let bytes = vfs.read(&Path::new(DIR).join("chunks_head/000001")).expect("is there");
    crc32c::crc32c(&bytes[8..40])
}

/// The bytes are upstream's snapshot of the head: a segment as it is, and records, each with its length in front.
pub fn chunk_snapshot(data: &[u8]) {
    let whole = whole();
    let without_ours = || {
        let vfs = whole.vfs.crash(Crash::LoseNothing);
        vfs.remove_file(&ours()).expect("is there");
        vfs
    };
    let dir = Path::new(DIR).join("chunk_snapshot.000000.0000000000");
    let vfs = without_ours();
    vfs.create_dir_all(&dir).expect("in memory");
    vfs.create(&dir.join("00000000")).and_then(|f| f.write_all_at(data, 0)).expect("in memory");
    let db = Db::open(options(&vfs, true)).expect("opens");
    if db.replay_stats().chunk_snapshot_failed {
        same(answer(&db).as_deref(), &whole.answer);
    } else {
        goes_on(&vfs, true);
    }
    let vfs = without_ours();
    let seam: Arc<dyn Vfs> = Arc::new(vfs.clone());
    let mut out = RecordWriter::create(&seam, &dir, Compression::None).expect("in memory");
    let (mut records, mut any) = (ByteCursor::new(data), false);
    while let Ok(record) = records.uvarint_bytes() {
        any |= !record.is_empty();
        out.record(|bytes| bytes.extend_from_slice(record)).expect("in memory");
    }
    out.finish().expect("in memory");
    if any {
        goes_on(&vfs, true);
    }
}
