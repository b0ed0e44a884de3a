//! Late samples, native histograms and exemplars between Firesteel and Prometheus, in one directory, both ways.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_base::vfs::OsVfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{FloatHistogram, Histogram, Labels, Span};
use firesteel_proto::{snappy, write_v1};
use firesteel_storage::chunkenc::{SampleKind, SampleReader};
use firesteel_storage::{
    AppendOptions, Appendable, Exemplar, ExemplarQueryable, HistogramSample, HistogramValue, Queryable, SampleBatch,
    Selection, SeriesMeta,
};
use firesteel_testkit::{Server, peer};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_head::chunks_head::Entries;
use firesteel_tsdb_wal::WalReader;
use firesteel_tsdb_wal::records::MmapMarkersRecord;

const CONFIG: &str = "global: {scrape_interval: 1h}\nstorage: {tsdb: {out_of_order_time_window: 2h}}\n";
const FLAGS: [&str; 2] = ["--enable-feature=native-histograms,exemplar-storage", "--web.enable-remote-write-receiver"];

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

fn open(dir: &Path) -> Arc<Db> {
    let options = DbOptions {
        exemplars_max: 1000,
        out_of_order_window: Duration::from_mins(120),
        ..DbOptions::new(dir.join("data"))
    };
    Db::open(options).expect("opens")
}

/// Ends our process: closes it, or leaves the directory as a killed one does.
fn end(db: Arc<Db>, dir: &Path, killed: bool) {
    if killed {
        let copy = dir.join("copy");
        copy_tree(&dir.join("data"), &copy);
        drop(db);
        std::fs::remove_dir_all(dir.join("data")).expect("removes");
        std::fs::rename(copy, dir.join("data")).expect("renames");
    } else {
        db.close().expect("closes");
    }
}

/// Returns how many out-of-order chunks the files of head chunks hold, and how many chunks the log of late samples names.
fn late_chunks(dir: &Path) -> (usize, usize) {
    let (mut chunks, mut markers) = (0, 0);
    for file in std::fs::read_dir(dir.join("data/chunks_head")).expect("lists").flatten() {
        let bytes = std::fs::read(file.path()).expect("reads");
        chunks += Entries::new(&bytes).map_while(Result::ok).filter(|entry| entry.out_of_order).count();
    }
    let mut reader = WalReader::open(Arc::new(OsVfs), &dir.join("data/wbl")).expect("opens");
    while let Ok(Some(record)) = reader.next_record() {
        let named = MmapMarkersRecord::decode(record.bytes).into_iter().flatten();
        markers += named.filter(|marker| marker.as_ref().is_ok_and(|marker| marker.chunk != 0)).count();
    }
    (chunks, markers)
}

/// By name of the metric and time: floats as they are, histograms as count and sum.
type Answer = BTreeMap<String, BTreeMap<i64, (f64, Option<f64>)>>;

fn answer(db: &Arc<Db>) -> Answer {
    let querier = db.querier(TimeRange::ALL).expect("is open");
    let selected = querier.select(&Selection::default()).expect("selects");
    let mut out = Answer::new();
    for (i, entry) in selected.series().iter().enumerate() {
        let of = out.entry(entry.labels.metric_name().to_owned()).or_default();
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks are there");
        let mut h = FloatHistogram::default();
        for chunk in &chunks {
            let mut reader = SampleReader::of(chunk).expect("has a header");
            while let Some((times, kind)) = reader.advance().expect("decodes") {
                let sample = if let SampleKind::Float(v) = kind {
                    (v, None)
                } else {
                    reader.float_histogram(&mut h).expect("decodes");
                    (h.count, Some(h.sum))
                };
                of.insert(times.t.0, sample);
            }
        }
    }
    out
}

/// Histograms are asked for step by step, because 2.42 shows the last one in place of all of a range. `grid`: the times of
/// their samples, from the first to the last.
fn ask(server: &Server, grid: (i64, i64)) -> Answer {
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let at = seconds(now_ms());
    let query = [("query", "{__name__=~\"k_.+\"}[100h]"), ("time", &at)];
    let reply = server.json("/api/v1/query", &query).expect("answers");
    assert_eq!(reply["status"], "success", "{reply}");
    let number = |v: &serde_json::Value| v.as_str().and_then(|s| s.parse::<f64>().ok()).expect("a number");
    let time = |v: &serde_json::Value| (v.as_f64().expect("a time") * 1000.0).round() as i64;
    let mut out = Answer::new();
    for series in reply["data"]["result"].as_array().expect("a matrix") {
        let of = out.entry(series["metric"]["__name__"].as_str().expect("a name").to_owned()).or_default();
        for pair in series["values"].as_array().into_iter().flatten() {
            of.insert(time(&pair[0]), (number(&pair[1]), None));
        }
    }
    let (from, to) = (seconds(grid.0), seconds(grid.1));
    for what in ["count", "sum"] {
        for name in ["k_int", "k_float", "k_mixed"] {
            let query = format!("histogram_{what}({name})");
            let range = [("query", query.as_str()), ("start", &from), ("end", &to), ("step", "2")];
            let reply = server.json("/api/v1/query_range", &range).expect("answers");
            let of = out.entry(name.to_owned()).or_default();
            for pair in reply["data"]["result"][0]["values"].as_array().into_iter().flatten() {
                let sample = of.entry(time(&pair[0])).or_default();
                if what == "count" {
                    *sample = (number(&pair[1]), None);
                } else {
                    sample.1 = Some(number(&pair[1]));
                }
            }
        }
    }
    out
}

fn assert_same(got: &Answer, want: &Answer, what: &str) {
    for (name, samples) in want {
        let missing: Vec<_> = samples.iter().filter(|(t, v)| got[name].get(t) != Some(v)).take(9).collect();
        let extra: Vec<_> = got[name].keys().filter(|t| !samples.contains_key(t)).take(9).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{what}: {name} of {} and {}: missing {missing:?}, extra {extra:?}",
            got[name].len(),
            samples.len()
        );
    }
}

fn exemplars(db: &Db) -> Vec<(i64, f64)> {
    let found = db.exemplars(TimeRange::ALL, &[&[]]);
    found.iter().flat_map(|s| s.exemplars.iter().map(|e| (e.t.0, e.v))).collect()
}

fn ask_exemplars(server: &Server) -> Vec<(i64, f64)> {
    let query = [("query", "k_floats"), ("start", "0"), ("end", "9999999999")];
    let reply = server.json("/api/v1/query_exemplars", &query).expect("answers");
    let all = reply["data"].as_array().into_iter().flatten();
    all.flat_map(|s| s["exemplars"].as_array().into_iter().flatten())
        .map(|e| {
            let v = e["value"].as_str().and_then(|v| v.parse().ok()).expect("a number");
            ((e["timestamp"].as_f64().expect("a time") * 1000.0).round() as i64, v)
        })
        .collect()
}

fn histogram(n: u64) -> Histogram {
    let buckets = 2 + n as usize % 5;
    let mut positive_buckets = vec![0i64; buckets];
    positive_buckets[0] = n as i64 + 1;
    Histogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count: n,
        count: (n + 1) * buckets as u64 + n,
        sum: n as f64 * 1.5,
        positive_spans: vec![Span { offset: 0, length: buckets as u32 }],
        positive_buckets,
        ..Histogram::default()
    }
}

/// Appends floats in and out of order, histograms of both kinds, a series that changes its kind, and exemplars.
fn write(db: &Db, from: i64, rounds: i64) {
    let series = |appender: &mut Box<dyn firesteel_storage::Appender + '_>, name: &str| {
        let labels = Labels::from_pairs([("__name__", name)]);
        appender.series(&labels, &SeriesMeta::default()).expect("valid labels")
    };
    for round in 0..rounds {
        let t = from + round * 2000;
        let n = round as u64;
        let mut appender = db.appender();
        let mut rejected = Vec::new();
        let mut batch = SampleBatch::default();
        let floats = series(&mut appender, "k_floats");
        batch.push(floats, TimestampMs(t), n as f64);
        // Late by half an hour and more, and out of order among themselves.
        batch.push(floats, TimestampMs(t - 1_800_001 - (round * 7 % 10) * 13), -1.0 - n as f64);
        let mixed = series(&mut appender, "k_mixed");
        if round % 10 < 5 {
            batch.push(mixed, TimestampMs(t), 0.25);
        }
        appender.append(&batch, AppendOptions::default(), &mut rejected);
        let (int, float) = (series(&mut appender, "k_int"), series(&mut appender, "k_float"));
        let row = |series, value| HistogramSample { series, t: TimestampMs(t), start_t: TimestampMs(0), value };
        let mut rows = vec![
            row(int, HistogramValue::Int(Box::new(histogram(n)))),
            row(float, HistogramValue::Float(Box::new(histogram(n).to_float()))),
        ];
        if round % 10 >= 5 {
            rows.push(row(mixed, HistogramValue::Int(Box::new(histogram(n)))));
        }
        appender.append_histograms(&rows, AppendOptions::default(), &mut rejected);
        if round % 20 == 0 {
            let labels = Labels::from_pairs([("trace_id", n.to_string())]);
            let e = Exemplar { series: floats, labels, t: TimestampMs(t), v: n as f64, timestamped: true };
            appender.append_exemplars(&[e], &mut rejected);
        }
        assert!(rejected.is_empty(), "{rejected:?}");
        appender.commit().expect("commits");
    }
}

/// Sends late samples to the server: more than a chunk takes, so that it writes chunks and markers.
fn push_late(server: &Server, from: i64, n: i64) {
    let mut request = Vec::new();
    write_v1::put_series(&mut request, |out| {
        write_v1::put_label(out, "__name__", "k_floats");
        for i in 0..n {
            write_v1::put_sample(out, from + (i * 7 % n) * 11, -1000.0 - i as f64);
        }
    });
    let mut packed = Vec::new();
    snappy::encode(&request, &mut packed).expect("packs");
    let mut stream = TcpStream::connect(server.address()).expect("connects");
    write!(
        stream,
        "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        packed.len()
    )
    .expect("writes");
    stream.write_all(&packed).expect("writes");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("answers");
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
}

#[test]
fn late_samples_histograms_and_exemplars_go_both_ways() {
    let Some(program) = peer("prometheus") else { return };
    for killed in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let start = now_ms() - 3_000_000;
        let mut from = start;
        for back in 0..2 {
            let db = open(dir.path());
            let before = late_chunks(dir.path());
            // Full chunks of late samples are mapped between two writes, so that some wait for the next ones.
            for rounds in [70, 50] {
                write(&db, from, rounds);
                from += rounds * 2000;
                db.map_chunks().expect("maps");
            }
            let (ours, our_exemplars) = (answer(&db), exemplars(&db));
            assert_eq!(ours.len(), 4);
            end(db, dir.path(), killed);
            let after = late_chunks(dir.path());
            assert!(after.0 >= before.0 + 3 && after.1 >= 3, "{after:?} of {before:?}, {killed} {back}");
            let server = Server::start(&program, &FLAGS, dir.path(), CONFIG).expect("starts");
            let grid = (start, from - 2000);
            let theirs = ask(&server, grid);
            assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>(), "{}", server.log());
            assert_same(&theirs, &ours, &format!("theirs and ours, {killed} {back}\n{}\n", server.log()));
            assert_eq!(ask_exemplars(&server), our_exemplars);
            push_late(&server, from - 900_000 + back * 100_000, 150);
            let want = ask(&server, grid);
            assert_eq!(want["k_floats"].len(), theirs["k_floats"].len() + 150, "{killed} {back}");
            if killed {
                server.kill_9().expect("is killed");
            } else {
                assert!(server.stop().expect("stops").success());
            }
            // A Prometheus that is killed leaves its chunks in a buffer, but for those that the file got before.
            assert!(killed || late_chunks(dir.path()).0 >= after.0 + 3, "{killed} {back}");
            let db = open(dir.path());
            let got = answer(&db);
            assert_same(&got, &want, &format!("ours and theirs, {killed} {back}"));
            assert_eq!(exemplars(&db), our_exemplars);
            end(db, dir.path(), killed);
        }
    }
}

/// Blocks of histograms of both kinds, of a series that changes its kind and of late samples, beside a head of the same.
#[test]
fn blocks_of_histograms_open_in_prometheus_and_its_tool() {
    let (Some(program), Some(tool)) = (peer("prometheus"), peer("promtool")) else { return };
    for killed in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let start = now_ms() / 120_000 * 120_000 - 3_000_000;
        let short = ["--storage.tsdb.min-block-duration=2m", "--storage.tsdb.max-block-duration=18m"];
        let options = DbOptions {
            out_of_order_window: Duration::from_mins(120),
            out_of_order_cap: 8,
            ..crate::blocks::options(&data)
        };
        let db = Db::open(options.clone()).expect("opens");
        write(&db, start, 300);
        db.compact().expect("compacts");
        assert!(db.blocks().iter().map(|b| b.stats.num_histogram_samples).sum::<u64>() > 400, "{:?}", db.blocks());
        let ours = answer(&db);
        if killed {
            // As a killed process leaves it: nothing is closed.
            let copy = dir.path().join("copy");
            copy_tree(&data, &copy);
            drop(db);
            std::fs::remove_dir_all(&data).expect("removes");
            std::fs::rename(copy, &data).expect("renames");
        } else {
            db.close().expect("closes");
        }

        let run = |args: &[&str]| {
            let done = std::process::Command::new(&tool).arg("tsdb").args(args).arg(&data).output().expect("runs");
            assert!(done.status.success(), "{args:?}: {done:?}");
            String::from_utf8_lossy(&done.stdout).into_owned()
        };
        let blocks = std::fs::read_dir(&data).expect("lists").flatten().filter(|e| e.file_name().len() == 26).count();
        assert_eq!(run(&["list"]).lines().count(), blocks + 1);
        let analyzed = run(&["analyze"]);
        assert!(analyzed.contains("\nSeries: 4\n"), "{analyzed}");
        // The tool of 2.42 dumps floats, from the blocks and the log.
        let dumped = run(&["dump", "--match={__name__=\"k_floats\"}"]);
        assert_eq!(dumped.lines().filter(|l| l.contains("k_floats")).count(), ours["k_floats"].len(), "{dumped}");

        let flags: Vec<&str> = FLAGS.iter().chain(&short).copied().collect();
        let server = Server::start(&program, &flags, dir.path(), CONFIG).expect("starts");
        let theirs = ask(&server, (start, start + 299 * 2000));
        assert_same(&theirs, &ours, &format!("theirs and ours, {killed}\n{}\n", server.log()));
        assert!(server.stop().expect("stops").success());
        let db = Db::open(options).expect("opens");
        assert_same(&answer(&db), &ours, &format!("back, {killed}"));
    }
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
