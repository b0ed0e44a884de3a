//! What an execution may take; Go knows only the depth.

use std::time::Duration;

/// Bounds of one execution. Each is an error when it is passed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the result, and of any text on the way.
    pub output_bytes: usize,
    /// Nodes walked and values computed.
    pub steps: u64,
    /// Real time; looked at every few thousand steps.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes: 16 << 20, steps: 20_000_000, time: Duration::from_secs(10) }
    }
}
