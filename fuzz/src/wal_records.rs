//! WAL records: every decoder, whatever the type byte says.

use firesteel_tsdb_wal::records::*;

/// The bytes are one record.
pub fn wal_records(data: &[u8]) {
    fn walk<T>(data: &[u8], entries: Result<impl Iterator<Item = Result<T, RecordError>>, RecordError>) {
        if let Ok(entries) = entries {
            assert!(entries.count() <= data.len(), "more entries than bytes");
        }
    }
    walk(data, SamplesRecord::decode(data));
    walk(data, SamplesV2Record::decode(data));
    walk(data, TombstonesRecord::decode(data));
    walk(data, ExemplarsRecord::decode(data));
    walk(data, MmapMarkersRecord::decode(data));
    walk(data, MetadataRecord::decode(data));
    walk(data, HistogramsRecord::decode(data));
    if let Ok(entries) = HistogramsRecord::decode(data) {
        // A histogram that cannot be reduced is an error like others.
        entries.map_while(Result::ok).for_each(|entry| drop(entry.sample()));
    }
    if let Ok(entries) = SeriesRecord::decode(data) {
        for entry in entries.map_while(Result::ok) {
            // Not UTF-8 is an error like others.
            let _ = entry.labels.to_labels(entry.series.0);
        }
    }
}
