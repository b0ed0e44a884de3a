//! statfs(2) with patience that ends.
//!
//! It hangs on a network file system whose server is gone, and cannot be called off. So it runs on threads of its own,
//! which are kept between scrapes: one that does not answer in time is left behind with its mount marked stuck, and
//! that mount is not asked again until it answers.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::StatFs;

/// What one mount says, or why it says nothing.
pub(crate) type Answer = Result<StatFs, String>;

const STUCK: &str = "mountpoint timeout";
/// When the first worker has not answered for so long, another one goes on with the mounts that are left.
const HELP_AFTER: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct MountAsker {
    timeout: Duration,
    most_workers: usize,
    /// Paths of mounts whose statfs has not come back.
    stuck: Arc<Mutex<BTreeSet<String>>>,
    /// Workers that wait for the next scrape.
    idle: Mutex<Vec<Sender<Job>>>,
}

/// The mounts of one scrape, which workers take one after the other.
#[derive(Debug)]
struct Batch {
    paths: Vec<String>,
    next: AtomicUsize,
    /// When each was taken.
    taken: Mutex<Vec<Option<Instant>>>,
}

#[derive(Debug)]
struct Job {
    batch: Arc<Batch>,
    answers: Sender<(usize, Answer)>,
}

impl MountAsker {
    pub(crate) fn new(timeout: Duration, most_workers: usize) -> Self {
        Self { timeout, most_workers, stuck: Arc::default(), idle: Mutex::default() }
    }

    /// Asks all mounts; the answers in their order. Where none of the machine's can hang, this thread does it.
    pub(crate) fn ask(&self, paths: Vec<String>, can_hang: bool) -> Vec<Answer> {
        if !can_hang && self.stuck.lock().is_empty() {
            return paths.iter().map(|path| statfs(path)).collect();
        }
        let count = paths.len();
        let taken = Mutex::new(vec![None; count]);
        let batch = Arc::new(Batch { paths, next: AtomicUsize::new(0), taken });
        let (send, receive) = mpsc::channel();
        let mut answers: Vec<Option<Answer>> =
            batch.paths.iter().map(|path| self.stuck.lock().contains(path).then(|| Err(STUCK.to_owned()))).collect();
        let mut open = answers.iter().filter(|answer| answer.is_none()).count();
        let mut workers: Vec<Sender<Job>> = Vec::new();
        let mut help_wanted = true;
        while open > 0 {
            let some_left = batch.next.load(Ordering::Relaxed) < count;
            if help_wanted && some_left && workers.len() < self.most_workers {
                match self.start(&batch, &send) {
                    Ok(worker) => workers.push(worker),
                    Err(error) if workers.is_empty() => {
                        answers.iter_mut().filter(|a| a.is_none()).for_each(|a| *a = Some(Err(error.to_string())));
                        break;
                    }
                    Err(_) => {}
                }
            }
            let received = receive.recv_timeout(HELP_AFTER.min(self.timeout));
            help_wanted = received.is_err();
            match received {
                Ok((at, answer)) => {
                    if answers[at].is_none() {
                        answers[at] = Some(answer);
                        open -= 1;
                    }
                    // The worker is at it: take what is there before another one is woken.
                    for (at, answer) in receive.try_iter() {
                        if answers[at].is_none() {
                            answers[at] = Some(answer);
                            open -= 1;
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => open -= self.give_up_on_late(&batch, &mut answers),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let hung = batch
            .taken
            .lock()
            .iter()
            .zip(&answers)
            .any(|(taken, answer)| taken.is_some() && matches!(answer, Some(Err(error)) if error == STUCK));
        // Which of the workers hangs is not known; all go when they are done, and new ones are made when needed.
        if !hung {
            self.idle.lock().extend(workers);
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(STUCK.to_owned()))).collect()
    }

    /// Marks what was taken too long ago; returns how many.
    fn give_up_on_late(&self, batch: &Batch, answers: &mut [Option<Answer>]) -> usize {
        let mut late = 0;
        for ((taken, answer), path) in batch.taken.lock().iter().zip(answers).zip(&batch.paths) {
            if answer.is_none() && taken.is_some_and(|since| since.elapsed() >= self.timeout) {
                self.stuck.lock().insert(path.clone());
                *answer = Some(Err(STUCK.to_owned()));
                late += 1;
            }
        }
        late
    }

    /// Gives the batch to an idle worker or a new one.
    fn start(&self, batch: &Arc<Batch>, answers: &Sender<(usize, Answer)>) -> io::Result<Sender<Job>> {
        let job = || Job { batch: Arc::clone(batch), answers: answers.clone() };
        let idle = self.idle.lock().pop();
        if let Some(worker) = idle
            && worker.send(job()).is_ok()
        {
            return Ok(worker);
        }
        let (worker, jobs) = mpsc::channel::<Job>();
        let stuck = Arc::clone(&self.stuck);
        std::thread::Builder::new().name("fs-statfs".into()).stack_size(64 << 10).spawn(move || {
            for job in jobs {
                work(&job, &stuck);
            }
        })?;
        if worker.send(job()).is_err() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(worker)
    }
}

fn work(job: &Job, stuck: &Mutex<BTreeSet<String>>) {
    loop {
        let at = job.batch.next.fetch_add(1, Ordering::Relaxed);
        let Some(path) = job.batch.paths.get(at) else { return };
        if stuck.lock().contains(path) {
            continue;
        }
        job.batch.taken.lock()[at] = Some(Instant::now());
        let answer = statfs(path);
        stuck.lock().remove(path);
        if job.answers.send((at, answer)).is_err() {
            // Nobody waits any more.
            return;
        }
    }
}

fn statfs(path: &str) -> Answer {
    rustix::fs::statfs(path).map_err(|error| reason(error.into()))
}

/// The system's words, as Go writes them.
fn reason(error: io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_in_order_and_workers_are_kept() {
        let asker = MountAsker::new(Duration::from_secs(60), 4);
        for _ in 0..3 {
            let answers = asker.ask(vec!["/".into(), "/no/such/place".into(), "/proc".into()], true);
            assert!(answers[0].is_ok() && answers[2].is_ok());
            assert_eq!(answers[1].as_ref().unwrap_err(), "no such file or directory");
        }
        assert!(!asker.idle.lock().is_empty());
        assert!(asker.ask(Vec::new(), true).is_empty());
        let asker = MountAsker::new(Duration::from_secs(60), 4);
        let answers = asker.ask(vec!["/".into(), "/no/such/place".into()], false);
        assert!(answers[0].is_ok() && answers[1].is_err() && asker.idle.lock().is_empty());
    }

    #[test]
    fn a_stuck_mount_is_not_asked_again() {
        let asker = MountAsker::new(Duration::from_secs(60), 4);
        asker.stuck.lock().insert("/".into());
        let answers = asker.ask(vec!["/".into(), "/proc".into()], false);
        assert_eq!(answers[0].as_ref().unwrap_err(), STUCK);
        assert!(answers[1].is_ok());
    }

    #[test]
    fn a_late_mount_is_given_up() {
        let asker = MountAsker::new(Duration::ZERO, 1);
        let batch = Batch {
            paths: vec!["/slow".into(), "/waiting".into()],
            next: AtomicUsize::new(1),
            taken: Mutex::new(vec![Some(Instant::now()), None]),
        };
        let mut answers = vec![None, None];
        assert_eq!(asker.give_up_on_late(&batch, &mut answers), 1);
        assert_eq!(answers[0].take().unwrap().unwrap_err(), STUCK);
        assert!(answers[1].is_none() && asker.stuck.lock().contains("/slow"));
    }
}
