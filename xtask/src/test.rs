//! `cargo xtask test`: the one command that passes all tests, for a person and for CI alike.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{hot, peers, shell, tidy, ui};

pub(crate) fn run(_args: &[&str]) -> Result<()> {
    let ci = std::env::var("CI").is_ok_and(|v| v == "true");
    if ci && !std::env::var_os("FIRESTEEL_CORPUS").is_some_and(|dir| Path::new(&dir).is_dir()) {
        bail!("CI=true, but FIRESTEEL_CORPUS does not name a directory");
    }
    shell::step("what the tests need", || {
        shell::need(&[("chromium", "chromium"), ("valgrind", "valgrind"), ("npm", "npm")])?;
        peers::unpack().map(|_| ())
    })?;
    shell::step("fmt", || shell::run(shell::command(&["cargo", "fmt", "--all", "--check"])))?;
    shell::step("tidy", tidy::run)?;
    shell::step("clippy", || shell::run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])))?;
    shell::step("build the tests", || shell::run(cargo(&["test", "--workspace", "--no-run"])))?;
    shell::step("tests", || {
        let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
        tests.env("FIRESTEEL_PEERS", shell::target_dir().join("peers/usr/bin"));
        shell::run(tests)
    })?;
    shell::step("fuzz corpora", || shell::run(cargo(&["test", "--quiet", "--manifest-path", "fuzz/Cargo.toml"])))?;
    shell::step("release build", || {
        shell::run(cargo(&["build", "--release", "--bins", "-p", "firesteel", "-p", "firesteel-hot"]))
    })?;
    shell::step("instruction counts of hot functions", || hot::run(false))?;
    shell::step("page: build matches its source, unit and browser tests", || {
        ui::run(true)?;
        ui::browser_tests()
    })
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
