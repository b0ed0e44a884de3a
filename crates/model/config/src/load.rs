//! Loading `prometheus.yml`.

use std::path::Path;

use firesteel_yaml::{Diagnostic, Reader, Source, parse};

use crate::{Config, Decode};

/// What came out of a file.
#[derive(Debug)]
pub struct Loaded {
    /// `None` when a diagnostic is an error.
    pub config: Option<Config>,
    /// All faults and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a configuration. `path` names the file in messages, and its directory is where relative paths start; the file
/// itself is not read here.
pub fn load(path: &Path, text: &str) -> Loaded {
    let source = Source::new(path.to_string_lossy(), text);
    let mut reader = Reader::new(&source);
    let mut config = Config::default();
    match parse(&source) {
        Err(fault) => return Loaded { config: None, diagnostics: vec![*fault] },
        Ok(None) => {}
        Ok(Some(node)) => config.decode(&node, &mut reader),
    }
    config.set_directory(path.parent().unwrap_or(Path::new("")));
    let refused = reader.error_count() > 0;
    Loaded { config: (!refused).then_some(config), diagnostics: reader.into_diagnostics() }
}
