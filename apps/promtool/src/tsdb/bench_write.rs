//! `tsdb bench write`: how fast simulated scrapes are appended to a database of their own.
//!
//! Upstream also writes profiles of Go's runtime (`cpu.prof` and the like) beside the data; there are none here.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use firesteel_base::TimestampMs;
use firesteel_cli::Matches;
use firesteel_go_compat as go;
use firesteel_model::{Labels, LabelsBuilder, SeriesRef};
use firesteel_storage::{AppendOptions, Appendable, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    file_error::{file_error, mkdir_error},
};

/// Between two scrapes of the simulation.
const SCRAPE_INTERVAL_MS: i64 = 30_000;
/// Scrapes that one target does before the next ones begin, and how many series a target has; upstream's.
const SCRAPES_A_ROUND: usize = 100;
const SERIES_A_TARGET: usize = 1000;

pub(crate) fn bench_write(matches: &Matches, console: &mut Console<'_>) -> u8 {
    match bench(matches, console) {
        Ok(()) => SUCCESS,
        Err(message) => {
            console.complain(message);
            FAILURE
        }
    }
}

fn bench(matches: &Matches, console: &mut Console<'_>) -> Result<(), String> {
    let count = |flag: &str| usize::try_from(matches.int(flag)).unwrap_or(0);
    let (metrics, scrapes) = (count("metrics"), count("scrapes"));
    let temporary = matches.text("out").is_empty();
    let out = if temporary {
        std::env::temp_dir().join(format!("tsdb_bench{}", std::process::id()))
    } else {
        Path::new(matches.text("out")).to_owned()
    };
    // As upstream: what an earlier run left there goes.
    match fs::remove_dir_all(&out) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(format!("{}: {e}", out.display())),
        _ => {}
    }
    fs::create_dir_all(&out).map_err(|e| mkdir_error(&out, &e))?;
    let options = DbOptions { background: false, ..DbOptions::new(out.join("storage")) };
    let db = Db::open(options).map_err(|e| e.to_string())?;

    let (series, _) = stage("readData", console, |_| read_labels(Path::new(matches.arg("file")), metrics))?;
    let (total, took) = stage("ingestScrapes", console, |console| {
        let total = ingest(&*db, &series, scrapes)?;
        console.say("ingestion completed");
        Ok(total)
    })?;
    console.say(format_args!(" > total samples: {total}"));
    let per_second = total as f64 / took.as_secs_f64();
    console.say(format_args!(" > samples/sec: {}", go::format_float_as(per_second, go::FloatForm::Json)));
    stage("stopStorage", console, |_| db.close().map_err(|e| e.to_string()))?;
    drop(db);
    if temporary {
        fs::remove_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    }
    Ok(())
}

/// Runs a stage between two lines that say so; returns its result and how long it took.
fn stage<T>(
    name: &str,
    console: &mut Console<'_>,
    run: impl FnOnce(&mut Console<'_>) -> Result<T, String>,
) -> Result<(T, Duration), String> {
    console.say(format_args!(">> start stage={name}"));
    let start = Instant::now();
    let result = run(console)?;
    let took = start.elapsed();
    let nanos = i64::try_from(took.as_nanos()).unwrap_or(i64::MAX);
    console.say(format_args!(">> completed stage={name} duration={}", go::format_go_duration(nanos)));
    Ok((result, took))
}

/// Reads up to `most` different label sets, one JSON object a line.
///
/// As upstream, the lines are split rather than parsed: quotes and braces are dropped, and a value ends at a comma or colon.
fn read_labels(file: &Path, most: usize) -> Result<Vec<Labels>, String> {
    let failed = |e: std::io::Error| file_error("open", file.display(), &e);
    let lines = BufReader::new(File::open(file).map_err(failed)?).lines();
    let (mut series, mut seen) = (Vec::new(), HashSet::new());
    for (at, line) in lines.enumerate() {
        if series.len() >= most {
            break;
        }
        let line = line.map_err(failed)?.replace(['"', '{', '}'], "");
        let mut labels = LabelsBuilder::new();
        for pair in line.split(',') {
            let mut parts = pair.split(':');
            let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
                return Err(format!("{}:{}: expected \"name\":\"value\", got {pair:?}", file.display(), at + 1));
            };
            labels.set(name, value);
        }
        let labels = labels.build();
        if seen.insert(labels.clone()) {
            series.push(labels);
        }
    }
    Ok(series)
}

/// Scrapes all targets side by side, a hundred times each, then the next hundred; returns the number of samples.
fn ingest(db: &dyn Appendable, series: &[Labels], scrapes: usize) -> Result<u64, String> {
    let mut total = 0;
    for round in (0..scrapes).step_by(SCRAPES_A_ROUND) {
        let before = SCRAPE_INTERVAL_MS * round as i64;
        total += std::thread::scope(|scope| {
            let targets: Vec<_> = series
                .chunks(SERIES_A_TARGET)
                .map(|target| scope.spawn(move || scrape_target(db, target, before)))
                .collect();
            targets.into_iter().try_fold(0, |sum, target| match target.join() {
                Ok(appended) => appended.map(|n| sum + n),
                Err(_) => Err("a target's thread panicked".to_owned()),
            })
        })?;
    }
    Ok(total)
}

fn scrape_target(db: &dyn Appendable, series: &[Labels], before: i64) -> Result<u64, String> {
    let (mut refs, mut batch, mut rejected) = (Vec::<SeriesRef>::new(), SampleBatch::default(), Vec::new());
    let (mut total, mut t, mut value) = (0, before, 123_456_789.0);
    for _ in 0..SCRAPES_A_ROUND {
        t += SCRAPE_INTERVAL_MS;
        value += 1000.0;
        let mut appender = db.appender();
        if refs.is_empty() {
            for labels in series {
                refs.push(appender.series(labels, &SeriesMeta::default()).map_err(|e| e.to_string())?);
            }
        }
        batch.clear();
        for &series in &refs {
            batch.push(series, TimestampMs(t), value);
        }
        appender.append(&batch, AppendOptions::default(), &mut rejected);
        if let Some(refused) = rejected.first() {
            return Err(refused.why.to_string());
        }
        appender.commit().map_err(|e| e.to_string())?;
        total += batch.len() as u64;
    }
    Ok(total)
}
