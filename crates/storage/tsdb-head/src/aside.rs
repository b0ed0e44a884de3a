//! What a batch carries beside float samples: histograms, metadata and exemplars.

use firesteel_base::FastHashMap;
use firesteel_model::{Metadata, SeriesRef};
use firesteel_storage::{Exemplar, HistogramSample, HistogramValue};
use firesteel_tsdb_wal::records::{ExemplarsRecord, HistogramsRecord, MetadataEntry, MetadataRecord};

use super::Head;

/// The kinds of histograms that go to records of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SampleKind {
    Int,
    CustomInt,
    Float,
    CustomFloat,
}

impl SampleKind {
    pub(super) fn of(value: &HistogramValue) -> Self {
        match value {
            HistogramValue::Int(h) if h.uses_custom_buckets() => Self::CustomInt,
            HistogramValue::Int(_) => Self::Int,
            HistogramValue::Float(h) if h.uses_custom_buckets() => Self::CustomFloat,
            HistogramValue::Float(_) => Self::Float,
        }
    }
}

/// Kept and used again with the batch's other memory.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pub(super) histograms: Vec<HistogramSample>,
    /// The kind that each series of `histograms` has there.
    pub(super) kinds: FastHashMap<SeriesRef, SampleKind>,
    pub(super) metadata: Vec<(SeriesRef, Metadata)>,
    pub(super) exemplars: Vec<Exemplar>,
    /// In the order of `HistogramsRecord::kinds`.
    pub(super) histogram_records: [Vec<u8>; 4],
    pub(super) metadata_record: Vec<u8>,
    pub(super) exemplars_record: Vec<u8>,
}

impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.histograms.is_empty() && self.metadata.is_empty() && self.exemplars.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.histograms.clear();
        self.kinds.clear();
        self.metadata.clear();
        self.exemplars.clear();
        self.histogram_records.iter_mut().for_each(Vec::clear);
        self.metadata_record.clear();
        self.exemplars_record.clear();
    }

    /// Writes the records into the buffers.
    pub(super) fn encode(&mut self, starts: bool) {
        let entries = self.metadata.iter().map(|(series, about)| MetadataEntry {
            series: *series,
            metric_type: about.metric_type,
            unit: about.unit.as_bytes(),
            help: about.help.as_bytes(),
        });
        MetadataRecord::encode(entries, &mut self.metadata_record);
        encode_histograms(&self.histograms, starts, &mut self.histogram_records);
        ExemplarsRecord::encode(&self.exemplars, &mut self.exemplars_record);
    }

    /// Returns the records of the histograms so far, in the order of a log.
    pub(super) fn take_histogram_records(&mut self, starts: bool) -> [Vec<u8>; 4] {
        let mut records = std::mem::take(&mut self.histogram_records);
        encode_histograms(&self.histograms, starts, &mut records);
        let [ints, floats, custom_ints, custom_floats] = records;
        [ints, custom_ints, floats, custom_floats]
    }

    /// Makes the batch's metadata and exemplars visible.
    pub(super) fn write(&mut self, head: &Head) {
        if !self.metadata.is_empty() {
            let mut table = head.metadata.write();
            for (series, about) in self.metadata.drain(..) {
                // A series that was truncated since must not come back as metadata of nobody.
                if head.is_live(series) {
                    table.set(series, &about);
                }
            }
        }
        if !self.exemplars.is_empty() {
            let mut ring = head.exemplars.lock();
            for e in self.exemplars.drain(..) {
                let series = e.series;
                ring.add(e, || head.labels_of(series));
            }
        }
    }
}

/// Appends the records of histograms, one for each kind of record; `starts`: with start timestamps.
pub(super) fn encode_histograms(histograms: &[HistogramSample], starts: bool, records: &mut [Vec<u8>; 4]) {
    if histograms.is_empty() {
        return;
    }
    for (record, kind) in records.iter_mut().zip(HistogramsRecord::kinds(starts)) {
        HistogramsRecord::encode(*kind, histograms, record);
    }
}
