//! The bad inputs people really write (table of the diagnostics specification, rows 1 to 19), with the exact output.
//!
//! `UPDATE_GOLDEN=1` writes the goldens anew.

use std::path::{Path, PathBuf};

use firesteel_config::{Diagnostic, advise, apply_fixes, load};

/// Files that one `--fix` makes load.
const FIXABLE: [&str; 13] = [
    "01_unknown_global",
    "02_unknown_job_key",
    "03_metric_path",
    "04_singular",
    "05_url_target",
    "06_targets_text",
    "07_tab",
    "08_unitless",
    "09_nesting",
    "13_action",
    "14_am_targets",
    "16_again",
    "19_addresses",
];

/// Files that upstream accepts, and so do we, with a warning.
const ACCEPTED: [&str; 4] = ["17_empty", "17_missing_files", "18_label_name", "19_addresses"];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/table")
}

fn all(name: &str, text: &str) -> (bool, Vec<Diagnostic>) {
    let path = PathBuf::from(format!("{name}.yml"));
    let loaded = load(&path, text);
    let mut found = loaded.diagnostics;
    if let Some(config) = &loaded.config {
        found.extend(advise(&path, text, config));
    }
    (loaded.config.is_some(), found)
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir())
        .expect("the table is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 20, "{names:?}");
    names
}

#[test]
fn each_fault_is_drawn_as_promised() {
    for name in names() {
        let text = std::fs::read_to_string(dir().join(format!("{name}.yml"))).unwrap();
        let (accepted, found) = all(&name, &text);
        assert_eq!(accepted, ACCEPTED.contains(&name.as_str()), "{name}");
        let drawn: String = found.iter().map(firesteel_config::Diagnostic::render).collect();
        let golden = dir().join(format!("{name}.golden"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &drawn).unwrap();
        }
        assert_eq!(drawn, std::fs::read_to_string(&golden).unwrap(), "{name}");
    }
}

#[test]
fn a_fix_makes_the_file_load() {
    for name in FIXABLE {
        let text = std::fs::read_to_string(dir().join(format!("{name}.yml"))).unwrap();
        let (_, found) = all(name, &text);
        let mended = apply_fixes(&text, &found);
        assert_ne!(mended, text, "{name}: nothing was mended");
        let (accepted, left) = all(name, &mended);
        let drawn: String = left.iter().map(firesteel_config::Diagnostic::render).collect();
        assert!(accepted, "{name}: mended file is refused\n{mended}\n{drawn}");
    }
}

#[test]
fn all_faults_come_in_one_pass() {
    let text = "global:\n  scarpe_interval: 15s\nscrape_configs:\n- job_name: a\n  sheme: https\n  scrape_timeout: 5\n";
    let (_, found) = all("many", text);
    let places: Vec<_> = found.iter().map(|d| (d.line, d.column, d.code)).collect();
    assert_eq!(places, [(2, 3, "FS0102"), (5, 3, "FS0102"), (6, 19, "FS0130")]);
}

#[test]
fn upstream_text_leads_the_error() {
    let text = "global:\n  scarpe_interval: 15s\n";
    let error = load(Path::new("p.yml"), text).upstream_error();
    let want = "parsing YAML file p.yml: yaml: unmarshal errors:\n  line 2: field scarpe_interval not found in type config.plain";
    assert_eq!(error.as_deref(), Some(want));
}
