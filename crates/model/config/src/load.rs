//! Loading `prometheus.yml`.

use std::path::Path;

use firesteel_yaml::{Diagnostic, Reader, Source, parse};

use crate::decode::Decode;
use crate::{Config, HttpClientConfig, expand, unsupported};

/// What came out of a file.
#[derive(Debug)]
pub struct Loaded {
    /// `None` when a diagnostic is an error.
    pub config: Option<Config>,
    /// All faults and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Sections of the file that are known but do not act yet: the server refuses to start with them unless told to go on.
    pub unsupported: Vec<Diagnostic>,
}

impl Loaded {
    /// Returns the error as upstream words it, the file's name in front; `None` when the file is accepted.
    pub fn upstream_error(&self) -> Option<String> {
        let first = self.diagnostics.iter().find(|d| d.is_error())?;
        let texts = self.diagnostics.iter().filter(|d| d.is_error()).filter_map(|d| d.upstream.as_deref());
        // Go gathers faults of single values under one headline; any other fault ends the parse and stands alone.
        let is_typed = |text: &&str| text.starts_with("line ");
        let typed: Vec<&str> = texts.clone().filter(is_typed).collect();
        let body = if typed.is_empty() {
            texts.clone().next().map_or_else(|| first.message.clone(), str::to_owned)
        } else {
            format!("yaml: unmarshal errors:\n  {}", typed.join("\n  "))
        };
        Some(format!("parsing YAML file {}: {body}", first.file))
    }
}

/// Reads a configuration. `path` names the file in messages, and its directory is where relative paths start; the file
/// itself is not read here.
pub fn load(path: &Path, text: &str) -> Loaded {
    let source = Source::new(path.to_string_lossy(), text);
    let mut reader = Reader::new(&source);
    let mut config = Config::default();
    match parse(&source) {
        Err(fault) => return Loaded { config: None, diagnostics: vec![*fault], unsupported: Vec::new() },
        Ok(None) => {}
        Ok(Some(node)) if node.is_null() => {}
        Ok(Some(node)) => config.decode(&node, &mut reader),
    }
    config.storage.tsdb.get_or_insert_default();
    expand::expand_labels(&mut config.global.external_labels, |name| std::env::var(name).ok());
    config.set_directory(path.parent().unwrap_or(Path::new("")));
    let refused = reader.error_count() > 0;
    Loaded {
        config: (!refused).then_some(config),
        diagnostics: reader.into_diagnostics(),
        unsupported: if refused { Vec::new() } else { unsupported::find(&source) },
    }
}

/// Reads a file that holds nothing but the settings of an HTTP client (`promtool --http.config.file`).
pub fn load_http_config(path: &Path, text: &str) -> (Option<HttpClientConfig>, Vec<Diagnostic>) {
    let source = Source::new(path.to_string_lossy(), text);
    let mut reader = Reader::new(&source);
    let mut http = HttpClientConfig::default();
    match parse(&source) {
        Err(fault) => return (None, vec![*fault]),
        Ok(Some(node)) if !node.is_null() => http.decode(&node, &mut reader),
        Ok(_) => {}
    }
    http.set_directory(path.parent().unwrap_or(Path::new("")));
    let refused = reader.error_count() > 0;
    ((!refused).then_some(http), reader.into_diagnostics())
}
