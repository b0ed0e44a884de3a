//! Threads that append what a replay has decoded: each owns some of the shards, so rows of a series stay in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use firesteel_storage::HistogramSample;

use super::Head;
use super::series::Slot;
use super::shard::{ChunkRules, Shard, WARM};

/// Rows of one shard, in the log's order.
#[derive(Debug, Default)]
pub(super) struct ShardRows {
    floats: Vec<(Slot, i64, f64)>,
    /// The floats that have start timestamps, by their number; few or none in most logs.
    starts: Vec<(usize, i64)>,
    /// Each with the number of floats that come before it.
    histograms: Vec<(usize, Slot, HistogramSample)>,
}

impl ShardRows {
    fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    #[inline]
    pub(super) fn float(&mut self, slot: Slot, (start, t): (i64, i64), v: f64) {
        if start != 0 {
            self.starts.push((self.floats.len(), start));
        }
        self.floats.push((slot, t, v));
    }

    pub(super) fn histogram(&mut self, slot: Slot, sample: HistogramSample) {
        self.histograms.push((self.floats.len(), slot, sample));
    }
}

/// What became of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    pub(super) samples: u64,
    pub(super) min_t: i64,
    pub(super) max_t: i64,
}

impl Default for Applied {
    fn default() -> Self {
        Self { samples: 0, min_t: i64::MAX, max_t: i64::MIN }
    }
}

impl Applied {
    fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.min_t = self.min_t.min(other.min_t);
        self.max_t = self.max_t.max(other.max_t);
    }

    /// Appends a histogram, unless it lies in a mapped chunk or was out of order when it came.
    fn histogram(
        &mut self,
        shard: &mut Shard,
        slot: Slot,
        sample: &HistogramSample,
        min_valid: i64,
        rules: &ChunkRules,
    ) {
        let t = sample.t.0;
        if t >= min_valid
            && !shard.hot(slot).is_mapped(t)
            && shard.append_histogram(slot, (sample.start_t.0, t), &sample.value, rules).is_ok()
        {
            self.add(Self { samples: 1, min_t: t, max_t: t });
        }
    }
}

/// The rows of several shards, by number.
type Batch = Vec<(usize, ShardRows)>;

/// Batches that wait for a worker; few, because their memory is the replay's peak.
const QUEUE: usize = 3;
const WORKERS_MAX: usize = 8;

#[derive(Debug)]
struct Worker {
    to: SyncSender<Batch>,
    /// Empty batches with their memory.
    back: Receiver<Batch>,
    /// Batches that did not come back yet.
    out: usize,
    thread: JoinHandle<Applied>,
}

/// The threads of one replay; none where there is no core for them: then the rows are appended at once.
#[derive(Debug)]
pub(super) struct Workers {
    head: Arc<Head>,
    workers: Vec<Worker>,
    applied: Applied,
}

impl Workers {
    /// Starts as many threads as there are cores beside the one that decodes.
    pub(super) fn start(head: &Arc<Head>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let wanted = (cores - 1).min(WORKERS_MAX).min(head.shards.len());
        let mut workers = Vec::with_capacity(wanted);
        for i in 0..wanted {
            let (to, batches) = sync_channel::<Batch>(QUEUE);
            let (done, back) = sync_channel::<Batch>(QUEUE + 2);
            let of_thread = Arc::clone(head);
            let thread = std::thread::Builder::new().name(format!("fs-replay-{i}")).spawn(move || {
                let mut applied = Applied::default();
                for mut batch in batches {
                    applied.add(apply(&of_thread, &mut batch));
                    if done.send(batch).is_err() {
                        break;
                    }
                }
                applied
            });
            match thread {
                Ok(thread) => workers.push(Worker { to, back, out: 0, thread }),
                // A system that is short of threads: the ones there are do.
                Err(_) => break,
            }
        }
        Self { head: Arc::clone(head), workers, applied: Applied::default() }
    }

    /// Hands rows on, and puts empty ones in their place.
    pub(super) fn send(&mut self, rows: &mut [ShardRows]) {
        let n = self.workers.len();
        for (i, worker) in self.workers.iter_mut().enumerate() {
            let mut batch = match worker.back.try_recv() {
                Ok(batch) => {
                    worker.out -= 1;
                    batch
                }
                Err(_) => (i..rows.len()).step_by(n).map(|shard| (shard, ShardRows::default())).collect(),
            };
            for (shard, spare) in &mut batch {
                std::mem::swap(spare, &mut rows[*shard]);
            }
            if batch.iter().all(|(_, rows)| rows.is_empty()) {
                continue;
            }
            // Waits while the worker is behind. A worker that is gone has panicked: `finish` says so.
            if worker.to.send(batch).is_ok() {
                worker.out += 1;
            }
            // Its memory is used again, and no more than that: one batch is filled while others are appended.
            while worker.out > QUEUE + 1 {
                match worker.back.recv() {
                    Ok(_) => worker.out -= 1,
                    Err(_) => break,
                }
            }
        }
        if n == 0 {
            let mut batch: Batch = rows.iter_mut().map(std::mem::take).enumerate().collect();
            self.applied.add(apply(&self.head, &mut batch));
            for (rows, (_, empty)) in rows.iter_mut().zip(batch) {
                *rows = empty;
            }
        }
    }

    /// Waits until all rows that were sent are appended.
    pub(super) fn drain(&mut self) {
        for worker in &mut self.workers {
            while worker.out > 0 && worker.back.recv().is_ok() {
                worker.out -= 1;
            }
        }
    }

    /// Ends the threads, and returns what became of all rows.
    pub(super) fn finish(mut self) -> Applied {
        self.drain();
        let mut applied = self.applied;
        for worker in self.workers {
            drop((worker.to, worker.back));
            match worker.thread.join() {
                Ok(of_worker) => applied.add(of_worker),
                Err(_) => {
                    tracing::error!(component = "tsdb", "A replay thread panicked; samples of the log are missing");
                }
            }
        }
        applied
    }
}

/// Appends rows, and leaves them empty.
fn apply(head: &Head, batch: &mut Batch) -> Applied {
    let mut applied = Applied::default();
    let min_valid = head.min_valid.load(Ordering::Relaxed);
    let rules = head.rules();
    for (shard, rows) in batch.iter_mut().filter(|(_, rows)| !rows.is_empty()) {
        let mut shard = head.shards[*shard].lock();
        let sealed_before = shard.sealed.chunk_bytes();
        let mut histograms = rows.histograms.drain(..).peekable();
        let mut starts = rows.starts.drain(..).peekable();
        // Nothing truncates or compacts while the log is replayed, so slots stay.
        for (i, &(slot, t, v)) in rows.floats.iter().enumerate() {
            if i.is_multiple_of(WARM) {
                shard.warm(rows.floats[i..].iter().take(WARM).map(|row| row.0));
            }
            while let Some((_, slot, sample)) = histograms.next_if(|h| h.0 <= i) {
                applied.histogram(&mut shard, slot, &sample, min_valid, &rules);
            }
            let start = starts.next_if(|s| s.0 == i).map_or(0, |s| s.1);
            if shard.hot(slot).is_mapped(t) {
                continue;
            }
            // Logged before it was known to be out of order, or twice: as when it came, it is dropped.
            if t >= min_valid && shard.append(slot, (start, t), v, &rules).is_ok() {
                applied.min_t = applied.min_t.min(t);
                applied.max_t = applied.max_t.max(t);
                applied.samples += 1;
            }
        }
        for (_, slot, sample) in histograms {
            applied.histogram(&mut shard, slot, &sample, min_valid, &rules);
        }
        rows.floats.clear();
        head.note_sealed(shard.sealed.chunk_bytes() - sealed_before);
    }
    if head.wants_mapping() {
        head.map_chunks_or_say();
    }
    applied
}
