//! The flag by which a query is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Shared by a query and whoever may end it; the evaluator looks at it once a tile.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Returns a flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag; the query ends with [`crate::QueryError::Canceled`] soon after.
    pub fn cancel(&self) {
        // Relaxed: nothing but the flag itself is communicated.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether the flag is raised.
    pub fn is_canceled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What ends a query: its flag, or the moment after which it has timed out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    pub(crate) cancel: CancelFlag,
    pub(crate) deadline: Option<Instant>,
}

impl Stop {
    /// Returns whether the query is to end now.
    pub(crate) fn is_raised(&self) -> bool {
        self.cancel.is_canceled() || self.is_late()
    }

    /// Returns whether the query's time is over.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
