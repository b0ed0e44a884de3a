//! Upstream's snapshot at a shutdown (`memory-snapshot-on-shutdown`): written, read, left out when it does not fit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_base::vfs::{Crash, FaultVfs, Faults, OsVfs, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_client::Registry;
use firesteel_model::{FloatHistogram, Histogram, Labels, Matcher, MetricValue, Span};
use firesteel_storage::chunkenc::{SampleKind, SampleReader};
use firesteel_storage::{
    AppendOptions, Appendable as _, Exemplar, ExemplarQueryable as _, HistogramSample, HistogramValue, Queryable as _,
    Selection, SeriesMeta,
};
use firesteel_testkit::{Server, peer};
use firesteel_tsdb::{Db, DbOptions};

use crate::database::append;

fn options(dir: &Path, vfs: Arc<dyn Vfs>) -> DbOptions {
    DbOptions {
        memory_snapshot: true,
        background: false,
        no_lockfile: true,
        exemplars_max: 100,
        vfs,
        ..DbOptions::new(dir)
    }
}

fn snapshots(vfs: &dyn Vfs, dir: &Path) -> Vec<PathBuf> {
    let entries = vfs.list(dir).expect("is there");
    entries.into_iter().filter(|e| e.name.starts_with("chunk_snapshot.")).map(|e| dir.join(e.name)).collect()
}

/// Each sample of each series, histograms by count and sum; and the exemplars.
pub(crate) fn answer(db: &Arc<Db>) -> Vec<String> {
    let querier = db.querier(TimeRange::ALL).expect("is open");
    let selected = querier.select(&Selection::default()).expect("selects");
    let mut out = Vec::new();
    for (i, entry) in selected.series().iter().enumerate() {
        let (mut chunks, mut h) = (Vec::new(), FloatHistogram::default());
        selected.chunks(i, &mut chunks).expect("chunks are there");
        for chunk in &chunks {
            let mut reader = SampleReader::of(chunk).expect("has a header");
            while let Some((times, kind)) = reader.advance().expect("decodes") {
                let value = if let SampleKind::Float(v) = kind {
                    v.to_string()
                } else {
                    reader.float_histogram(&mut h).expect("decodes");
                    format!("{} {}", h.count, h.sum)
                };
                out.push(format!("{:?} {:?} {value}", entry.labels, times.t));
            }
        }
    }
    for of in db.exemplars(TimeRange::ALL, &[&[Matcher::equal("i", "1")]]) {
        out.push(format!("{of:?}"));
    }
    out
}

fn histogram(step: i64) -> Histogram {
    Histogram {
        schema: 1,
        count: 3 * step as u64 + 5,
        sum: step as f64,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![step + 2, step + 1],
        ..Histogram::default()
    }
}

/// Floats whose chunks are partly full, histograms of both kinds, an exemplar, a deletion.
fn fill(db: &Arc<Db>, base: i64) {
    for step in 0..150i64 {
        let t = base + step * 1000;
        let rows: Vec<_> =
            (0..20).filter(|i| i % 7 != 3 || step < 120).map(|i| (i, t, (step * i as i64) as f64)).collect();
        append(db, &rows);
        let mut appender = db.appender();
        let mut of =
            |name| appender.series(&Labels::from_pairs([("__name__", name)]), &SeriesMeta::default()).expect("new");
        let (ints, floats) = (of("ints"), of("floats"));
        let value = histogram(step);
        let rows = [
            (ints, HistogramValue::Int(Box::new(value.clone()))),
            (floats, HistogramValue::Float(Box::new(value.to_float()))),
        ]
        .map(|(series, value)| HistogramSample { series, t: TimestampMs(t), start_t: TimestampMs(0), value });
        let mut rejected = Vec::new();
        appender.append_histograms(&rows, AppendOptions::default(), &mut rejected);
        if step == 140 {
            let series = appender.known(&crate::database::series(1)).expect("is there");
            let labels = Labels::from_pairs([("trace_id", "abc")]);
            let one = Exemplar { series, labels, t: TimestampMs(t), v: 7.0, timestamped: false };
            appender.append_exemplars(&[one], &mut rejected);
        }
        assert!(rejected.is_empty(), "{rejected:?}");
        appender.commit().expect("commits");
    }
    let range = TimeRange { min: TimestampMs(base + 3000), max: TimestampMs(base + 9000) };
    db.delete(range, &[Matcher::equal("i", "2")]).expect("deletes");
}

#[test]
fn a_start_reads_it_and_not_the_log() {
    let dir = Path::new("/data");
    let vfs = FaultVfs::new();
    vfs.create_dir_all(dir).expect("a directory");
    let open = |vfs: &FaultVfs| Db::open(options(dir, Arc::new(vfs.clone()))).expect("opens");
    let db = open(&vfs);
    fill(&db, 1_000_000);
    let want = answer(&db);
    db.close().expect("closes");
    let first = snapshots(&vfs, dir);
    assert_eq!(first.len(), 1);
    let db = open(&vfs);
    let replay = db.replay_stats();
    assert_eq!((replay.samples, replay.series, replay.chunk_snapshot_failed), (0, 22, false), "{replay:?}");
    assert!(replay.snapshot_chunks >= 20 && replay.mmap_chunks >= 20, "{replay:?}");
    assert_eq!(answer(&db), want);
    // Goes on, and the next one takes its place.
    append(&db, &[(1, 2_000_000, 5.0), (30, 2_000_000, 5.0)]);
    let more = answer(&db);
    assert_eq!(more.len(), want.len() + 2);
    db.close().expect("closes");
    let second = snapshots(&vfs, dir);
    assert!(second.len() == 1 && second != first, "{first:?}, {second:?}");
    // Without the feature the log is read, and the snapshot goes.
    let db = Db::open(DbOptions { memory_snapshot: false, ..options(dir, Arc::new(vfs.clone())) }).expect("opens");
    assert!(db.replay_stats().samples > 0);
    assert_eq!(answer(&db), more);
    assert_eq!(snapshots(&vfs, dir), Vec::<PathBuf>::new());
    append(&db, &[(1, 2_001_000, 6.0)]);
    let most = answer(&db);
    db.close().expect("closes");
    let db = open(&vfs);
    assert!(db.replay_stats().samples > 1);
    assert_eq!(answer(&db), most);
}

/// A start without the feature knows a series by the reference that the log has first, where the snapshot has the one that
/// it got when it came back.
#[test]
fn one_that_a_start_passed_over_is_not_read_later() {
    let (vfs, dir, t) = (FaultVfs::new(), Path::new("/data"), 1_700_000_000_000);
    vfs.create_dir_all(dir).expect("creates");
    vfs.sync_dir(Path::new("/")).expect("syncs");
    let open = |vfs: &FaultVfs, memory_snapshot: bool| {
        let min_block_duration = Duration::from_mins(2);
        Db::open(DbOptions { memory_snapshot, min_block_duration, ..options(dir, Arc::new(vfs.clone())) })
            .expect("opens")
    };
    let db = open(&vfs, true);
    append(&db, &[(1, t, 1.0)]);
    append(&db, &[(0, t + 600_000, 1.0)]);
    db.compact().expect("compacts");
    assert_eq!(db.head_stats().series, 1, "the other one is in a block");
    append(&db, &[(1, t + 601_000, 2.0)]);
    db.close().expect("closes");
    assert_eq!(snapshots(&vfs, dir).len(), 1);
    let db = open(&vfs, false);
    let range = TimeRange { min: TimestampMs(t + 601_000), max: TimestampMs(t + 601_000) };
    assert_eq!(db.delete(range, &[Matcher::equal("i", "1")]).expect("deletes"), 1);
    append(&db, &[(1, t + 602_000, 3.0)]);
    db.sync().expect("syncs");
    let want = answer(&db);
    assert_eq!(want.len(), 3, "{want:?}");
    for how in [Crash::LoseAll, Crash::LoseNothing] {
        assert_eq!(answer(&open(&vfs.crash(how), true)), want, "{how:?}");
    }
}

/// A Prometheus without the feature leaves the snapshot and reads the log, and may end chunks at other samples than those in
/// the snapshot, which a later start with the feature finds.
#[test]
fn chunks_in_files_may_end_within_those_of_the_snapshot() {
    let (vfs, dir) = (FaultVfs::new(), Path::new("/data"));
    vfs.create_dir_all(dir).expect("creates");
    let db = Db::open(options(dir, Arc::new(vfs.clone()))).expect("opens");
    fill(&db, 1_700_000_000_000);
    let before = answer(&db);
    db.close().expect("closes");
    drop(db);
    let (snapshot, aside) = (snapshots(&vfs, dir).remove(0), dir.join("aside"));
    vfs.rename(&snapshot, &aside).expect("renames");
    let of_log = DbOptions { memory_snapshot: false, samples_per_chunk: 16, ..options(dir, Arc::new(vfs.clone())) };
    let db = Db::open(of_log).expect("opens");
    assert!(db.map_chunks().expect("maps") > 0, "what the log has behind the files is cut anew");
    let after = vfs.crash(Crash::LoseNothing);
    drop(db);
    after.rename(&aside, &snapshot).expect("renames");
    let db = Db::open(options(dir, Arc::new(after))).expect("opens");
    assert!(db.replay_stats().snapshot_chunks > 0, "the snapshot is read");
    assert_eq!(answer(&db), before);
}

#[test]
fn one_that_does_not_fit_is_left_out() {
    let dir = Path::new("/data");
    let vfs = FaultVfs::new();
    vfs.create_dir_all(dir).expect("a directory");
    let open = |vfs: &FaultVfs| Db::open(options(dir, Arc::new(vfs.clone()))).expect("opens");
    let db = open(&vfs);
    fill(&db, 1_000_000);
    let want = answer(&db);
    db.close().expect("closes");
    let snapshot = snapshots(&vfs, dir).pop().expect("was written");
    let segment = snapshot.join("00000000");
    let failures = |db: &Db| {
        let registry = Registry::new();
        db.register(&registry);
        let families = registry.gather();
        let of = families.iter().find(|f| f.name == "prometheus_tsdb_snapshot_replay_error_total").expect("is there");
        matches!(of.metrics[0].value, MetricValue::Counter { value: 1.0, .. })
    };
    type Break = fn(&mut Vec<u8>);
    let breaks: [(&str, Break); 3] =
        [("rot", |bytes| bytes[100] ^= 1), ("cut", |bytes| bytes.truncate(900)), ("kind", |bytes| bytes[0] = 0x0f)];
    for (what, change) in breaks {
        let broken = vfs.crash(Crash::LoseNothing);
        broken.corrupt(&segment, change).expect("is there");
        let db = open(&broken);
        let replay = db.replay_stats();
        assert!(replay.chunk_snapshot_failed && replay.samples > 0 && failures(&db), "{what}: {replay:?}");
        assert_eq!(answer(&db), want, "{what}");
    }
    // Head chunks that are broken are filled from the log, which must be read from its begin then.
    let broken = vfs.crash(Crash::LoseNothing);
    broken.corrupt(&dir.join("chunks_head/000001"), |bytes| bytes[40] ^= 1).expect("is there");
    let db = open(&broken);
    assert_eq!((answer(&db), db.replay_stats().chunk_snapshot_failed), (want.clone(), false));
    // A log that ends before it is another one.
    let renamed = dir.join("chunk_snapshot.000099.0000000000");
    let other = vfs.crash(Crash::LoseNothing);
    other.rename(&snapshot, &renamed).expect("renames");
    let db = open(&other);
    assert_eq!(answer(&db), want);
    assert!(snapshots(&other, dir).is_empty());
}

/// The disk fails once, goes away or fills up while it is written, each call in its turn, and then power is lost: the log has
/// all, whether the next start reads snapshots or not.
#[test]
fn a_disk_that_fails_while_it_is_written_harms_nothing() {
    let dir = Path::new("/data");
    let begun = FaultVfs::new();
    begun.create_dir_all(dir).expect("a directory");
    begun.sync_dir(Path::new("/")).expect("syncs");
    let open = |vfs: &FaultVfs, memory_snapshot: bool| {
        Db::open(DbOptions { memory_snapshot, ..options(dir, Arc::new(vfs.clone())) }).expect("opens")
    };
    let db = open(&begun, true);
    fill(&db, 1_000_000);
    let want = answer(&db);
    db.close().expect("closes");
    // Behind the first snapshot: a second one is to take its place.
    let begun = begun.crash(Crash::LoseNothing);
    let first = snapshots(&begun, dir).pop().expect("was written");
    for fault in 0..3 {
        for nth in 0.. {
            let vfs = begun.crash(Crash::LoseNothing);
            let db = open(&vfs, true);
            assert_eq!(db.replay_stats().samples, 0, "the snapshot is read");
            append(&db, &[(1, 2_000_000, 5.0)]);
            db.sync().expect("syncs");
            let more = answer(&db);
            assert_eq!(more.len(), want.len() + 1);
            let held: u64 = files_bytes(&vfs, dir);
            vfs.set_faults(match fault {
                0 => Faults { eio_at: Some(nth), ..Faults::default() },
                1 => Faults { gone_from: Some(nth), ..Faults::default() },
                _ => Faults { space_bytes: Some(held + nth * 8192), ..Faults::default() },
            });
            // Whether it fails or not.
            let _ = db.close();
            let is_written =
                snapshots(&vfs, dir).iter().any(|path| *path != first && path.extension() != Some("tmp".as_ref()));
            let through = if fault == 2 { is_written } else { vfs.calls() <= nth };
            vfs.set_faults(Faults::default());
            for how in [Crash::LoseAll, Crash::LoseNothing, Crash::Dice { seed: nth }] {
                let after = vfs.crash(how);
                for memory_snapshot in [false, true] {
                    let again = open(&after, memory_snapshot);
                    let what = format!("fault {fault}, call {nth}, {how:?}, {memory_snapshot}");
                    assert_eq!(answer(&again), more, "{what}");
                    assert!(!again.replay_stats().chunk_snapshot_failed, "{what}");
                    again.close().expect("closes");
                }
                // What was begun is gone with the next one.
                assert_eq!(snapshots(&after, dir).len(), 1);
            }
            if through {
                assert!(is_written && nth > 1, "fault {fault}, call {nth}");
                break;
            }
        }
    }
}

fn files_bytes(vfs: &dyn Vfs, dir: &Path) -> u64 {
    let entries = vfs.list(dir).expect("is there");
    let bytes = |path: &Path| vfs.open_read(path).and_then(|f| f.len()).expect("is there");
    entries
        .into_iter()
        .map(|e| (dir.join(e.name), e.is_dir))
        .map(|(path, is_dir)| if is_dir { files_bytes(vfs, &path) } else { bytes(&path) })
        .sum()
}

#[test]
fn a_reference_reads_ours_and_we_read_its() {
    let Some(program) = peer("prometheus") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let open = || {
        let vfs: Arc<dyn Vfs> = Arc::new(OsVfs);
        Db::open(options(&data, vfs)).expect("opens")
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let db = open();
    for step in 0..200i64 {
        let rows: Vec<_> = (0..20).map(|i| (i, now - 300_000 + step * 1000, (step * i as i64) as f64)).collect();
        append(&db, &rows);
    }
    let want = answer(&db);
    db.close().expect("closes");
    assert_eq!(snapshots(&OsVfs, &data).len(), 1);
    let flags = ["--enable-feature=memory-snapshot-on-shutdown"];
    let server = Server::start(&program, &flags, dir.path(), "global: {scrape_interval: 1h}\n").expect("starts");
    let count = server.query(&format!("sum(count_over_time(m[1h] @ {}))", now / 1000 + 60)).expect("answers");
    assert_eq!(count[0]["value"][1], "4000", "{}", server.log());
    let sum = server.query(&format!("sum(sum_over_time(m[1h] @ {}))", now / 1000 + 60)).expect("answers");
    assert_eq!(sum[0]["value"][1], (0..200).map(|s| s * 190).sum::<i64>().to_string());
    let log = server.log();
    assert!(log.contains("snapshot loaded") && !log.contains("Failed to load chunk snapshot"), "{log}");
    let ours = snapshots(&OsVfs, &data);
    assert!(server.stop().expect("stops").success());
    let theirs = snapshots(&OsVfs, &data);
    assert!(theirs.len() == 1 && theirs != ours, "{theirs:?}");
    let db = open();
    let replay = db.replay_stats();
    assert_eq!((replay.series, replay.samples, replay.chunk_snapshot_failed), (20, 0, false), "{replay:?}");
    assert_eq!(answer(&db), want);
}
