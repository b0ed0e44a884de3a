//! What a scrape costs in storage: nanoseconds a sample of known series, and resident bytes a series.
//!
//! 100 targets of 1,000 series (10 labels each, 40 % buckets, 35 % counters, 25 % gauges), scraped every 5 s; one commit a
//! target, the log included. Run: `cargo bench -p firesteel-tsdb --bench append [-- SERIES ROUNDS uncompressed]`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod population;

use std::time::{Duration, Instant};

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Matcher, SeriesRef};
use firesteel_storage::chunkenc::XorDecoder;
use firesteel_storage::{AppendOptions, Appendable, Queryable, SampleBatch, Selection, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_wal::Compression;
use population::{labels, step};

const PER_TARGET: usize = 1000;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let series = numbers.first().copied().unwrap_or(100_000);
    let rounds = numbers.get(1).copied().unwrap_or(30);
    // One setting a process: memory that a first run gave back would hide what a second one takes.
    let plain = std::env::args().any(|a| a == "uncompressed");
    run(series, rounds, if plain { Compression::None } else { Compression::Snappy });
}

fn run(n_series: usize, rounds: usize, wal_compression: Compression) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = DbOptions { wal_compression, ..DbOptions::new(dir.path()) };
    let db = Db::open(options.clone()).expect("opens");
    let mut values: Vec<f64> = (0..n_series).map(|i| (i % 977) as f64).collect();
    let mut targets: Vec<Vec<SeriesRef>> = Vec::new();
    let base = 1_700_000_000_000i64;
    let rss_before = rss_bytes();
    let mut batch = SampleBatch::default();
    let mut rejected = Vec::new();

    let start = Instant::now();
    for target in 0..n_series / PER_TARGET {
        let mut appender = db.appender();
        batch.clear();
        let mut refs = Vec::with_capacity(PER_TARGET);
        for i in 0..PER_TARGET {
            let series = appender.series(&labels(target, i), &SeriesMeta::default()).expect("is new");
            refs.push(series);
            batch.push(series, TimestampMs(base), values[target * PER_TARGET + i]);
        }
        appender.append(&batch, AppendOptions::default(), &mut rejected);
        assert_eq!(appender.commit().expect("commits").appended, PER_TARGET);
        targets.push(refs);
    }
    let first = start.elapsed();
    let cpu_before = cpu();
    let start = Instant::now();
    for round in 1..rounds as i64 {
        for (target, refs) in targets.iter().enumerate() {
            let t = base + round * 5000 + (target as i64 * 37) % 5000 + (round * 7 + target as i64) % 3;
            batch.clear();
            for (i, &series) in refs.iter().enumerate() {
                let value = &mut values[target * PER_TARGET + i];
                step(value, i, round);
                batch.push(series, TimestampMs(t), *value);
            }
            let mut appender = db.appender();
            appender.append(&batch, AppendOptions::default(), &mut rejected);
            assert_eq!(appender.commit().expect("commits").appended, PER_TARGET);
        }
    }
    let (known, cpu_after) = (start.elapsed(), cpu());
    assert!(rejected.is_empty());
    let known_samples = (n_series * (rounds - 1)) as f64;
    let rss = rss_bytes().saturating_sub(rss_before) as f64 / n_series as f64;
    println!("series {n_series}, samples each {rounds}, compression {wal_compression:?}");
    println!("  new series: {:.2} us each", first.as_secs_f64() * 1e6 / n_series as f64);
    let ns = |d: Duration| d.as_secs_f64() * 1e9 / known_samples;
    println!(
        "  known series: {:.1} ns a sample; CPU of all threads {:.1} ns here and {:.1} ns in the kernel",
        ns(known),
        ns(cpu_after.0.saturating_sub(cpu_before.0)),
        ns(cpu_after.1.saturating_sub(cpu_before.1))
    );
    println!(
        "  RSS above the start: {rss:.0} bytes a series; allocated: {:.0}",
        db.head_heap_bytes() as f64 / n_series as f64
    );
    let log: u64 =
        std::fs::read_dir(db.wal_dir()).expect("is there").flatten().map(|e| e.metadata().map_or(0, |m| m.len())).sum();
    println!("  log: {:.2} bytes a sample, series records included", log as f64 / (n_series * rounds) as f64);

    let start = Instant::now();
    let querier = db.querier(TimeRange::ALL).expect("is open");
    let matchers = [Matcher::equal("__name__", "http_requests_total_3")];
    let selected = querier.select(&Selection { matchers: &matchers, ..Selection::default() }).expect("selects");
    println!("  select one name: {} series in {:?}", selected.series().len(), start.elapsed());
    let start = Instant::now();
    let selected = querier.select(&Selection::default()).expect("selects");
    let (selected_in, start) = (start.elapsed(), Instant::now());
    let (mut chunks, mut samples, mut sum) = (Vec::new(), 0usize, 0.0);
    let (mut t, mut v) = (vec![TimestampMs(0); 256], vec![0.0; 256]);
    for i in 0..selected.series().len() {
        chunks.clear();
        selected.chunks(i, &mut chunks).expect("chunks are there");
        for chunk in &chunks {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            while let Ok(n @ 1..) = decoder.decode_batch(&mut t, &mut v) {
                samples += n;
                sum += v[..n].iter().sum::<f64>();
            }
        }
    }
    let read = start.elapsed().as_secs_f64() * 1e9 / samples as f64;
    println!("  select all: {selected_in:?}; copy and decode {read:.1} ns a sample ({samples} samples, sum {sum:.3e})");
    drop((selected, querier));

    drop(db);
    let start = Instant::now();
    let db = Db::open(options).expect("opens again");
    let replay = db.replay_stats();
    println!("  replay: {} samples in {:?} ({:?} to open)", replay.samples, replay.duration, start.elapsed());
}

fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|l| l.starts_with("RssAnon:")).expect("a kernel since 4.5");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

/// Returns the time spent in the program and in the kernel for it.
fn cpu() -> (Duration, Duration) {
    let usage = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The 12th and 13th field behind the name, in hundredths of a second.
    let behind = usage.rsplit(')').next().unwrap_or("").split_whitespace();
    let mut times = behind.skip(11).filter_map(|f| f.parse::<u64>().ok()).map(|n| Duration::from_millis(n * 10));
    (times.next().expect("utime"), times.next().expect("stime"))
}
