//! Head-chunk files: entries up to the end or the first fault, each where it says it is.

use firesteel_tsdb_head::chunks_head::{Entries, check_header, push_entry};

/// The bytes are one file.
pub fn chunks_head(data: &[u8]) {
    if check_header(data).is_err() {
        return;
    }
    let mut entries = Entries::new(data);
    let mut again = data[..8].to_vec();
    while let Some(Ok(entry)) = entries.next() {
        assert_eq!(again.len(), entry.offset as usize);
        let times = (entry.min_t, entry.max_t);
        let data_at = push_entry(&mut again, entry.series, times, entry.encoding, entry.out_of_order, entry.data);
        assert_eq!(entry.offset + data_at, entry.data_at);
    }
    assert_eq!(entries.position(), again.len() as u64);
    assert_eq!(data[..again.len()], again);
}
