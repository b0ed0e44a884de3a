//! The store of one test: input series become visible as the time goes on.

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_config::InputSeries;
use firesteel_model::Labels;
use firesteel_promql::testscript::{InputValue, parse_input_series};
use firesteel_storage::{AppendOptions, Appendable, HistogramSample, HistogramValue, SampleBatch, SeriesMeta};
use firesteel_tsdb::Db;

use super::Fault;
use crate::scratch_db::ScratchDb;

/// A series and how much of it is stored.
#[derive(Debug)]
struct Input {
    labels: Labels,
    values: Vec<Option<InputValue>>,
    next: usize,
}

/// A database of its own, and what is still to be stored.
pub(super) struct Store {
    db: ScratchDb,
    inputs: Vec<Input>,
    start: TimestampMs,
    interval: Duration,
}

impl Store {
    /// Reads the series. Values are `interval` apart, the first at `start`.
    pub(super) fn new(series: &[InputSeries], start: TimestampMs, interval: Duration) -> Result<Self, Fault> {
        let mut inputs: Vec<Input> = Vec::with_capacity(series.len());
        let lines = series.iter().flat_map(|one| {
            let text = format!("{} {}", one.series.text, one.values.text);
            text.split('\n').map(|line| (line.trim().to_owned(), one)).collect::<Vec<_>>()
        });
        // Upstream makes a script of all series, which ends at the first blank line or comment.
        let lines = lines.take_while(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        for (at, (line, one)) in lines.enumerate() {
            let (labels, values) =
                parse_input_series(&line).map_err(|error| Fault::at(placed(&error, at + 2), &one.series))?;
            // A line for a series that was there replaces the earlier one.
            inputs.retain(|known| known.labels != labels);
            inputs.push(Input { labels, values, next: 0 });
        }
        let db = ScratchDb::open().map_err(|error| Fault::new(format!("opening the storage: {error}")))?;
        Ok(Self { db, inputs, start, interval })
    }

    pub(super) fn db(&self) -> &Arc<Db> {
        self.db.db()
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

/// A fault of the parser in the line of the script that upstream makes of the series, `load` being the first.
fn placed(error: &str, line: usize) -> String {
    match error.strip_prefix("1:") {
        Some(rest) => format!("{line}:{rest}"),
        None => error.to_owned(),
    }
}
