//! One file, one idea: module docs, sizes, names that say something, one integration binary a crate.

use std::fs;

use anyhow::Result;

use crate::shell;

/// Longer files have a seam; tables of facts may be longer and say so with `tidy: table` in their module doc.
const LINES_MAX: usize = 700;
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "part2"];

pub(crate) fn check(faults: &mut Vec<String>) -> Result<()> {
    let tracked = shell::output(shell::command(&["git", "ls-files", "--cached", "--others", "--exclude-standard"]))?;
    for name in tracked.lines() {
        let Some(extension) = name.rsplit_once('.').map(|(_, e)| e) else { continue };
        if !matches!(extension, "rs" | "ts" | "tsx") || name.contains("/dist/") {
            continue;
        }
        let Ok(text) = fs::read_to_string(shell::root().join(name)) else { continue };
        let lines = text.lines().count();
        if lines > LINES_MAX && !text.lines().take(12).any(|l| l.contains("tidy: table")) {
            faults.push(format!("{name}: {lines} lines; look for the seam (at most {LINES_MAX})"));
        }
        let stem = name.rsplit('/').next().unwrap_or(name).trim_end_matches(&format!(".{extension}")).to_owned();
        if EMPTY_NAMES.contains(&stem.as_str()) {
            faults.push(format!("{name}: a file is named for the noun inside it"));
        }
        if extension == "rs" {
            check_rust(name, &text, faults);
        }
    }
    Ok(())
}

fn check_rust(name: &str, text: &str, faults: &mut Vec<String>) {
    if !text.starts_with("//!") {
        faults.push(format!("{name}: begins without `//!` that says what it is for"));
    }
    if name.ends_with("/src/lib.rs") && text.lines().any(|l| l.starts_with("fn ") || l.starts_with("pub fn ")) {
        faults.push(format!("{name}: a lib.rs is a door; logic goes into a room behind it"));
    }
    // `src/…/tests/` holds unit tests; `tests/` of a crate is what cargo makes binaries of.
    if let Some((outside, inside)) = name.split_once("/tests/")
        && !outside.split('/').any(|part| part == "src")
        && !inside.starts_with("it/")
    {
        faults.push(format!("{name}: integration tests are modules of tests/it/main.rs (one binary a crate)"));
    }
    for (number, line) in text.lines().enumerate() {
        // The marks are spelled in two parts so that this file passes its own check.
        let ignored = concat!("#[ign", "ore");
        let allow = concat!("#[all", "ow(");
        if line.trim_start().starts_with(ignored) {
            faults.push(format!("{name}:{}: an ignored test is no test", number + 1));
        }
        if line.trim_start().starts_with(allow) {
            faults.push(format!("{name}:{}: use #[expect(…, reason = \"…\")]", number + 1));
        }
    }
}
