//! The flag by which a query is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
