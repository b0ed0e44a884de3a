//! `runtime`: settings of the process.

use crate::section::section;

section! {
    /// Read and shown for compatibility; there is no garbage collector to tune.
    pub struct RuntimeConfig("`runtime`", "config.RuntimeConfig", "config.RuntimeConfig") {
        gogc: i64,
    }
}

impl RuntimeConfig {
    /// Returns upstream's default: `GOGC` of the environment, else 75.
    pub(crate) fn defaults() -> Self {
        let gogc = match std::env::var("GOGC") {
            Ok(text) if text.eq_ignore_ascii_case("off") => -1,
            Ok(text) => text.parse().unwrap_or(75),
            Err(_) => 75,
        };
        Self { gogc }
    }
}
