//! Real configurations with upstream's verdicts, from the directory `FIRESTEEL_CORPUS` names.

use std::fs;
use std::path::{Path, PathBuf};

use firesteel_config::{Loaded, load};

/// Returns the corpus, or `None` (said aloud) when there is none here; with `CI=true` that is a failure.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
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
    let text = fs::read(path).expect("the table names files that are there");
    load(path, &String::from_utf8_lossy(&text))
}

fn shown(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().filter(|d| d.is_error()).map(firesteel_config::Diagnostic::render).collect()
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
        if ELSEWHERE.iter().any(|(name, _)| *name == file)
            || Path::new(file).extension().is_none_or(|ending| ending != "yml")
        {
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

#[test]
fn verdicts_of_rule_files() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("rules/verdicts.tsv")).unwrap();
    let mut wrong = Vec::new();
    for row in table.lines().skip(1) {
        let mut cells = row.split('\t');
        let (Some(file), Some(expected), _, text) = (cells.next(), cells.next(), cells.next(), cells.next()) else {
            continue;
        };
        let text = text.unwrap_or("");
        // Expressions and templates are parsed elsewhere.
        let inside =
            expected == "bad" && ["could not parse expression", "template:"].iter().any(|word| text.contains(word));
        // "good" in the dialect of another program: upstream refuses the key, and so do we.
        let dialect = expected == "good" && text.contains("not found in type");
        if file.starts_with("prometheusrule-crd") || inside || dialect {
            continue;
        }
        let path = corpus.join("rules").join(file);
        let Ok(bytes) = fs::read(&path) else { continue };
        let scheme = if file.contains("legacy_validation") {
            firesteel_config::ValidationScheme::Legacy
        } else {
            firesteel_config::ValidationScheme::Utf8
        };
        let checks = firesteel_config::RuleChecks::structure(scheme);
        let loaded = firesteel_config::load_rules(&path, &String::from_utf8_lossy(&bytes), &checks);
        if loaded.rules.is_some() != (expected == "good") {
            let shown: String = loaded.diagnostics.iter().map(firesteel_config::Diagnostic::render).collect();
            wrong.push(format!("{file}: expected {expected} ({text})\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn verdicts_of_target_files_and_web_files() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for (folder, good) in [("file_sd/good", true), ("file_sd/bad", false)] {
        for entry in fs::read_dir(corpus.join("config").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let Ok(bytes) = fs::read(&path) else { continue };
            let result = firesteel_config::load_target_groups(&path, &String::from_utf8_lossy(&bytes));
            if result.is_ok() != good {
                let shown: String =
                    result.err().unwrap_or_default().iter().map(firesteel_config::Diagnostic::render).collect();
                wrong.push(format!("{}: good is {good}\n{shown}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn seed_examples_are_refused_with_the_right_word_or_accepted() {
    let Some(corpus) = corpus() else { return };
    let cases = [
        ("django-dockerswarm-prometheus-sheme-typo.yml", Some(("sheme", "scheme"))),
        ("docker-prometheus-scarpe_interval-typo.yml", Some(("scarpe_interval", "scrape_interval"))),
        ("docker-install-script-prometheus.yml", None),
    ];
    for (file, typo) in cases {
        let path = corpus.join("seed-examples").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let loaded = load(&path, &text);
        let Some((wrong, right)) = typo else {
            assert!(loaded.config.is_some(), "{file}: {}", shown(&loaded));
            continue;
        };
        let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.is_error()).collect();
        assert_eq!(errors.len(), 1, "{file}: {}", shown(&loaded));
        assert!(errors[0].message.starts_with(&format!("`{wrong}`")), "{file}: {}", errors[0].message);
        assert_eq!(errors[0].label, Some(format!("did you mean `{right}`?")));
        let mended = firesteel_config::apply_fixes(&text, &loaded.diagnostics);
        assert!(load(&path, &mended).config.is_some(), "{file}: mended file is refused");
    }
}

/// Bad only when the client is made or used: the files they name, or their content, are not looked at here.
const AT_USE: [&str; 4] = [
    "http.conf.invalid-bearer-token-file.bad.yml",
    "http.conf.basic-auth.bad-username.yaml",
    "http.conf.basic-auth.no-password.yaml",
    "http.conf.basic-auth.no-username.yaml",
];

#[test]
fn verdicts_of_http_client_files() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for (folder, good) in [("good", true), ("bad", false)] {
        for entry in fs::read_dir(corpus.join("config/http_client").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let skipped = AT_USE.contains(&name.as_str());
            if !name.starts_with("http.conf.") || name.to_lowercase().ends_with(".json") || skipped {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let (http, found) = firesteel_config::load_http_config(&path, &text);
            if http.is_some() != good {
                let shown: String = found.iter().map(firesteel_config::Diagnostic::render).collect();
                wrong.push(format!("{}: good is {good}\n{shown}", path.display()));
            }
        }
    }
    let web = corpus.join("config/web/web-config.yml");
    let (config, found) = firesteel_config::load_web_config(&web, &fs::read_to_string(&web).unwrap());
    assert!(config.is_some(), "{found:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
