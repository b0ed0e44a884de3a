//! Native histograms on their way to the storage: the limits on their buckets.

use firesteel_base::TimestampMs;
use firesteel_expfmt::NativeHistogram;
use firesteel_model::SeriesRef;
use firesteel_model::histogram::{HistogramError, SCHEMA_MAX, SCHEMA_MAX_RESERVED, SCHEMA_MIN, is_exponential_schema};
use firesteel_storage::{AppendError, HistogramSample, HistogramValue};

use crate::ingest::{IngestError, Run};
use crate::rows::BATCH_ROWS;
use crate::sample_rules::SampleRules;
use crate::source::Source;

/// Returns the finest schema whose buckets grow by `factor` at least (upstream: `pickSchema`).
pub(crate) fn schema_of_factor(factor: f64) -> i32 {
    let factor = if factor <= 1.0 { 1.00271 } else { factor };
    let floor = (-factor.log2().log2()).floor();
    floor.clamp(f64::from(SCHEMA_MIN), f64::from(SCHEMA_MAX)) as i32
}

fn buckets(h: &NativeHistogram) -> (i32, usize) {
    match h {
        NativeHistogram::Int(h) => (h.schema, h.positive_buckets.len() + h.negative_buckets.len()),
        NativeHistogram::Float(h) => (h.schema, h.positive_buckets.len() + h.negative_buckets.len()),
    }
}

fn reduce(h: &mut NativeHistogram, schema: i32) -> Result<(), HistogramError> {
    match h {
        NativeHistogram::Int(h) => h.reduce_resolution(schema),
        NativeHistogram::Float(h) => h.reduce_resolution(schema),
    }
}

/// Brings a histogram within the limits; false: it has too many buckets whatever is done.
fn limit(h: &mut NativeHistogram, rules: &SampleRules) -> Result<bool, HistogramError> {
    let (schema, _) = buckets(h);
    if (SCHEMA_MIN..=SCHEMA_MAX_RESERVED).contains(&schema) && schema > rules.schema_max {
        reduce(h, rules.schema_max)?;
    }
    if rules.bucket_limit == 0 {
        return Ok(true);
    }
    loop {
        let (schema, n) = buckets(h);
        if n as u64 <= rules.bucket_limit {
            return Ok(true);
        }
        if !is_exponential_schema(schema) || schema <= SCHEMA_MIN {
            return Ok(false);
        }
        reduce(h, schema - 1)?;
    }
}

impl<'b, S: Source<'b>> Run<'_, 'b, S> {
    #[cold]
    pub(crate) fn histogram_row(
        &mut self,
        series: SeriesRef,
        t: TimestampMs,
        mut histogram: NativeHistogram,
        line: u32,
    ) -> Result<(), IngestError> {
        match limit(&mut histogram, self.rules) {
            Ok(true) => {}
            Ok(false) => {
                self.over_buckets = true;
                return Ok(());
            }
            Err(e) => return Err(AppendError::from(e).into()),
        }
        let value = match histogram {
            NativeHistogram::Int(h) => HistogramValue::Int(h),
            NativeHistogram::Float(h) => HistogramValue::Float(h),
        };
        let start_t = self.start();
        self.s.histograms.push(HistogramSample { series, t, start_t, value });
        self.s.histogram_lines.push(line);
        // A histogram takes the place of some rows.
        if self.s.histograms.len() >= BATCH_ROWS / 16 { self.flush() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_choose_schemas_as_upstream() {
        for (factor, schema) in [
            (65536.0, -4),
            (1e9, -4),
            (2.0, 0),
            (1.999, 0),
            (1.4, 1),
            (1.1, 2),
            (1.04, 4),
            (1.005, 7),
            (1.0, 8),
            (0.0, 8),
        ] {
            assert_eq!(schema_of_factor(factor), schema, "{factor}");
        }
    }
}
