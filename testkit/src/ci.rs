//! Whether a missing corpus, peer or browser is a failure.

/// Returns whether this runs in CI, where nothing may be skipped.
pub fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true")
}
