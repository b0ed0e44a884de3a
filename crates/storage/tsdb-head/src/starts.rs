//! Start timestamps of a batch's floats: beside the rows, because nearly all batches have none.

use firesteel_base::TimestampMs;
use firesteel_model::histogram::{CounterReset, FloatHistogram, Histogram};
use firesteel_storage::{HistogramSample, HistogramValue, SampleBatch};
use firesteel_tsdb_wal::records::{SampleWithStart, SamplesRecord, SamplesV2Record};

use super::appender::Row;

/// The start timestamps of rows. A checked row has its place here in `row`: 0 for none, else the place and one.
#[derive(Debug, Default)]
pub(super) struct Starts(Vec<i64>);

impl Starts {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes along the start timestamps of a batch. Returns what its rows' numbers are to be raised by; `None` when it has
    /// none.
    pub(super) fn add(&mut self, batch: &SampleBatch) -> Option<u32> {
        if batch.st.is_empty() {
            return None;
        }
        let from = self.0.len();
        self.0.extend(batch.st.iter().map(|start| start.0));
        self.0.resize(from + batch.len(), 0);
        Some(from as u32 + 1)
    }

    /// Returns the start timestamp of a row that was checked; 0: none.
    #[inline]
    pub(super) fn of(&self, row: &Row) -> i64 {
        if row.row == 0 { 0 } else { self.0.get(row.row as usize - 1).copied().unwrap_or(0) }
    }

    #[inline]
    pub(super) fn sample(&self, row: &Row) -> SampleWithStart {
        SampleWithStart { series: row.series, t: TimestampMs(row.t), start: TimestampMs(self.of(row)), v: row.v }
    }
}

/// Appends the record of samples; `starts`: of the kind that has room for start timestamps.
pub(super) fn encode_samples(samples: impl Iterator<Item = SampleWithStart>, starts: bool, record: &mut Vec<u8>) {
    if starts {
        SamplesV2Record::encode(samples, record);
    } else {
        SamplesRecord::encode(samples.map(|s| (s.series, s.t, s.v)), record);
    }
}

/// Returns the empty histogram that goes before one, at its start timestamp (upstream: `bestEffortAppendSTZeroSample`).
pub(super) fn zero_at_start(sample: &HistogramSample) -> HistogramSample {
    let value = match &sample.value {
        HistogramValue::Int(h) => HistogramValue::Int(Box::new(Histogram {
            counter_reset: CounterReset::Reset,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            custom_values: h.custom_values.clone(),
            ..Histogram::default()
        })),
        HistogramValue::Float(h) => HistogramValue::Float(Box::new(FloatHistogram {
            counter_reset: CounterReset::Reset,
            schema: h.schema,
            zero_threshold: h.zero_threshold,
            custom_values: h.custom_values.clone(),
            ..FloatHistogram::default()
        })),
    };
    HistogramSample { series: sample.series, t: sample.start_t, start_t: TimestampMs(0), value }
}
