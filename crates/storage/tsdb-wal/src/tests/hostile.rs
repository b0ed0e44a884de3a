//! Segments that no writer wrote: records or a corruption, which `repair` can cut, never a panic.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{FaultVfs, Vfs};
use proptest::prelude::*;

use super::log::{DIR, options};
use crate::*;

/// Reads a log of one segment with these bytes; after a fault it is repaired, and must then be whole.
fn read(bytes: &[u8]) -> usize {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new(DIR)).expect("a directory");
    let segment = Segment { index: 0, path: segment_path(Path::new(DIR), 0) };
    vfs.create(&segment.path).and_then(|f| f.write_all_at(bytes, 0)).expect("a file");
    let mut tail = TailReader::open(&vfs, segment).expect("open");
    while let Ok(Some(_)) = tail.next_record() {}
    let count = || {
        let mut reader = WalReader::open(Arc::new(vfs.clone()), Path::new(DIR)).expect("open");
        let mut n = 0;
        loop {
            match reader.next_record() {
                Ok(Some(_)) => n += 1,
                Ok(None) => return (n, None),
                Err(WalError::Corrupt(fault)) => return (n, Some(fault)),
                Err(e) => panic!("{e}"),
            }
        }
    };
    let (before, fault) = count();
    if let Some(fault) = fault {
        repair(&vfs, Path::new(DIR), &fault).expect("repair");
        assert_eq!(count(), (before, None), "after {fault}");
    }
    before
}

/// A segment of a few pages, compressed one way or the other.
fn segment(compression: Compression) -> Vec<u8> {
    let vfs = FaultVfs::new();
    let wal = Wal::open(Arc::new(vfs.clone()), Path::new(DIR), WalOptions { compression, ..options() }).expect("open");
    for n in [10, 1000, 40_000, 0, 300] {
        let record: Vec<u8> = (0..n).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 25) as u8).collect();
        let _ = wal.log(&[&record, b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], OnFailure::Refuse).expect("log");
    }
    let files: &dyn Vfs = &vfs;
    files.read(&segment_path(Path::new(DIR), 0)).expect("read")
}

#[test]
fn a_claim_of_four_gigabytes_is_not_believed() {
    // Snappy's length says 4 GiB - 1, and a checksum that holds.
    let stored = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let mut bytes = vec![1 | 8, 0, stored.len() as u8];
    bytes.extend_from_slice(&crc32c::crc32c(&stored).to_be_bytes());
    bytes.extend_from_slice(&stored);
    assert_eq!(read(&bytes), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop_oneof![Just(0u8), 1u8..5, any::<u8>()], 0..2000)) {
        read(&bytes);
    }

    #[test]
    fn changed_segments(
        which in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = segment([Compression::None, Compression::Snappy, Compression::Zstd][which]);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        prop_assert!(read(&bytes) <= 10);
    }
}
