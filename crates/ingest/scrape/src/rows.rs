//! Rows on their way to the storage, and what the storage refuses of them.

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;
use firesteel_storage::{AppendError, AppendOptions, Rejected};

use crate::ingest::{Counts, IngestError, Run};
use crate::source::Source;

/// Rows handed to the storage at once: 96 KiB of columns stay in the second-level cache.
pub(crate) const BATCH_ROWS: usize = 4096;
/// Samples may be this far ahead of the clock (upstream: `maxAheadTime`).
pub(crate) const AHEAD_MS: i64 = 10 * 60 * 1000;

/// Counts what the storage refused of a batch, and notes the lines of it. Error: the whole page is refused.
fn sort_out(
    rejected: &[Rejected],
    lines: &[u32],
    refused: &mut Vec<u32>,
    counts: &mut Counts,
) -> Result<(), IngestError> {
    for rejected in rejected {
        match rejected.why {
            AppendError::OutOfOrder => counts.out_of_order += 1,
            AppendError::Duplicate => counts.duplicates += 1,
            AppendError::OutOfBounds => counts.out_of_bounds += 1,
            why => return Err(why.into()),
        }
        refused.extend(lines.get(rejected.row as usize));
    }
    Ok(())
}

impl<'b, S: Source<'b>> Run<'_, 'b, S> {
    #[inline(always)]
    pub(crate) fn row(
        &mut self,
        series: SeriesRef,
        timestamp: Option<TimestampMs>,
        value: f64,
        line: u32,
    ) -> Result<(), IngestError> {
        self.attempts += 1;
        if self.rules.sample_limit > 0 && self.attempts > self.rules.sample_limit {
            return Ok(());
        }
        let t = match timestamp {
            None => self.page.scrape_time,
            Some(t) if t.0 > self.page.now.0.saturating_add(AHEAD_MS) => {
                self.counts.out_of_bounds += 1;
                self.s.refused.push(line);
                return Ok(());
            }
            Some(t) => t,
        };
        if S::RICH {
            if let Some(histogram) = self.histogram.take() {
                return self.histogram_row(series, t, histogram, line);
            }
            let start = self.start();
            self.s.batch.push_with_start(series, start, t, value);
        } else {
            self.s.batch.push(series, t, value);
        }
        self.s.row_lines.push(line);
        if self.s.batch.len() >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Returns the start timestamp of the present sample, where they are wanted.
    #[inline]
    pub(crate) fn start(&mut self) -> TimestampMs {
        if self.rules.starts && !self.is_stepped_over { self.source.start() } else { TimestampMs(0) }
    }

    /// Hands the rows to the storage and sorts out refusals.
    pub(crate) fn flush(&mut self) -> Result<(), IngestError> {
        let s = &mut *self.s;
        s.rejected.clear();
        self.app.append(&s.batch, AppendOptions::default(), &mut s.rejected);
        sort_out(&s.rejected, &s.row_lines, &mut s.refused, &mut self.counts)?;
        s.batch.clear();
        s.row_lines.clear();
        if S::RICH && !self.s.histograms.is_empty() { self.flush_histograms() } else { Ok(()) }
    }

    #[cold]
    fn flush_histograms(&mut self) -> Result<(), IngestError> {
        let s = &mut *self.s;
        s.rejected.clear();
        self.app.append_histograms(&s.histograms, AppendOptions::default(), &mut s.rejected);
        sort_out(&s.rejected, &s.histogram_lines, &mut s.refused, &mut self.counts)?;
        s.histograms.clear();
        s.histogram_lines.clear();
        Ok(())
    }
}
