//! The thread that writes the file: some time after the first change since the last writing, and at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use firesteel_base::vfs::Vfs;
use parking_lot::{Condvar, Mutex};
use tracing::{error, info};

use crate::{FileError, Gateway, file};

/// Keeps a gateway's groups in a file.
#[derive(Debug)]
pub struct Saver {
    job: Arc<Job>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Job {
    gateway: Arc<Gateway>,
    path: PathBuf,
    interval: Duration,
    vfs: Arc<dyn Vfs>,
    stop: AtomicBool,
    /// Taken by whoever stops the thread after `stop` is set, so that it is asleep or sees it.
    asleep: Mutex<()>,
    awake: Condvar,
}

impl Saver {
    /// Starts the thread. Two writings are at least `interval` apart.
    ///
    /// Errors when the system gives no thread.
    pub fn start(gateway: Arc<Gateway>, path: PathBuf, interval: Duration, vfs: Arc<dyn Vfs>) -> std::io::Result<Self> {
        let (asleep, awake) = (Mutex::new(()), Condvar::new());
        let job = Arc::new(Job { gateway, path, interval, vfs, stop: AtomicBool::new(false), asleep, awake });
        let of_thread = job.clone();
        let thread = std::thread::Builder::new().name("persistence".to_owned()).spawn(move || of_thread.run())?;
        Ok(Self { job, thread })
    }

    /// Ends the thread and writes the file once more.
    pub fn finish(self) -> Result<(), FileError> {
        self.job.stop.store(true, Ordering::Release);
        self.job.gateway.wake();
        drop(self.job.asleep.lock());
        self.job.awake.notify_all();
        // A panic was reported when it happened; what matters now is the file.
        let _ = self.thread.join();
        self.job.save().map(drop)
    }
}

impl Job {
    fn run(&self) {
        let (mut saved, mut last) = (0, Instant::now());
        loop {
            self.gateway.wait_for_change(saved, &self.stop);
            self.pause_until(last.checked_add(self.interval));
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            last = Instant::now();
            match self.save() {
                Ok(changes) => {
                    saved = changes;
                    info!(file = %self.path.display(), "metrics persisted");
                }
                Err(err) => error!(%err, "error persisting metrics"),
            }
        }
    }

    /// Sleeps until `due`, for good when that is beyond all time, or until told to stop.
    fn pause_until(&self, due: Option<Instant>) {
        let mut asleep = self.asleep.lock();
        while !self.stop.load(Ordering::Acquire) {
            match due {
                Some(due) if Instant::now() >= due => return,
                Some(due) => drop(self.awake.wait_until(&mut asleep, due)),
                None => self.awake.wait(&mut asleep),
            }
        }
    }

    fn save(&self) -> Result<u64, FileError> {
        let (changes, groups) = self.gateway.snapshot();
        file::save(&*self.vfs, &self.path, &groups)?;
        Ok(changes)
    }
}
