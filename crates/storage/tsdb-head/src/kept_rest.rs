//! A snapshot's chunk beside the chunks in files: taken whole where these end before it, else only what they do not reach.
//!
//! Chunks in files may end at other samples than the snapshot's: a start in between that read the log instead, or had other
//! options, cut them anew.

use super::chunks_head::samples_of;
use super::late::LateValue;
use super::late_codec;
use super::series::Slot;
use super::shard::{ChunkRules, Shard};
use super::snapshot_load::KeptChunk;

impl Shard {
    /// Takes a snapshot's chunk, or its samples behind the newest one of the series; nothing before `min_valid`. Returns the
    /// times of what was taken. Only before the log is replayed.
    pub(crate) fn take_kept(
        &mut self,
        slot: Slot,
        chunk: &KeptChunk<'_>,
        min_valid: i64,
        rules: &ChunkRules,
    ) -> Option<(i64, i64)> {
        if chunk.range.1 < min_valid {
            return None;
        }
        if self.restore(slot, chunk) {
            return Some(chunk.range);
        }
        let newest = self.newest_t(slot).filter(|&newest| newest < chunk.range.1)?;
        let mut taken: Option<(i64, i64)> = None;
        let samples = samples_of(chunk.encoding, chunk.data);
        // What cannot be read is left out, as a whole chunk is.
        let _ = late_codec::decode(chunk.encoding, samples, chunk.data, |sample| {
            let times = (sample.start, sample.t);
            let fits = sample.t > newest
                && sample.t >= min_valid
                && match &sample.value {
                    LateValue::Float(v) => self.append(slot, times, *v, rules).is_ok(),
                    LateValue::Histogram(h) => self.append_histogram(slot, times, h, rules).is_ok(),
                };
            if fits {
                taken = Some((taken.map_or(sample.t, |taken| taken.0), sample.t));
            }
        });
        taken
    }
}
