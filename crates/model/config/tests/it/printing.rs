//! What `/api/v1/status/config` shows, against upstream's answers to the same files.

use std::path::Path;
use std::time::Duration;

use firesteel_config::{RetentionConfig, load};

/// The answers in `*.golden` were given by Prometheus 3.14.0 to the files beside them, started in their directory.
#[test]
fn prints_as_upstream() {
    for name in ["minimal", "everything"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/print");
        let text = std::fs::read_to_string(dir.join(format!("{name}.yml"))).unwrap();
        let want = std::fs::read_to_string(dir.join(format!("{name}.golden"))).unwrap();
        let loaded = load(Path::new(&format!("{name}.yml")), &text);
        let shown: String = loaded.diagnostics.iter().map(firesteel_config::Diagnostic::render).collect();
        let mut config = loaded.config.expect(&shown);
        config.fill_retention(RetentionConfig { time: Duration::from_secs(15 * 86_400), ..RetentionConfig::default() });
        assert_eq!(config.to_yaml(), want, "{name}");
    }
}
