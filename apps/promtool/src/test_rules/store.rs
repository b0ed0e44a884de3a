//! The store of one test: input series become visible as the time goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_config::InputSeries;
use firesteel_model::Labels;
use firesteel_promql::testscript::{InputValue, parse_input_series};
use firesteel_storage::{AppendOptions, Appendable, HistogramSample, HistogramValue, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};

use super::Fault;

/// A directory that goes when it is dropped.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("promtool-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir)?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A series and how much of it is stored.
#[derive(Debug)]
struct Input {
    labels: Labels,
    values: Vec<Option<InputValue>>,
    next: usize,
}

/// A database of its own, and what is still to be stored.
pub(super) struct Store {
    db: Option<Arc<Db>>,
    _dir: Scratch,
    inputs: Vec<Input>,
    start: TimestampMs,
    interval: Duration,
}

impl Store {
    /// Reads the series. Values are `interval` apart, the first at `start`.
    pub(super) fn new(series: &[InputSeries], start: TimestampMs, interval: Duration) -> Result<Self, Fault> {
        let mut inputs: Vec<Input> = Vec::with_capacity(series.len());
        for (at, one) in series.iter().enumerate() {
            let line = format!("{} {}", one.series.text, one.values.text);
            let (labels, values) = parse_input_series(line.trim())
                .map_err(|error| Fault::at(format!("error in line {}: {error}", at + 2), &one.series))?;
            // A line for a series that was there replaces the earlier one.
            inputs.retain(|known| known.labels != labels);
            inputs.push(Input { labels, values, next: 0 });
        }
        let failed = |error: &dyn std::fmt::Display| Fault::new(format!("opening the storage: {error}"));
        let dir = Scratch::new().map_err(|error| failed(&error))?;
        const DAY: Duration = Duration::from_hours(24);
        let options = DbOptions {
            background: false,
            no_lockfile: true,
            min_block_duration: DAY,
            max_block_duration: DAY,
            ..DbOptions::new(&dir.0)
        };
        let db = Db::open(options).map_err(|error| failed(&error))?;
        Ok(Self { db: Some(db), _dir: dir, inputs, start, interval })
    }

    pub(super) fn db(&self) -> &Arc<Db> {
        self.db.as_ref().expect("it is there until the store is dropped")
    }

    /// Stores what is not later than `until`.
    pub(super) fn advance(&mut self, until: TimestampMs) -> Result<(), Fault> {
        let failed = |error: &dyn std::fmt::Display| Fault::new(error.to_string());
        let db = Arc::clone(self.db());
        let interval_ms = self.interval.as_millis() as i64;
        let mut appender = db.appender();
        let (mut floats, mut histograms, mut rejected) = (SampleBatch::default(), Vec::new(), Vec::new());
        for input in &mut self.inputs {
            let mut series = None;
            while let Some(value) = input.values.get(input.next) {
                let at = TimestampMs(self.start.0.saturating_add(interval_ms.saturating_mul(input.next as i64)));
                if at > until {
                    break;
                }
                input.next += 1;
                let Some(value) = value else { continue };
                let series = match series {
                    Some(series) => series,
                    None => {
                        let found = appender.series(&input.labels, &SeriesMeta::default());
                        *series.insert(found.map_err(|error| failed(&error))?)
                    }
                };
                match value {
                    InputValue::Float(v) => floats.push(series, at, *v),
                    InputValue::Histogram(h) => histograms.push(HistogramSample {
                        series,
                        t: at,
                        start_t: TimestampMs(0),
                        value: HistogramValue::Float(Box::new((**h).clone())),
                    }),
                }
            }
        }
        if floats.is_empty() && histograms.is_empty() {
            return Ok(());
        }
        appender.append(&floats, AppendOptions::default(), &mut rejected);
        appender.append_histograms(&histograms, AppendOptions::default(), &mut rejected);
        if let Some(refused) = rejected.first() {
            return Err(failed(&refused.why));
        }
        appender.commit().map(drop).map_err(|error| failed(&error))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The files go with the directory; whatever closing finds wrong with them does not matter.
        if let Some(db) = self.db.take() {
            let _ = db.close();
        }
    }
}
