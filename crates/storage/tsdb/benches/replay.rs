//! How long a start takes after `kill -9`, and with how much memory.
//!
//! `cargo bench -p firesteel-tsdb --bench replay -- write DIR SERIES ROUNDS` leaves a directory as a killed server does, with
//! samples every 15 s up to now; `-- open DIR` opens it and tells. Without arguments both, for 20,000 series × 240 samples.
//! The directory opens in Prometheus as well, to be timed beside it.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod population;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;
use firesteel_storage::{AppendOptions, Appendable, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};
use population::{labels, step};

const PER_TARGET: usize = 1000;
const EVERY_MS: i64 = 15_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, default: usize| args.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    match (args.first().map(String::as_str), args.get(1)) {
        (Some("write"), Some(dir)) => write(Path::new(dir), number(2, 100_000), number(3, 240)),
        (Some("open"), Some(dir)) => open(Path::new(dir)),
        _ => {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let me = std::env::current_exe().expect("has a path");
            for what in [&["write"][..], &["open"]] {
                let mut command = std::process::Command::new(&me);
                command.args(what).arg(dir.path()).args(["20000", "240"]);
                assert!(command.status().expect("runs").success());
            }
        }
    }
}

fn write(dir: &Path, n_series: usize, rounds: usize) {
    let db = Db::open(DbOptions::new(dir)).expect("opens");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let base = now - rounds as i64 * EVERY_MS;
    let mut values: Vec<f64> = (0..n_series).map(|i| (i % 977) as f64).collect();
    let mut targets: Vec<Vec<SeriesRef>> = Vec::new();
    let (mut batch, mut rejected) = (SampleBatch::default(), Vec::new());
    let start = Instant::now();
    for round in 0..rounds as i64 {
        for target in 0..n_series / PER_TARGET {
            let mut appender = db.appender();
            if round == 0 {
                let new = |i| appender.series(&labels(target, i), &SeriesMeta::default()).expect("is new");
                targets.push((0..PER_TARGET).map(new).collect());
            }
            let t = base + round * EVERY_MS + (target as i64 * 37) % EVERY_MS + (round * 7 + target as i64) % 3;
            batch.clear();
            for (i, &series) in targets[target].iter().enumerate() {
                let value = &mut values[target * PER_TARGET + i];
                step(value, i, round);
                batch.push(series, TimestampMs(t), *value);
            }
            appender.append(&batch, AppendOptions::default(), &mut rejected);
            assert_eq!(appender.commit().expect("commits").appended, PER_TARGET);
        }
    }
    println!("wrote {n_series} series x {rounds} samples in {:?}; {}", start.elapsed(), memory());
    // As after kill -9: nothing is closed.
    std::mem::forget(db);
}

fn open(dir: &Path) {
    let start = Instant::now();
    let db = Db::open(DbOptions::new(dir)).expect("opens");
    let took = start.elapsed();
    let (replay, stats, cpu) = (db.replay_stats(), db.head_stats(), cpu());
    println!(
        "opened in {took:?} (CPU {:?} here, {:?} in the kernel): {} series, {} samples from the log, {} chunks in files; {}",
        cpu.0,
        cpu.1,
        stats.series,
        replay.samples,
        replay.mmap_chunks,
        memory()
    );
}

/// Returns what memory there is and was at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let lines = status.lines().filter(|l| ["RssAnon:", "VmHWM:", "RssFile:"].iter().any(|name| l.starts_with(name)));
    lines.map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

/// Returns the time spent in the program and in the kernel for it.
fn cpu() -> (Duration, Duration) {
    let usage = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The 12th and 13th field behind the name, in hundredths of a second.
    let behind = usage.rsplit(')').next().unwrap_or("").split_whitespace();
    let mut times = behind.skip(11).filter_map(|f| f.parse::<u64>().ok()).map(|n| Duration::from_millis(n * 10));
    (times.next().expect("utime"), times.next().expect("stime"))
}
