//! The threads of scraping: `fs-scrape-N` fetch pages and ingest what they fetched, with a runtime each.
//!
//! A loop stays on its thread: no task, no connection and no page ever wanders to another core, and nothing is locked or
//! woken between them. A page is ingested where its last byte arrived: it is still in that core's cache, and the usual page
//! takes less time than waking another thread. What may stall here, a write to the log, stalls no query.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::formats::Formats;
use crate::ingest::Ingester;

/// Pages above this, as they came, are ingested on a thread beside: some milliseconds, which other targets should not wait.
const PAGE_BYTES_AT_ONCE: usize = 1 << 20;
/// Threads beside each of ours, for such pages and for names that are looked up.
const BESIDE_MAX: usize = 32;

/// What is kept from page to page: one for each page that is ingested at the same time.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    pub(crate) ingester: Ingester,
    /// Where packed bodies are unpacked.
    pub(crate) unpacked: Vec<u8>,
    pub(crate) inflate: Option<flate2::Decompress>,
    /// What was last made of a content type: most targets say the same.
    pub(crate) formats: Formats,
}

/// A fixed set of threads; pages that come while all are at work wait in their sockets.
#[derive(Debug)]
pub(crate) struct Workers {
    threads: Vec<Worker>,
    benches: Arc<Benches>,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// Loops that live there.
    loops: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Benches {
    idle: Mutex<Vec<Bench>>,
    max: usize,
}

impl Benches {
    fn work<T>(&self, job: impl FnOnce(&mut Bench) -> T) -> T {
        let mut bench = self.idle.lock().pop().unwrap_or_default();
        let done = job(&mut bench);
        let mut idle = self.idle.lock();
        if idle.len() < self.max {
            idle.push(bench);
        }
        done
    }
}

/// Counts a loop as long as it lives.
struct Lodger(Arc<AtomicUsize>);

impl Drop for Lodger {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Starts the threads.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let start = |n: usize| {
            let name = format!("fs-scrape-{n}");
            let runtime = Builder::new_current_thread()
                .thread_name(&name)
                .max_blocking_threads(BESIDE_MAX)
                .enable_all()
                .build()?;
            let handle = runtime.handle().clone();
            let stopped = stop.clone();
            std::thread::Builder::new().name(name).spawn(move || {
                runtime.block_on(stopped.cancelled());
                runtime.shutdown_background();
            })?;
            Ok(Worker { runtime: handle, loops: Arc::default() })
        };
        let workers: io::Result<Vec<Worker>> = (0..threads).map(start).collect();
        let benches = Arc::new(Benches { idle: Mutex::default(), max: threads });
        // Those that did start end with the token.
        let threads = workers.inspect_err(|_| stop.cancel())?;
        Ok(Self { threads, benches, stop })
    }

    /// Runs a task on the thread that has the fewest, known to `tasks`.
    pub(crate) fn spawn(&self, tasks: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(worker) = self.threads.iter().min_by_key(|worker| worker.loops.load(Ordering::Relaxed)) {
            worker.loops.fetch_add(1, Ordering::Relaxed);
            let lodger = Lodger(Arc::clone(&worker.loops));
            let counted = async move {
                task.await;
                drop(lodger);
            };
            tasks.spawn_on(counted, &worker.runtime);
        }
    }

    /// Ingests a page of `page_bytes` on this thread, which must be one of [`Self::spawn`], or beside it if it is large.
    /// `None`: the job did not end, because the server does.
    pub(crate) async fn ingest<T: Send + 'static>(
        &self,
        page_bytes: usize,
        job: impl FnOnce(&mut Bench) -> T + Send + 'static,
    ) -> Option<T> {
        if page_bytes <= PAGE_BYTES_AT_ONCE {
            return Some(self.benches.work(job));
        }
        let benches = Arc::clone(&self.benches);
        tokio::task::spawn_blocking(move || benches.work(job)).await.ok()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // The last to let go may be a task of these threads: they end by themselves, nobody waits here.
        self.stop.cancel();
    }
}
