//! WAL segments: read, cut at the fault, and whole then.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_tsdb_wal::{Segment, TailReader, WalError, WalReader, repair, segment_path};

/// The bytes are one segment.
pub fn wal_segment(data: &[u8]) {
    let dir = Path::new("/wal");
    let vfs = FaultVfs::new();
    let segment = Segment { index: 0, path: segment_path(dir, 0) };
    vfs.create_dir_all(dir).expect("in memory");
    vfs.create(&segment.path).and_then(|f| f.write_all_at(data, 0)).expect("in memory");
    let mut tail = TailReader::open(&vfs, segment).expect("in memory");
    while let Ok(Some(_)) = tail.next_record() {}
    let read = || {
        let mut reader = WalReader::open(Arc::new(vfs.clone()), dir).expect("in memory");
        let mut records = 0;
        loop {
            match reader.next_record() {
                Ok(Some(_)) => records += 1,
                Ok(None) => return (records, None),
                Err(WalError::Corrupt(fault)) => return (records, Some(fault)),
                Err(e) => panic!("{e}"),
            }
        }
    };
    if let (records, Some(fault)) = read() {
        repair(&vfs, dir, &fault).expect("in memory");
        assert_eq!(read(), (records, None));
    }
}
