//! `check rules --data-dir`: rules that can never yield anything, because stored data has nothing that they select.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use firesteel_base::TimestampNs;
use firesteel_client::Registry;
use firesteel_config::ValidationScheme;
use firesteel_model::{Labels, METRIC_NAME, MatchType};
use firesteel_promql::{Engine, EngineOptions};
use firesteel_promql_syntax::ParserOptions;
use firesteel_rules::{EngineQueries, EvalContext, Group, LoadOptions, Rule, RuleSettings, load_groups};
use firesteel_storage::Queryable;
use firesteel_tsdb::ReadOnlyDb;

use crate::scratch_db::ScratchDb;
use crate::verdict::Verdict;

/// Opens a data directory for reading.
pub(crate) fn open_data(dir: &Path) -> Result<Arc<ReadOnlyDb>, String> {
    std::fs::metadata(dir).map_err(|error| {
        let why = error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase();
        format!("opening the data directory: stat {}: {why}", dir.display())
    })?;
    ReadOnlyDb::open(dir).map(Arc::new).map_err(|error| error.to_string())
}

/// Warns of such rules; returns whether there are any. The files have been accepted before.
pub(crate) fn warn(
    files: &[String],
    dir: &Path,
    (parser, ignore_unknown_fields): (ParserOptions, bool),
    verdict: &mut Verdict<'_, '_>,
) -> Result<bool, String> {
    let load = LoadOptions {
        interval: std::time::Duration::from_mins(1),
        external_labels: Labels::empty(),
        external_url: String::new(),
        scheme: ValidationScheme::Utf8,
        parser,
        ignore_unknown_fields,
    };
    let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let groups = load_groups(&files, &load).map_err(|error| error.to_string())?;
    let stored = open_data(dir)?;
    let newest = stored.time_range().ok_or_else(|| format!("{}: there is no data", dir.display()))?.max;
    let options = EngineOptions { max_concurrent: 0, ..EngineOptions::default() };
    let engine = Engine::new(options, &Registry::new()).map_err(|error| error.to_string())?;
    let storage: Arc<dyn Queryable> = stored;
    let queries = EngineQueries { engine: Arc::new(engine), storage: Arc::clone(&storage) };
    // Nothing is written, but groups want to know where they would.
    let scratch = ScratchDb::open()?;
    let settings = RuleSettings { parser, ..RuleSettings::default() };
    let store = Arc::clone(scratch.db()) as _;
    let cx = EvalContext::new(Arc::new(queries), storage, store, settings, &Registry::new());
    let at = TimestampNs(newest.0.saturating_mul(1_000_000));
    let mut found = false;
    for group in &groups {
        for (place, nothing) in group.rules_that_match_nothing(&cx, at) {
            let rule = &group.rules()[place];
            // What other rules of these files record may not be stored yet.
            if reads_recorded(rule, &groups) {
                continue;
            }
            found = true;
            let (file, name) = (group.file(), rule.core().name());
            for one in nothing.iter() {
                let near =
                    if one.near.is_empty() { String::new() } else { format!("; nearest: {}", one.near.join(", ")) };
                verdict.complain(format_args!(
                    "  WARNING: {file}: group \"{}\", rule {}, \"{name}\": can never yield anything: {}{near}",
                    group.name(),
                    place + 1,
                    one.message
                ));
                if let Some(fix) = &one.fix {
                    verdict.complain(format_args!("    perhaps: {fix}"));
                }
            }
        }
    }
    Ok(found)
}

fn reads_recorded(rule: &Rule, groups: &[Group]) -> bool {
    let recorded = |name: &str| {
        let mut rules = groups.iter().flat_map(Group::rules);
        rules.any(|rule| matches!(rule, Rule::Recording(_)) && rule.core().name() == name)
    };
    let reads = |matchers: &[firesteel_model::Matcher]| {
        let name = matchers.iter().find(|m| m.name() == METRIC_NAME && m.match_type() == MatchType::Equal);
        name.is_some_and(|name| recorded(name.value()))
    };
    rule.core().expr().selectors().into_iter().any(reads)
}
