//! Real configurations with upstream's verdicts, from the directory `FIRESTEEL_CORPUS` names.

use std::fs;
use std::path::{Path, PathBuf};

use firesteel_config::{Loaded, load};

/// Returns the corpus, or `None` (said aloud) when there is none here; with `CI=true` that is a failure.
pub(crate) fn corpus() -> Option<PathBuf> {
    match std::env::var_os("FIRESTEEL_CORPUS") {
        Some(dir) => Some(PathBuf::from(dir)),
        None => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "FIRESTEEL_CORPUS is not set");
            println!("skipped: FIRESTEEL_CORPUS is not set");
            None
        }
    }
}

fn load_file(path: &Path) -> Loaded {
    let text = fs::read(path).unwrap();
    load(path, &String::from_utf8_lossy(&text))
}

fn shown(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.render()).collect()
}

/// Files whose verdict rests on more than the text of prometheus.yml, with the reason.
const ELSEWHERE: [(&str, &str); 4] = [
    (
        "bad/scrape_config_files_double_import.bad.yml",
        "the file it imports twice is not beside it, so 3.14 accepts it too",
    ),
    (
        "bad/promtool-url_in_alert_targetgroup_with_relabel_config.bad.yml",
        "promtool relabels the targets and looks again",
    ),
    (
        "bad/promtool-url_in_scrape_targetgroup_with_relabel_config.bad.yml",
        "promtool relabels the targets and looks again",
    ),
    ("good/config_with_deprecated_am_api_config.yml", "api_version v1 was legal in 2.42; 3.14 refuses it"),
];

#[test]
fn verdicts_of_configurations() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("config/verdicts.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for row in table.lines().skip(1) {
        let mut cells = row.split('\t');
        let (Some(file), Some(expected), Some(text)) = (cells.next(), cells.next(), cells.next()) else { continue };
        if ELSEWHERE.iter().any(|(name, _)| *name == file) || !file.ends_with(".yml") {
            continue;
        }
        tried += 1;
        let loaded = load_file(&corpus.join("config").join(file));
        let (text, agent) = text.strip_prefix("[agent mode] ").map_or((text, false), |text| (text, true));
        let text = text.strip_prefix("parsing YAML file ").and_then(|t| t.split_once(": ")).map_or(text, |(_, t)| t);
        let late = match &loaded.config {
            Some(config) if agent => config.agent_mode_fault().map(str::to_owned),
            Some(config) => {
                config.all_scrape_configs().err().and_then(|faults| faults.into_iter().find_map(|d| d.upstream))
            }
            None => None,
        };
        let verdict = if loaded.config.is_some() && late.is_none() { "ok" } else { "error" };
        if verdict != expected {
            wrong.push(format!("{file}: expected {expected} ({text}), got {verdict}\n{}", shown(&loaded)));
        } else if let (false, Some(error)) = (text.is_empty(), late.or_else(|| loaded.upstream_error())) {
            let all = loaded.diagnostics.iter().any(|d| d.upstream.as_deref().is_some_and(|u| u.contains(text)));
            if !error.contains(text) && !all {
                wrong.push(format!("{file}: expected text {text:?}, got {error:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
