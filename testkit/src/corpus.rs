//! The corpus of real configurations, queries and expositions, found through `FIRESTEEL_CORPUS`.

use std::path::PathBuf;

/// Returns the folder `part` of the corpus, or `None` (and says so) where there is no corpus.
///
/// # Panics
/// With `CI=true` a missing corpus is a failure.
#[expect(clippy::print_stderr, reason = "a skipped case says so")]
pub fn corpus(part: &str) -> Option<PathBuf> {
    let found = std::env::var_os("FIRESTEEL_CORPUS").map(|dir| PathBuf::from(dir).join(part)).filter(|p| p.exists());
    if found.is_none() {
        assert!(!crate::in_ci(), "CI=true, but FIRESTEEL_CORPUS holds no {part}");
        eprintln!("skipped: FIRESTEEL_CORPUS holds no {part}");
    }
    found
}
