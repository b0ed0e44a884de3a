//! The part of a replay that reads the log of out-of-order samples.

use firesteel_model::SeriesRef;
use firesteel_storage::HistogramSample;
use firesteel_tsdb_wal::records::{
    HistogramsRecord, MmapMarker, MmapMarkersRecord, RecordError, RecordType, SamplesRecord, SamplesV2Record,
};

use super::chunks_head::ChunkRef;
use super::late::{Inserted, LateSample, LateValue};
use super::late_codec::EncodedLate;
use super::replay::Replay;

impl Replay<'_> {
    /// Takes one record of the log of out-of-order samples, after all of the main log.
    ///
    /// A chunk in a file counts when a marker names it: others are in blocks already, or were not marked any more and the log
    /// has their samples. Its samples, and no others, go from what was replayed so far, whereas upstream's replay forgets all
    /// that the series had: so a marker does no harm whose chunk is lost, or whose place another chunk was given since.
    pub fn late_record(&mut self, record: &[u8]) -> Result<(), RecordError> {
        if self.held > 0 {
            self.drain();
        }
        match RecordType::of(record) {
            Some(RecordType::Samples) => {
                for sample in SamplesRecord::decode(record)? {
                    let sample = sample?;
                    self.late_sample(sample.series, (0, sample.t.0), LateValue::Float(sample.v));
                }
            }
            Some(RecordType::SamplesV2) => {
                for sample in SamplesV2Record::decode(record)? {
                    let sample = sample?;
                    self.late_sample(sample.series, (sample.start.0, sample.t.0), LateValue::Float(sample.v));
                }
            }
            Some(RecordType::MmapMarkers) => {
                for marker in MmapMarkersRecord::decode(record)? {
                    self.marker(marker?);
                }
            }
            Some(
                RecordType::HistogramSamples
                | RecordType::FloatHistogramSamples
                | RecordType::CustomBucketsHistogramSamples
                | RecordType::CustomBucketsFloatHistogramSamples
                | RecordType::HistogramSamplesV2
                | RecordType::FloatHistogramSamplesV2,
            ) => {
                for entry in HistogramsRecord::decode(record)? {
                    if let Some(HistogramSample { series, t, start_t, value }) = entry?.sample()? {
                        self.late_sample(series, (start_t.0, t.0), LateValue::Histogram(value));
                    }
                }
            }
            _ => self.stats.skipped_records += 1,
        }
        Ok(())
    }

    fn late_sample(&mut self, series: SeriesRef, (start, t): (i64, i64), value: LateValue) {
        let real = self.real(series);
        if self.insert_late(real, LateSample { t, start, value }) {
            self.stats.late_samples += 1;
        } else if !self.dropped.contains(&real) {
            self.stats.unknown_late_refs += 1;
            self.keep_free(series);
        }
    }

    fn marker(&mut self, marker: MmapMarker) {
        // Upstream's for a series that has no chunk in files. What came before is in blocks, or in chunks that a compaction
        // wrote without a marker before it failed.
        if marker.chunk == 0 {
            return;
        }
        let head = self.head;
        let series = self.real(marker.series);
        let Some(place) = head.place_of(series) else {
            if !self.dropped.contains(&series) {
                self.stats.unknown_marker_refs += 1;
                self.keep_free(marker.series);
            }
            return;
        };
        let at = ChunkRef(marker.chunk);
        let maps = head.chunks_head().map(|files| files.maps().clone());
        let Some((entry, bytes)) = maps.as_ref().and_then(|maps| self.loaded.late_at(maps, marker.series, at)) else {
            head.out_of_order.note_lost_marker();
            return;
        };
        let range = (entry.min_t, entry.max_t);
        let chunk = EncodedLate { range, encoding: entry.encoding, samples: entry.samples, bytes };
        let mut shard = head.shards[place.shard as usize].lock();
        if shard.series(place.slot, series).is_none() {
            self.stats.unknown_marker_refs += 1;
            return;
        }
        let before = shard.late.sealed.chunk_bytes();
        shard.late.forget(series, &chunk, head.late_cap(), &head.rules());
        head.note_mapped(before.saturating_sub(shard.late.sealed.chunk_bytes()));
        if self.named.insert(at) {
            shard.late.attach(series, &entry);
            self.stats.mmap_chunks += 1;
            drop(shard);
            head.out_of_order.widen(range.0, range.1);
        }
    }

    /// Returns whether the series is known.
    fn insert_late(&self, series: SeriesRef, sample: LateSample) -> bool {
        let head = self.head;
        let Some(place) = head.place_of(series) else { return false };
        let t = sample.t;
        let mut shard = head.shards[place.shard as usize].lock();
        if shard.series(place.slot, series).is_none() {
            return false;
        }
        let before = shard.late.sealed.chunk_bytes();
        let inserted = shard.late.insert(series, sample, head.late_cap(), &head.rules());
        head.note_sealed(shard.late.sealed.chunk_bytes() - before);
        drop(shard);
        if inserted != Inserted::Duplicate {
            head.out_of_order.widen(t, t);
        }
        true
    }
}
