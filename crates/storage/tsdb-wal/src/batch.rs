//! The records of one commit on their way to a segment: compressed, in one buffer, with their ends.

use super::OnFailure;
use super::compression::{Compression, Compressor};

/// Filled by the committing thread outside of all locks, written by whoever leads the group, then used again.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) ticket: u64,
    pub(super) on_failure: OnFailure,
    bytes: Vec<u8>,
    ends: Vec<(usize, u8)>,
    compressor: Compressor,
}

impl Batch {
    /// Replaces the content; returns the number of bytes that compression saved.
    pub(super) fn fill(&mut self, records: &[&[u8]], how: Compression) -> u64 {
        self.bytes.clear();
        self.ends.clear();
        for record in records {
            let flag = self.compressor.append(how, record, &mut self.bytes);
            self.ends.push((self.bytes.len(), flag));
        }
        (records.iter().map(|r| r.len()).sum::<usize>() - self.bytes.len()) as u64
    }

    /// Returns the stored form of each record and its flag.
    pub(super) fn records(&self) -> impl Iterator<Item = (&[u8], u8)> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, flag)| {
            let stored = self.bytes.get(start..end).unwrap_or(&[]);
            start = end;
            (stored, flag)
        })
    }

    /// Returns the memory held, which is what a bound on waiting batches counts.
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<(usize, u8)>()
    }
}
