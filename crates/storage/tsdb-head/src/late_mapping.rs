//! Full chunks of out-of-order samples on their way to files, and the markers in their log that say so.
//!
//! A marker says in upstream's replay (`tsdb/head_wal.go`, `loadWBL`, 3.14) that all samples of the series so far are in
//! chunks. Here chunks are written some time after they are full, so the samples that came since are logged again behind the
//! marker. That happens while no batch is on its way ([`Head::gate`]): all that is in memory is logged then, and nothing else.

use std::collections::BTreeMap;

use firesteel_model::SeriesRef;
use firesteel_tsdb_wal::records::MmapMarker;
use firesteel_tsdb_wal::{OnFailure, Wal};

use super::Head;
use super::chunks_head::{ChunkFiles, ChunkRef, ChunksHeadError, NewChunk, Written, entry_start};
use super::late_rows::LateRows;
use super::log::LogOutcome;
use super::mapping::SLICE_BYTES;
use super::sealed::ChunkBytesAt;

/// Written and marked at a time, of one shard: what a series has behind these chunks is logged again.
const RUN_BYTES: usize = 4 << 20;
/// Markers and samples that are logged at a time when the log is written anew.
const ROWS_MAX: usize = 64 << 10;

impl Head {
    /// Writes the full out-of-order chunks that are in memory to files and marks them in their log; returns how many. Only
    /// while no cut of them is under way: a marker behind its place in the log would bring back what the blocks hold.
    ///
    /// To be called with `upkeep` held. A chunk that cannot be marked stays in memory; a start does not look at it in its
    /// file.
    pub(crate) fn map_late_chunks(&self, files: &ChunkFiles) -> Result<usize, ChunksHeadError> {
        let Some(wal) = self.late_log.wal().filter(|_| !self.out_of_order.is_being_cut()) else { return Ok(0) };
        let waiting: Vec<usize> = self.shards.iter().map(|shard| shard.lock().late.sealed.n_waiting()).collect();
        if waiting.iter().all(|&n| n == 0) || !self.late_log_works(wal) {
            return Ok(0);
        }
        wal.sync().map_err(|e| ChunksHeadError::Unsynced(e.to_string()))?;
        let (mut chunks, mut bytes, mut written) = (Vec::new(), Vec::new(), Vec::new());
        let mut mapped = 0;
        for (shard, mut most) in waiting.into_iter().enumerate() {
            while most > 0 {
                chunks.clear();
                bytes.clear();
                written.clear();
                let mut places = 0;
                while places < most && bytes.len() < RUN_BYTES {
                    let limit = bytes.len() + SLICE_BYTES;
                    let sealed = &self.shards[shard].lock().late.sealed;
                    let more = sealed.gather(places..most, limit, true, &mut chunks, &mut bytes);
                    if more == 0 {
                        break;
                    }
                    places += more;
                }
                if places == 0 {
                    break;
                }
                most -= places;
                let outcome = files.append(&chunks, &bytes, &mut written);
                mapped += self.mark(shard, places, &chunks, &written)?;
                outcome?;
            }
        }
        Ok(mapped)
    }

    /// Marks the chunks that were written and gives their memory back.
    fn mark(
        &self,
        shard: usize,
        places: usize,
        chunks: &[NewChunk],
        written: &[Written],
    ) -> Result<usize, ChunksHeadError> {
        let mut rows = LateRows::default();
        let mut of_series: BTreeMap<SeriesRef, usize> = BTreeMap::new();
        for (chunk, written) in chunks.iter().zip(written) {
            let at = entry_start(written.data_at, (chunk.to - chunk.from) as usize);
            rows.push_marker(MmapMarker { series: chunk.series, chunk: ChunkRef::new(written.file, at).0 });
            *of_series.entry(chunk.series).or_default() += 1;
        }
        let _no_batch = self.gate.write();
        {
            let shard = self.shards[shard].lock();
            for (series, marked) in of_series {
                // Chunks wait in order of sealing: the oldest ones in memory are those that were written.
                shard.late.each_in_memory(series, marked, |sample| rows.push(series, sample));
            }
        }
        if !rows.is_empty() {
            self.write_marked(&mut rows)?;
        }
        let freed = self.shards[shard].lock().late.sealed.mapped(places, written);
        self.note_mapped(freed);
        Ok(written.len())
    }

    fn write_marked(&self, rows: &mut LateRows) -> Result<(), ChunksHeadError> {
        match rows.write(self, OnFailure::Refuse) {
            LogOutcome::Written => Ok(()),
            LogOutcome::Refused(why) => Err(ChunksHeadError::Unmarked(why)),
            LogOutcome::Closed => Err(ChunksHeadError::Unmarked("the log is closed".to_owned())),
            LogOutcome::Kept | LogOutcome::Lost => Err(ChunksHeadError::Unmarked("the log is not written".to_owned())),
        }
    }

    fn late_log_works(&self, wal: &Wal) -> bool {
        if self.late_log.is_failing() && wal.works() {
            self.late_log.works_again();
        }
        !self.late_log.is_failing()
    }

    /// Returns whether the replayed log of out-of-order samples has markers of chunks that are not there.
    pub fn has_lost_markers(&self) -> bool {
        self.out_of_order.has_lost_markers()
    }

    /// Logs all out-of-order samples anew: the markers of the chunks in files, then the samples that are in none. Behind this
    /// the log that was replayed is needless.
    ///
    /// A Prometheus that was killed leaves markers of chunks that are not there, because its chunks wait in a buffer when
    /// they are marked already; so does a loss of power. As soon as any chunk lies behind such a place upstream's replay
    /// believes the marker and forgets samples that are nowhere else. Ours does not, see [`super::Replay::late_record`].
    pub fn settle_lost_markers(&self) -> Result<(), ChunksHeadError> {
        let (Some(files), Some(wal)) = (self.chunks_head(), self.late_log.wal()) else { return Ok(()) };
        let _upkeep = self.upkeep.lock();
        let _no_batch = self.gate.write();
        let mut rows = LateRows::default();
        for lock in &self.shards {
            let shard = lock.lock();
            for (series, late) in shard.late.series() {
                let mut markers = Vec::new();
                for chunk in shard.late.sealed.newest_first(late.chunks()) {
                    if let ChunkBytesAt::File { file, data_at, len } = shard.late.sealed.bytes(chunk)
                        // Not this series' reference, perhaps, but one that stands for it.
                        && let Some((series, at)) = files.maps().entry_of(file, data_at, len as usize)
                    {
                        markers.push(MmapMarker { series, chunk: at.0 });
                    }
                }
                markers.into_iter().rev().for_each(|marker| rows.push_marker(marker));
                shard.late.each_in_memory(series, 0, |sample| rows.push(series, sample));
                if rows.len() >= ROWS_MAX {
                    self.write_marked(&mut rows)?;
                    rows.clear();
                }
            }
        }
        if !rows.is_empty() {
            self.write_marked(&mut rows)?;
        }
        wal.sync().map_err(|e| ChunksHeadError::Unsynced(e.to_string()))?;
        self.out_of_order.settled();
        Ok(())
    }
}
