//! Rule files as people really write them wrong (table of the diagnostics specification, rows 20 to 31), with the exact
//! output.
//!
//! `UPDATE_GOLDEN=1` writes the goldens anew.

use std::fs;
use std::path::{Path, PathBuf};

use crate::promtool;

/// Files that one `--fix` makes load.
const FIXABLE: [&str; 13] = [
    "20_for",
    "21_equals",
    "21_equals_block",
    "23_severity",
    "24_no_groups",
    "25_window",
    "26_parenthesis",
    "27_function",
    "27_function_2",
    "28_grouping",
    "29_everything",
    "30_quotes",
    "31_valid",
];

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/rules")
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir())
        .expect("the table is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yml"))
        .map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 14, "{names:?}");
    names
}

#[test]
fn each_fault_is_drawn_as_promised() {
    let held = tempfile::tempdir().expect("a directory");
    // Scrapes every 15 s tell which windows are too short.
    let config = held.path().join("prometheus.yml");
    for name in names() {
        let text = "global: {scrape_interval: 15s}\nscrape_configs: [{job_name: a}]\nrule_files: [";
        let rules = dir().join(format!("{name}.yml"));
        fs::write(&config, format!("{text}'{}']\n", rules.display())).expect("a file can be written");
        let ran = promtool(&["check", "config", &config.to_string_lossy()]);
        assert_eq!(ran.code, u8::from(name != "31_valid"), "{name}: {}{}", ran.out, ran.err);
        let drawn = ran.err.replace(&rules.display().to_string(), &format!("{name}.yml"));
        let golden = dir().join(format!("{name}.golden"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &drawn).expect("a file can be written");
        }
        assert_eq!(drawn, fs::read_to_string(&golden).unwrap_or_default(), "{name}");
    }
}

#[test]
fn a_fix_makes_the_file_load() {
    let held = tempfile::tempdir().expect("a directory");
    for name in FIXABLE {
        let text = fs::read_to_string(dir().join(format!("{name}.yml"))).expect("a case");
        let file = held.path().join("rules.yml");
        fs::write(&file, &text).expect("a file can be written");
        let words = ["check", "rules", "--fix", &file.to_string_lossy()];
        let ran = promtool(&words);
        let mended = fs::read_to_string(&file).expect("the file");
        assert_eq!(ran.code, 0, "{name}: {}\n{mended}", ran.err);
        assert_eq!(mended == text, name == "31_valid", "{name}: {mended}");
    }
}
