//! Configuration: YAML of any kind is a configuration or a list of faults that can be shown.

use std::path::Path;

use firesteel_config::load;

/// The bytes are a `prometheus.yml`.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let loaded = load(Path::new("prometheus.yml"), text);
    for diagnostic in &loaded.diagnostics {
        let _ = diagnostic.render();
    }
    let _ = loaded.upstream_error();
    if let Some(config) = loaded.config {
        let _ = config.to_yaml();
    }
}
