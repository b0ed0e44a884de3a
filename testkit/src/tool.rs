//! Everyday programs that tests use beside ours, as curl and openssl.

use std::path::PathBuf;

/// Returns the program of that name on the `PATH`, or `None` (and says so).
///
/// # Panics
/// With `CI=true` a missing program is a failure.
#[expect(clippy::print_stderr, reason = "a skipped case says so")]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|program| program.is_file());
    assert!(found.is_some() || !crate::in_ci(), "CI=true, but there is no {name}");
    if found.is_none() {
        eprintln!("skipped: there is no {name}");
    }
    found
}
