//! Where the configuration comes from, and reading it.

use std::path::PathBuf;

use firesteel_config::{Config, Defaults, Diagnostic, Severity, load_with};
use tracing::error;

/// A file, or a text that the program itself wrote.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    File(PathBuf),
    Text { name: String, text: String },
}

/// A configuration could not be had.
#[derive(Debug)]
pub(crate) struct ConfigError {
    /// One line, for logs and for the client of `/-/reload`.
    pub(crate) text: String,
    /// All faults, rendered; empty when the file could not be read.
    pub(crate) faults: String,
}

impl ConfigError {
    /// Upstream's words lead, since tools match on them; without any, ours with their places.
    fn of(upstream: Option<String>, faults: &[&Diagnostic]) -> Self {
        let ours = || faults.iter().map(|d| format!("{}: {}", place(d), d.message)).collect::<Vec<_>>().join("; ");
        Self {
            text: upstream.unwrap_or_else(ours),
            faults: faults.iter().map(|d| d.render()).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl ConfigSource {
    /// Returns the name that messages give it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Text { name, .. } => name.clone(),
        }
    }

    /// Reads and checks the configuration; beside it come the sections that do not act. Warnings go to the log.
    pub(crate) fn load(&self, defaults: &Defaults) -> Result<(Config, Vec<Diagnostic>), ConfigError> {
        let (path, text) = match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| ConfigError {
                    text: format!("open {}: {}", path.display(), go_text(&e)),
                    faults: String::new(),
                })?;
                (path.clone(), text)
            }
            Self::Text { name, text } => (PathBuf::from(name), text.clone()),
        };
        let loaded = load_with(&path, &text, defaults);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            loaded.diagnostics.iter().partition(|d| matches!(d.severity, Severity::Error));
        for warning in warnings {
            tracing::warn!(place = %place(warning), code = warning.code, "{}", warning.message);
        }
        let Some(config) = loaded.config.as_ref() else {
            return Err(ConfigError::of(loaded.upstream_error(), &errors));
        };
        // Jobs of other files must be sound before any of them starts.
        config.all_scrape_configs().map_err(|faults| {
            let upstream = faults.iter().find_map(|fault| fault.upstream.clone());
            ConfigError::of(upstream, &faults.iter().collect::<Vec<_>>())
        })?;
        Ok((config.clone(), loaded.unsupported))
    }

    /// Says in the log why the configuration cannot be used, in upstream's words.
    pub(crate) fn log(&self, error: &ConfigError) {
        let name = self.name();
        let file = std::path::absolute(&name).map_or_else(|_| name.clone(), |p| p.display().to_string());
        error!(file, err = error.text, "Error loading config (--config.file={name})");
    }
}

pub(crate) fn place(d: &Diagnostic) -> String {
    format!("{}:{}:{}", d.file, d.line, d.column)
}

/// Go's words for the usual failures.
fn go_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}
