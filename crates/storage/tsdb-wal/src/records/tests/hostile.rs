//! Bytes that no encoder wrote: every decoder ends with entries or an error, without a panic.

use proptest::prelude::*;

use crate::records::*;

/// Runs every decoder over the record, whatever its type byte says, and returns the number of entries of the right one.
fn decode_all(record: &[u8]) -> usize {
    fn walk<T>(entries: Result<impl Iterator<Item = Result<T, RecordError>>, RecordError>) -> usize {
        entries.map_or(0, |entries| entries.map_while(Result::ok).count())
    }
    let series = SeriesRecord::decode(record).map(|entries| {
        entries.inspect(|e| {
            if let Ok(e) = e {
                // Not UTF-8 is an error, not a panic.
                let _ = e.labels.to_labels(e.series.0);
            }
        })
    });
    walk(series)
        + walk(SamplesRecord::decode(record))
        + walk(SamplesV2Record::decode(record))
        + walk(TombstonesRecord::decode(record))
        + walk(ExemplarsRecord::decode(record))
        + walk(MmapMarkersRecord::decode(record))
        + walk(MetadataRecord::decode(record))
        + walk(HistogramsRecord::decode(record))
}

fn known() -> Vec<Vec<u8>> {
    include_str!("../../../testdata/wal-records.txt")
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(name, _)| !name.starts_with('#'))
        .map(|(_, hex)| {
            (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect()
        })
        .collect()
}

#[test]
fn every_prefix_of_every_record() {
    let records = known();
    assert_eq!(records.len(), 13);
    for record in records {
        let whole = decode_all(&record);
        assert!(whole > 0);
        for n in 0..record.len() {
            assert!(decode_all(&record[..n]) <= whole);
        }
    }
}

#[test]
fn lying_counts_end_at_the_records_end() {
    // A series with 2^63 labels, metadata with 2^63 fields, a histogram with 2^63 spans.
    let count = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
    for head in [vec![1u8, 0, 0, 0, 0, 0, 0, 0, 1], vec![6, 1, 1], [vec![7; 1], vec![0; 38]].concat()] {
        let record = [head, count.to_vec(), vec![0; 100]].concat();
        assert_eq!(decode_all(&record), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn any_bytes(kind in 0u8..15, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut record = vec![kind];
        record.extend(bytes);
        prop_assert!(decode_all(&record) <= record.len());
    }

    #[test]
    fn changed_records(which in 0usize..13, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut record = known().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(record.len());
            record[at] = byte;
        }
        prop_assert!(decode_all(&record) <= record.len());
    }
}
