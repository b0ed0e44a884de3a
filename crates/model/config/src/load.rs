//! Loading `prometheus.yml`.

use std::path::Path;

use firesteel_yaml::{Diagnostic, Node, Reader, Source, parse};

use crate::decode::Decode;
use crate::{
    Config, DEFAULT_MAX_EXEMPLARS, ExemplarsConfig, HttpClientConfig, RetentionConfig, ScrapeProtocol, expand,
    unsupported,
};

/// What came out of a file.
#[derive(Debug)]
pub struct Loaded {
    /// `None` when a diagnostic is an error.
    pub config: Option<Config>,
    /// All faults and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What upstream says; `None` when the file is accepted.
    upstream: Option<String>,
    /// Sections of the file that are known but do not act yet: the server refuses to start with them unless told to go on.
    pub unsupported: Vec<Diagnostic>,
}

impl Loaded {
    /// Returns the error as upstream words it, the file's name in front; `None` when the file is accepted.
    pub fn upstream_error(&self) -> Option<String> {
        self.upstream.clone()
    }
}

/// Returns upstream's error for faults in the order in which they were met: of inner blocks before their own block's.
fn upstream_error(found: &[Diagnostic]) -> Option<String> {
    let errors = || found.iter().filter(|d| d.is_error());
    let first = errors().next()?;
    let texts = errors().filter_map(|d| d.upstream.as_deref());
    // Go gathers faults of single values under one headline; any other fault ends the parse and stands alone.
    let typed: Vec<&str> = texts.clone().filter(|text| text.starts_with("line ")).collect();
    let body = if typed.is_empty() {
        texts.clone().next().map_or_else(|| first.message.clone(), str::to_owned)
    } else {
        format!("yaml: unmarshal errors:\n  {}", typed.join("\n  "))
    };
    Some(format!("parsing YAML file {}: {body}", first.file))
}

/// Defaults that flags change.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Defaults {
    /// Feature `extra-scrape-metrics`: the default of that setting.
    pub extra_scrape_metrics: bool,
    /// Features `st-storage` and `created-timestamp-zero-ingestion`: protobuf is asked for first.
    pub protobuf_first: bool,
    /// What holds when the file has no `storage.tsdb.retention`.
    pub retention: Option<RetentionConfig>,
    /// Feature `exemplar-storage`: the size of the buffer is shown where the file does not give it.
    pub exemplars: bool,
}

/// Reads a configuration. `path` names the file in messages, and its directory is where relative paths start; the file
/// itself is not read here.
pub fn load(path: &Path, text: &str) -> Loaded {
    load_with(path, text, &Defaults::default())
}

/// Reads a configuration as a server does whose flags change some defaults.
pub fn load_with(path: &Path, text: &str, defaults: &Defaults) -> Loaded {
    let source = Source::new(path.to_string_lossy(), text);
    let mut reader = Reader::new(&source);
    let mut config = Config::default();
    match parse(&source) {
        Err(fault) => {
            let diagnostics = vec![*fault];
            let upstream = upstream_error(&diagnostics);
            return Loaded { config: None, diagnostics, upstream, unsupported: Vec::new() };
        }
        Ok(None) => config.global.extra_scrape_metrics = Some(defaults.extra_scrape_metrics),
        Ok(Some(node)) => {
            if !node.is_null() {
                config.decode(&node, &mut reader);
            }
            if defaults.extra_scrape_metrics {
                keep_extra_metrics(&mut config, &node);
            }
            if defaults.protobuf_first {
                ask_for_protobuf(&mut config, &node);
            }
        }
    }
    if defaults.protobuf_first {
        config.global.scrape_protocols.get_or_insert_with(|| ScrapeProtocol::PROTO_FIRST.to_vec());
    }
    config.storage.tsdb.get_or_insert_default();
    if let Some(retention) = &defaults.retention {
        config.fill_retention(retention.clone());
    }
    if defaults.exemplars {
        config.storage.exemplars.get_or_insert(ExemplarsConfig { max_exemplars: DEFAULT_MAX_EXEMPLARS });
    }
    expand::expand_labels(&mut config.global.external_labels, |name| std::env::var(name).ok());
    config.set_directory(path.parent().unwrap_or(Path::new("")));
    let refused = reader.error_count() > 0;
    let mut found = reader.into_found();
    let upstream = upstream_error(&found);
    found.sort_by_key(|d| (d.line, d.column));
    Loaded {
        config: (!refused).then_some(config),
        diagnostics: found,
        upstream,
        unsupported: if refused { Vec::new() } else { unsupported::find(&source) },
    }
}

/// Switches `extra_scrape_metrics` on where the file does not say otherwise.
fn keep_extra_metrics(config: &mut Config, root: &Node) {
    let said = |node: &Node| node.get("extra_scrape_metrics").is_some();
    if said(root.closest(&["global"])) {
        return;
    }
    config.global.extra_scrape_metrics = Some(true);
    let nodes = root.get("scrape_configs").map_or(&[][..], Node::items);
    for (job, node) in config.scrape_configs.iter_mut().zip(nodes) {
        if !said(node) {
            job.extra_scrape_metrics = Some(true);
        }
    }
}

/// Asks for protobuf first where the file does not say otherwise.
fn ask_for_protobuf(config: &mut Config, root: &Node) {
    let said = |node: &Node| node.get("scrape_protocols").is_some_and(|list| !list.is_null());
    if said(root.closest(&["global"])) {
        return;
    }
    let nodes = root.get("scrape_configs").map_or(&[][..], Node::items);
    for (job, node) in config.scrape_configs.iter_mut().zip(nodes) {
        if !said(node) {
            job.scrape_protocols = Some(ScrapeProtocol::PROTO_FIRST.to_vec());
        }
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
