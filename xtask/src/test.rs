//! `cargo xtask test`: the one command that passes all tests, for a person and for CI alike.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{hot, peers, python, shell, tidy, ui};

pub(crate) fn run(_args: &[&str]) -> Result<()> {
    let ci = std::env::var("CI").is_ok_and(|v| v == "true");
    if ci && !std::env::var_os("FIRESTEEL_CORPUS").is_some_and(|dir| Path::new(&dir).is_dir()) {
        bail!("CI=true, but FIRESTEEL_CORPUS does not name a directory");
    }
    let mut spent: Vec<(&str, Duration)> = Vec::new();
    let mut part = |name: &'static str, body: &mut dyn FnMut() -> Result<()>| {
        let began = Instant::now();
        let done = shell::step(name, body);
        spent.push((name, began.elapsed()));
        done
    };
    part("what the tests need", &mut || {
        shell::need(&[
            ("chromium", "chromium"),
            ("valgrind", "valgrind"),
            ("npm", "npm"),
            ("python3", "python3-venv"),
        ])?;
        python::prepare()?;
        peers::unpack().map(|_| ())
    })?;
    part("fmt", &mut || shell::run(shell::command(&["cargo", "fmt", "--all", "--check"])))?;
    part("tidy", &mut tidy::run)?;
    part("clippy", &mut || shell::run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])))?;
    part("without Kubernetes", &mut || {
        shell::run(cargo(&["check", "-p", "firesteel-discovery", "--no-default-features", "--all-targets"]))
    })?;
    part("build the tests", &mut || shell::run(cargo(&["test", "--workspace", "--no-run"])))?;
    part("tests", &mut || {
        let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
        tests.env("FIRESTEEL_PEERS", shell::target_dir().join("peers/usr/bin"));
        tests.env("FIRESTEEL_PYTHON", shell::target_dir().join("python"));
        shell::run(tests)
    })?;
    part("fuzz corpora", &mut || shell::run(cargo(&["test", "--quiet", "--manifest-path", "fuzz/Cargo.toml"])))?;
    part("release build", &mut || {
        shell::run(cargo(&["build", "--release", "--bins", "-p", "firesteel", "-p", "firesteel-hot"]))
    })?;
    part("instruction counts of hot functions", &mut || hot::run(false))?;
    part("page: build matches its source, unit and browser tests", &mut || {
        ui::run(true)?;
        ui::browser_tests()
    })?;
    println!("{}", bill(&spent));
    Ok(())
}

/// What each part of the run may take on two cores from a clean clone, in minutes; 0 for parts that are not billed.
const BUDGET: &[(&str, &[&str], u64)] = &[
    ("build and clippy", &["clippy", "without Kubernetes", "build the tests"], 14),
    ("unit, storage, differential, processes and kills", &["tests"], 16),
    ("fuzz corpora", &["fuzz corpora"], 2),
    ("browser", &["page: build matches its source, unit and browser tests"], 3),
    ("release build", &["release build"], 12),
];

/// Returns the time of each part beside its budget.
fn bill(spent: &[(&str, Duration)]) -> String {
    let mut out = String::from("\nbudget, minutes:   spent  allowed\n");
    for (name, parts, allowed) in BUDGET {
        let took: Duration = spent.iter().filter(|(part, _)| parts.contains(part)).map(|(_, took)| *took).sum();
        let minutes = took.as_secs_f64() / 60.0;
        let over = if minutes > *allowed as f64 { "  OVER" } else { "" };
        let _ = writeln!(out, "  {minutes:6.1}  {allowed:5}  {name}{over}");
    }
    let all: Duration = spent.iter().map(|(_, took)| *took).sum();
    let _ = write!(out, "  {:6.1}         all", all.as_secs_f64() / 60.0);
    out
}

/// Without incremental data: CI builds once, and a third of the disk is saved.
fn cargo(args: &[&str]) -> Command {
    let mut command = shell::command(&["cargo"]);
    command.args(args);
    if std::env::var("CI").is_ok_and(|v| v == "true") {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_billed() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let text = bill(&[
            ("tidy", minutes(1)),
            ("clippy", minutes(5)),
            ("build the tests", minutes(10)),
            ("tests", minutes(3)),
        ]);
        assert!(text.contains("    15.0     14  build and clippy  OVER\n"), "{text}");
        assert!(text.contains("     3.0     16  unit, storage, differential, processes and kills\n"), "{text}");
        assert!(text.ends_with("    19.0         all"), "{text}");
    }
}
