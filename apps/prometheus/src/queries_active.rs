//! The file `queries.active`: which queries run, so that after a crash one can see what ran last.
//!
//! Upstream's format (`promql/query_logger.go`): `[`, then as many slots of 1,000 bytes as queries may run at once; a
//! running query is a JSON object and a comma in its slot, a free slot is zeros.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use firesteel_api::Json;

const SLOT_BYTES: usize = 1000;
const FILE: &str = "queries.active";

/// The open file and its free slots. Shared by all queries.
#[derive(Debug)]
pub(crate) struct ActiveQueries {
    file: File,
    free: Mutex<Vec<u32>>,
}

/// A running query; frees its slot when dropped.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    of: &'a ActiveQueries,
    slot: u32,
}

impl ActiveQueries {
    /// Starts a new file in the data directory; logs what the last run left unfinished.
    pub(crate) fn open(dir: &Path, slots: u32) -> io::Result<Self> {
        let path = dir.join(FILE);
        if let Ok(old) = std::fs::read(&path) {
            let unfinished: Vec<u8> = old.into_iter().filter(|b| *b != 0).collect();
            let text = String::from_utf8_lossy(&unfinished);
            let text = text.trim_start_matches('[').trim_end_matches(',');
            if !text.is_empty() {
                tracing::info!(
                    component = "activeQueryTracker",
                    queries = format!("[{text}]"),
                    "These queries didn't finish in prometheus' last run:"
                );
            }
        }
        let file = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path)?;
        file.set_len(1 + u64::from(slots) * SLOT_BYTES as u64)?;
        file.write_all_at(b"[", 0)?;
        Ok(Self { file, free: Mutex::new((0..slots).rev().collect()) })
    }

    /// Notes a query; `None` when all slots are taken.
    pub(crate) fn begin(&self, query: &str) -> Option<Running<'_>> {
        let slot = self.free.lock().ok()?.pop()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        // Long queries are cut so that object and comma fit the slot, whatever escaping makes of them.
        let mut room = SLOT_BYTES - 60;
        let mut json = Json::default();
        loop {
            json.0.clear();
            let end = (0..=room.min(query.len())).rev().find(|i| query.is_char_boundary(*i)).unwrap_or(0);
            json.raw(r#"{"query":"#).string(&query[..end]).raw(r#","timestamp_sec":"#).int(now as i64).raw("},");
            if json.0.len() <= SLOT_BYTES {
                break;
            }
            room = room.min(query.len()) / 2;
        }
        // The note is a convenience: a full disk must not stop the query.
        let _ = self.file.write_all_at(&json.0, offset(slot));
        Some(Running { of: self, slot })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.of.file.write_all_at(&[0; SLOT_BYTES], offset(self.slot));
        if let Ok(mut free) = self.of.free.lock() {
            free.push(self.slot);
        }
    }
}

fn offset(slot: u32) -> u64 {
    1 + u64::from(slot) * SLOT_BYTES as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_written_and_cleared() {
        let dir = tempfile::tempdir().expect("temp dir");
        let active = ActiveQueries::open(dir.path(), 2).expect("writable");
        let read = || {
            let bytes = std::fs::read(dir.path().join(FILE)).expect("the file is there");
            assert_eq!(bytes.len(), 2001);
            String::from_utf8(bytes.into_iter().filter(|b| *b != 0).collect()).expect("JSON is UTF-8")
        };
        let one = active.begin("up{a=\"b\"}").expect("a slot");
        let long = "größe".repeat(400);
        let two = active.begin(&long).expect("a slot");
        assert!(active.begin("third").is_none());
        let text = read();
        assert!(text.starts_with(r#"[{"query":"up{a=\"b\"}","timestamp_sec":"#), "{text}");
        assert!(text.ends_with("},"), "{text}");
        drop((one, two));
        assert_eq!(read(), "[");
        assert!(active.begin("third").is_some());
    }
}
