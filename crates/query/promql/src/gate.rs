//! How many queries run at once: the others wait, until there is room, or their time is over, or somebody cancels them.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::{CancelFlag, QueryError};

/// Where a query is while it waits.
const QUEUE: &str = "query queue";
/// How often a waiting query looks at its cancel flag.
const LOOK: Duration = Duration::from_millis(50);

/// Counts running queries.
#[derive(Debug)]
pub(crate) struct Gate {
    max: usize,
    /// How many are inside. Held for a look or a change only.
    inside: Mutex<usize>,
    left: Condvar,
}

/// A place inside; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Slot<'a>(&'a Gate);

impl Gate {
    /// Returns a gate for `max` queries; 0 = no limit.
    pub(crate) fn new(max: usize) -> Self {
        Self { max: if max == 0 { usize::MAX } else { max }, inside: Mutex::new(0), left: Condvar::new() }
    }

    /// Waits for room.
    pub(crate) fn enter(&self, cancel: &CancelFlag, deadline: Option<Instant>) -> Result<Slot<'_>, QueryError> {
        let mut inside = self.inside.lock();
        while *inside >= self.max {
            if cancel.is_canceled() {
                return Err(QueryError::Canceled(QUEUE));
            }
            let look = Instant::now() + LOOK;
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(QueryError::Timeout(QUEUE));
            }
            self.left.wait_until(&mut inside, deadline.map_or(look, |deadline| deadline.min(look)));
        }
        *inside += 1;
        Ok(Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.inside.lock() -= 1;
        self.0.left.notify_one();
    }
}
