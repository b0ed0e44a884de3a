//! Out-of-order samples on their way to the log of their own.

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;
use firesteel_storage::HistogramSample;
use firesteel_tsdb_wal::OnFailure;
use firesteel_tsdb_wal::records::{MmapMarker, MmapMarkersRecord, SampleWithStart};

use super::Head;
use super::aside::encode_histograms;
use super::late::{LateSample, LateValue};
use super::log::LogOutcome;
use super::starts::encode_samples;

/// Samples and markers of one write.
#[derive(Debug, Default)]
pub(super) struct LateRows {
    markers: Vec<MmapMarker>,
    floats: Vec<SampleWithStart>,
    histograms: Vec<HistogramSample>,
    marker_record: Vec<u8>,
    record: Vec<u8>,
}

impl LateRows {
    pub(super) fn clear(&mut self) {
        self.markers.clear();
        self.floats.clear();
        self.histograms.clear();
        self.marker_record.clear();
        self.record.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.markers.is_empty() && self.floats.is_empty() && self.histograms.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.markers.len() + self.floats.len() + self.histograms.len()
    }

    /// Adds a marker: it comes before all samples.
    pub(super) fn push_marker(&mut self, marker: MmapMarker) {
        self.markers.push(marker);
    }

    pub(super) fn push_float(&mut self, series: SeriesRef, (start, t): (i64, i64), v: f64) {
        self.floats.push(SampleWithStart { series, t: TimestampMs(t), start: TimestampMs(start), v });
    }

    pub(super) fn push_histogram(&mut self, sample: HistogramSample) {
        self.histograms.push(sample);
    }

    pub(super) fn push(&mut self, series: SeriesRef, sample: LateSample) {
        let LateSample { t, start, value } = sample;
        match value {
            LateValue::Float(v) => self.push_float(series, (start, t), v),
            LateValue::Histogram(value) => {
                let (t, start_t) = (TimestampMs(t), TimestampMs(start));
                self.push_histogram(HistogramSample { series, t, start_t, value });
            }
        }
    }

    /// Logs the samples of a batch: only now is it known which they are, as in upstream's. `None`: there are none.
    pub(super) fn log(&mut self, head: &Head) -> Option<LogOutcome> {
        let floats = self.floats.iter().map(|row| row.t.0);
        let times = || floats.clone().chain(self.histograms.iter().map(|h| h.t.0));
        let (min, max) = (times().min()?, times().max()?);
        head.out_of_order.widen(min, max);
        Some(self.write(head, OnFailure::Keep))
    }

    /// Writes the markers, and then the samples.
    pub(super) fn write(&mut self, head: &Head, on_failure: OnFailure) -> LogOutcome {
        MmapMarkersRecord::encode(self.markers.iter().copied(), &mut self.marker_record);
        encode_samples(self.floats.iter().copied(), head.options.starts, &mut self.record);
        let mut records = <[Vec<u8>; 4]>::default();
        encode_histograms(&self.histograms, head.options.starts, &mut records);
        let [ints, floats, custom_ints, custom_floats] = &records;
        let all: [&[u8]; 6] = [&self.marker_record, &self.record, ints, custom_ints, floats, custom_floats];
        head.late_log.write(&all, on_failure)
    }
}
