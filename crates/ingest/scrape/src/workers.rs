//! The threads of scraping: `fs-scrape-N` fetch pages and ingest what they fetched, with a runtime of their own.
//!
//! A page is ingested where its last byte arrived: it is still in that core's cache, and the usual page takes less time
//! than waking another thread. What may stall here, a write to the log or a page of megabytes, stalls no query.

use std::io;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

use crate::ingest::Ingester;

/// Pages above this, as they came, are ingested while another thread takes over the connections and timers of this one:
/// some milliseconds, which other targets should not wait.
const PAGE_BYTES_AT_ONCE: usize = 1 << 20;

/// What is kept from page to page: one for each page that is ingested at the same time.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    pub(crate) ingester: Ingester,
    /// Where packed bodies are unpacked.
    pub(crate) unpacked: Vec<u8>,
    pub(crate) inflate: Option<flate2::Decompress>,
}

/// A fixed set of threads; pages that come while all are at work wait in their sockets.
#[derive(Debug)]
pub(crate) struct Workers {
    /// Taken when dropped.
    runtime: Option<Runtime>,
    threads: usize,
    benches: Mutex<Vec<Bench>>,
}

impl Workers {
    /// Starts the threads.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("fs-scrape").enable_all().build()?;
        Ok(Self { runtime: Some(runtime), threads, benches: Mutex::default() })
    }

    /// Runs a task on the threads, known to `tasks`.
    pub(crate) fn spawn(&self, tasks: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            tasks.spawn_on(task, runtime.handle());
        }
    }

    /// Ingests a page of `page_bytes` on this thread, which must be one of [`Self::spawn`].
    pub(crate) fn ingest<T>(&self, page_bytes: usize, job: impl FnOnce(&mut Bench) -> T) -> T {
        let mut bench = self.benches.lock().pop().unwrap_or_default();
        let done = if page_bytes > PAGE_BYTES_AT_ONCE {
            tokio::task::block_in_place(|| job(&mut bench))
        } else {
            job(&mut bench)
        };
        let mut benches = self.benches.lock();
        if benches.len() < self.threads {
            benches.push(bench);
        }
        done
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The last to let go may be a task of these threads: they end by themselves, nobody waits here.
            runtime.shutdown_background();
        }
    }
}
