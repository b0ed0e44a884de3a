//! The log both ways: what a reference Prometheus logged is read to the last record, after a kill as well, and what we
//! logged is answered by it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_base::TimestampMs;
use firesteel_base::vfs::OsVfs;
use firesteel_model::{Labels, MetricType, SeriesRef};
use firesteel_storage::Exemplar;
use firesteel_testkit::{Page, PageServer, Server, peer};
use firesteel_tsdb_wal::records::*;
use firesteel_tsdb_wal::*;

const ZSTD_FLAG: &str = "--storage.tsdb.wal-compression-type";
const NO_TARGETS: &str = "global: {scrape_interval: 1h}\n";

/// Returns whether a reference can be told to log with zstd; Debian's cannot.
fn knows_zstd(prometheus: &Path) -> bool {
    let help = Command::new(prometheus).arg("--help-long").output().expect("its help");
    String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).contains(ZSTD_FLAG)
}

/// What a log says: samples by metric name and `i`, and how many records of each type there are.
#[derive(Debug, Default)]
struct Contents {
    samples: BTreeMap<(String, String), Vec<(i64, f64)>>,
    records: BTreeMap<&'static str, usize>,
}

fn read(dir: &Path) -> Contents {
    let mut contents = Contents::default();
    let mut names: BTreeMap<SeriesRef, (String, String)> = BTreeMap::new();
    let mut reader = WalReader::open(Arc::new(OsVfs), dir).expect("open");
    while let Some(record) = reader.next_record().expect("read") {
        let bytes = record.bytes;
        let kind = RecordType::of(bytes).expect("a type that is known");
        *contents.records.entry(kind.as_str()).or_default() += 1;
        match kind {
            RecordType::Series => {
                for entry in SeriesRecord::decode(bytes).expect("series") {
                    let entry = entry.expect("an entry");
                    let labels = entry.labels.to_labels(entry.series.0).expect("text");
                    names.insert(entry.series, (labels.metric_name().to_owned(), labels.value("i").to_owned()));
                }
            }
            RecordType::Samples => {
                for sample in SamplesRecord::decode(bytes).expect("samples") {
                    let sample = sample.expect("an entry");
                    let name = names.get(&sample.series).expect("its series was logged before").clone();
                    contents.samples.entry(name).or_default().push((sample.t.0, sample.v));
                }
            }
            RecordType::Exemplars => assert!(ExemplarsRecord::decode(bytes).expect("exemplars").all(|e| e.is_ok())),
            RecordType::Metadata => assert!(MetadataRecord::decode(bytes).expect("metadata").all(|e| e.is_ok())),
            RecordType::Tombstones => assert!(TombstonesRecord::decode(bytes).expect("stones").all(|e| e.is_ok())),
            _ => assert!(HistogramsRecord::decode(bytes).expect("histograms").all(|e| e.is_ok())),
        }
    }
    contents
}

#[test]
fn a_references_log_is_read_whole() {
    let Some(prometheus) = peer("prometheus") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let scrapes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&scrapes);
    // Large enough for records of several pages.
    let target = PageServer::start(move |_| {
        let n = counted.fetch_add(1, Ordering::Relaxed);
        let lines = (0..3000).map(|i| format!("page_metric{{i=\"{i}\"}} {}\n", n * 10_000 + i));
        Page::metrics(format!("# HELP page_metric Numbers.\n# TYPE page_metric counter\n{}", lines.collect::<String>()))
    })
    .expect("a target");
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n- job_name: t\n  static_configs:\n  - targets: [\"{}\"]\n",
        target.address()
    );
    let zstd = format!("{ZSTD_FLAG}=zstd");
    let flags: &[&str] = if knows_zstd(&prometheus) { &[&zstd] } else { &[] };
    let server = Server::start(&prometheus, flags, dir.path(), &config).expect("a server");
    server.wait_for("ten scrapes", Duration::from_secs(30), |_| scrapes.load(Ordering::Relaxed) > 10);
    let answered = server.query("page_metric{i=\"2999\"}[1h]").expect("an answer");
    let answered: Vec<(i64, f64)> = answered[0]["values"]
        .as_array()
        .expect("values")
        .iter()
        .map(|pair| {
            let t = pair[0].as_f64().expect("a time") * 1000.0;
            (t.round() as i64, pair[1].as_str().expect("a value").parse().expect("a number"))
        })
        .collect();
    assert!(answered.len() >= 5);
    server.kill_9().expect("killed");
    let contents = read(&dir.path().join("data/wal"));
    let logged = &contents.samples[&("page_metric".to_owned(), "2999".to_owned())];
    assert_eq!(logged[..answered.len()], answered);
    assert!(contents.samples.len() > 3000, "{:?}", contents.records);
}

#[test]
fn a_reference_answers_from_our_log() {
    let Some(prometheus) = peer("prometheus") else { return };
    let zstd = knows_zstd(&prometheus).then_some(Compression::Zstd);
    for compression in [Compression::Snappy, Compression::None].into_iter().chain(zstd) {
        let dir = tempfile::tempdir().expect("a directory");
        let wal_dir = dir.path().join("data/wal");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
        write_ours(&wal_dir, compression, now);
        let ours = read(&wal_dir);
        let server = Server::start(&prometheus, &["--enable-feature=exemplar-storage"], dir.path(), NO_TARGETS)
            .expect("a server");
        let answer = server.query("sum by (i) (count_over_time(ours[1h]))").expect("an answer");
        assert_eq!(answer.as_array().map(Vec::len), Some(2500), "{}", server.log());
        for i in [0, 1, 777, 2499] {
            let answer = server.query(&format!("ours{{i=\"{i}\"}}[1h]")).expect("an answer");
            let values: Vec<(i64, f64)> = answer[0]["values"]
                .as_array()
                .expect("values")
                .iter()
                .map(|pair| {
                    let t = pair[0].as_f64().expect("a time") * 1000.0;
                    (t.round() as i64, pair[1].as_str().expect("a value").parse().expect("a number"))
                })
                .collect();
            assert_eq!(values, ours.samples[&("ours".to_owned(), i.to_string())], "series {i}, {compression:?}");
        }
        let log = server.log();
        assert!(!log.contains("orrupt") && !log.contains("epair"), "{log}");
        assert!(server.stop().expect("stopped").success());
    }
}

/// Logs 2,500 series with 30 samples each into small segments, with the other records in between, and dies at the end.
fn write_ours(dir: &Path, compression: Compression, now: i64) {
    let options = WalOptions {
        segment_bytes: 8 * PAGE_BYTES as u64,
        compression,
        sync_every: Duration::from_hours(1),
        ..WalOptions::default()
    };
    let wal = Wal::open(Arc::new(OsVfs), dir, options).expect("open");
    let log = |record: &[u8]| assert_eq!(wal.log(&[record], OnFailure::Refuse).expect("log"), Logged::Written);
    let labels: Vec<Labels> =
        (0..2500).map(|i| Labels::from_pairs([("__name__", "ours".to_owned()), ("i", i.to_string())])).collect();
    let mut record = Vec::new();
    SeriesRecord::encode(labels.iter().enumerate().map(|(i, l)| (SeriesRef(i as u64 + 1), l)), &mut record);
    log(&record);
    record.clear();
    let about = MetadataEntry { series: SeriesRef(1), metric_type: MetricType::Counter, unit: b"", help: b"Ours." };
    MetadataRecord::encode([about], &mut record);
    log(&record);
    for step in 0..30i64 {
        let t = TimestampMs(now - (30 - step) * 15_000);
        record.clear();
        SamplesRecord::encode((0..2500u64).map(|i| (SeriesRef(i + 1), t, (i as f64) * 1.5 + step as f64)), &mut record);
        log(&record);
        record.clear();
        let exemplar = Exemplar {
            series: SeriesRef(1),
            labels: Labels::from_pairs([("trace_id", "x")]),
            t,
            v: 1.0,
            timestamped: true,
        };
        ExemplarsRecord::encode([&exemplar], &mut record);
        log(&record);
    }
    // As after a kill: the last page is not filled up.
    std::mem::forget(wal);
}
