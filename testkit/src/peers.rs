//! Reference programs: Debian's packages as `cargo xtask peers` unpacks them, or others by name.

use std::path::PathBuf;

/// Returns the program `name` (as `prometheus`, `promtool`, `prometheus-node-exporter`), or `None` (and says so).
///
/// `FIRESTEEL_PEER_PROMETHEUS=/path` and the like put another build in its place; `FIRESTEEL_PEERS` names the folder
/// that holds the rest, by default `target/peers/usr/bin`.
///
/// # Panics
/// With `CI=true` a missing program is a failure.
#[expect(clippy::print_stderr, reason = "a skipped case says so")]
pub fn peer(name: &str) -> Option<PathBuf> {
    let own = format!("FIRESTEEL_PEER_{}", name.to_uppercase().replace('-', "_"));
    let folder = std::env::var_os("FIRESTEEL_PEERS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/usr/bin")), PathBuf::from);
    let program = std::env::var_os(&own).map_or_else(|| folder.join(name), PathBuf::from);
    if program.is_file() {
        return Some(program);
    }
    assert!(!crate::in_ci(), "CI=true, but there is no {}", program.display());
    eprintln!("skipped: no {}; `cargo xtask peers` unpacks it", program.display());
    None
}
