//! The threads that ingest pages: `fs-ingest-N`, each with its own buffers, behind one bounded queue.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::ingest::Ingester;

/// What an ingest thread keeps from page to page.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    pub(crate) ingester: Ingester,
    /// Where packed bodies are unpacked.
    pub(crate) unpacked: Vec<u8>,
    pub(crate) inflate: Option<flate2::Decompress>,
}

type Job = Box<dyn FnOnce(&mut Bench) + Send>;

/// A fixed set of threads. A full queue makes scrape loops wait, and their scrapes late.
#[derive(Debug)]
pub(crate) struct IngestPool {
    queue: mpsc::Sender<Job>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl IngestPool {
    /// Starts the threads; the queue holds two pages for each.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>(2 * threads);
        let jobs = Arc::new(Mutex::new(jobs));
        let work = |jobs: Arc<Mutex<mpsc::Receiver<Job>>>| {
            let mut bench = Bench::default();
            loop {
                // The lock is held while waiting: whoever has it takes the next job, the others wait for the lock.
                let job = jobs.lock().blocking_recv();
                match job {
                    Some(job) => job(&mut bench),
                    None => return,
                }
            }
        };
        let spawn = |n| {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new().name(format!("fs-ingest-{n}")).spawn(move || work(jobs))
        };
        let threads = (0..threads).map(spawn).collect::<io::Result<_>>()?;
        Ok(Self { queue, threads: Mutex::new(threads) })
    }

    /// Runs a job on one of the threads; `None` if they are gone.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut Bench) -> T + Send + 'static) -> Option<T> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |bench| {
            // A loop that was dropped meanwhile does not want the result.
            let _unwanted = done.send(job(bench));
        });
        self.queue.send(job).await.ok()?;
        result.await.ok()
    }
}

impl Drop for IngestPool {
    fn drop(&mut self) {
        // The last sender goes with `queue`; the threads end when they have emptied it.
        let (closed, _) = mpsc::channel(1);
        self.queue = closed;
        let own = std::thread::current().id();
        for thread in self.threads.lock().drain(..) {
            // The last to let go may be an ingest thread itself; it ends when this job does.
            if thread.thread().id() != own {
                // A thread that panicked has nothing left to do.
                let _panicked = thread.join();
            }
        }
    }
}
