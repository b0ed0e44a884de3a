//! The thread that keeps a database in shape: reload, compaction, a look at the disk. It gives way to everybody else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use firesteel_tsdb_head::give_back;
use parking_lot::{Condvar, Mutex};

use crate::compaction::Compaction;
use crate::disk;
use crate::health::DiskWatch;

/// How often the disk is looked at.
const WATCH: Duration = Duration::from_secs(5);
/// How often growth is forgotten a little.
const TICK: Duration = Duration::from_secs(60);
const LEAST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
/// Behind whatever answers somebody (`nice`).
const NICENESS: i32 = 10;

/// What others may ask of the thread.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    state: Mutex<Wanted>,
    wake: Condvar,
    /// Asked for and not begun yet: said without a lock.
    asked: AtomicBool,
}

#[derive(Debug, Default)]
struct Wanted {
    compact: bool,
    stop: bool,
}

impl Requests {
    /// Asks for a compaction soon.
    #[inline]
    pub(crate) fn compact(&self) {
        if !self.asked.load(Ordering::Relaxed) && !self.asked.swap(true, Ordering::Relaxed) {
            self.state.lock().compact = true;
            self.wake.notify_all();
        }
    }
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct MaintenanceThread {
    requests: Arc<Requests>,
    compaction: Arc<Compaction>,
    thread: JoinHandle<()>,
}

impl MaintenanceThread {
    pub(crate) fn start(
        compaction: Arc<Compaction>,
        requests: Arc<Requests>,
        watch: DiskWatch,
        reload_every: Duration,
    ) -> io::Result<Self> {
        let work = Work { compaction: Arc::clone(&compaction), requests: Arc::clone(&requests), watch };
        let thread = std::thread::Builder::new().name("fs-compact".to_owned()).spawn(move || work.run(reload_every))?;
        Ok(Self { requests, compaction, thread })
    }

    /// Ends the thread; a block that is being written is given up.
    pub(crate) fn stop(self) {
        self.compaction.stop.store(true, Ordering::Relaxed);
        self.requests.state.lock().stop = true;
        self.requests.wake.notify_all();
        if self.thread.join().is_err() {
            tracing::error!(component = "tsdb", "The maintenance thread panicked");
        }
    }
}

struct Work {
    compaction: Arc<Compaction>,
    requests: Arc<Requests>,
    watch: DiskWatch,
}

impl Work {
    fn run(self, reload_every: Duration) {
        // Not being allowed to give way is no reason not to work.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let mut backoff = Duration::ZERO;
        let mut next_reload = Instant::now() + reload_every;
        let mut not_before = Instant::now();
        let mut next_tick = Instant::now() + TICK;
        loop {
            let now = Instant::now();
            let mut until = now + WATCH;
            until = until.min(next_reload);
            let compact = {
                let mut wanted = self.requests.state.lock();
                if wanted.compact && not_before > now {
                    until = until.min(not_before);
                }
                if !wanted.stop && (!wanted.compact || not_before > now) {
                    self.requests.wake.wait_until(&mut wanted, until);
                }
                if wanted.stop {
                    return;
                }
                let now = wanted.compact && not_before <= Instant::now();
                wanted.compact &= !now;
                now
            };
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK;
                let head = &self.compaction.head;
                head.growth.tick(head.counts.series.load(Ordering::Relaxed));
            }
            self.watch.look(disk::space(self.compaction.dir()));
            // What threads left that have ended since.
            give_back();
            let reload = Instant::now() >= next_reload;
            if reload {
                next_reload = Instant::now() + reload_every;
                if let Err(e) = self.compaction.reload() {
                    tracing::error!(component = "tsdb", err = %e, "reloadBlocks");
                }
                if let Err(e) = self.compaction.compact_stale_if_due() {
                    tracing::error!(component = "tsdb", err = %e, "immediate stale series compaction failed");
                }
            }
            if compact || reload && not_before <= Instant::now() {
                self.requests.asked.store(false, Ordering::Relaxed);
                self.compaction.instruments.triggered.inc();
                let done = self.compaction.run();
                backoff = match &done {
                    Ok(()) => Duration::ZERO,
                    Err(e) => {
                        tracing::error!(component = "tsdb", err = %e, "compaction failed");
                        (backoff * 2).clamp(LEAST_BACKOFF, LONGEST_BACKOFF)
                    }
                };
                not_before = Instant::now() + backoff;
                self.watch.compacted(done.err().map(|e| e.to_string()));
            }
        }
    }
}
