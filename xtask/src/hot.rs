//! Instruction counts of the hot functions: steady on noisy machines, so they are the gate where clocks are not.
//!
//! Each function runs N and 2 N times under callgrind; the difference leaves start-up and set-up out. The figures are
//! kept in `docs/figures/hot.json` and may not rise by more than 3 %.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::shell;

/// How far a count may rise before it is a fault, and fall before the kept figure is out of date.
const TOLERANCE: f64 = 0.03;
const KEPT: &str = "docs/figures/hot.json";

pub(crate) fn run(update: bool) -> Result<()> {
    shell::need(&[("valgrind", "valgrind")])?;
    let program = shell::target_dir().join("release/firesteel-hot");
    if !program.is_file() {
        shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel-hot"]))?;
    }
    let program = program.display().to_string();
    let kept_path = shell::root().join(KEPT);
    let kept: Value = match fs::read_to_string(&kept_path) {
        Ok(text) => serde_json::from_str(&text).context(KEPT)?,
        Err(_) => Value::Null,
    };
    let list = shell::output(shell::command(&[&program, "list"]))?;
    let mut counts = BTreeMap::new();
    let mut faults = Vec::new();
    println!("{:<28} {:>14} {:>14} {:>8}", "function", "instructions", "kept", "ratio");
    for line in list.lines() {
        // A line is: name, rounds, operations in a round (samples, lines, points).
        let mut words = line.split_whitespace();
        let (Some(name), Some(rounds), Some(operations)) = (words.next(), words.next(), words.next()) else { continue };
        let rounds: u64 = rounds.parse()?;
        let operations: f64 = operations.parse()?;
        let once = instructions(&program, name, rounds)?;
        let twice = instructions(&program, name, rounds * 2)?;
        let each = twice.saturating_sub(once) as f64 / rounds as f64 / operations;
        let before = kept["functions"][name].as_f64();
        let ratio = before.map(|b| each / b);
        println!(
            "{name:<28} {each:>14.1} {:>14} {:>8}",
            before.map_or_else(|| "-".to_owned(), |b| format!("{b:.1}")),
            ratio.map_or_else(|| "-".to_owned(), |r| format!("{r:.3}"))
        );
        match ratio {
            None => faults.push(format!("{name} has no kept figure")),
            Some(r) if r > 1.0 + TOLERANCE => {
                faults.push(format!("{name} costs {:.1} % more than kept", (r - 1.0) * 100.0));
            }
            Some(_) => {}
        }
        counts.insert(name.to_owned(), (each * 10.0).round() / 10.0);
    }
    if update {
        let figures = json!({
            "what": "instructions per operation (sample, line, point), callgrind, release profile, x86-64",
            "command": "cargo xtask hot --update",
            "functions": counts,
        });
        fs::create_dir_all(shell::root().join("docs/figures"))?;
        fs::write(&kept_path, format!("{figures:#}\n")).with_context(|| format!("write {KEPT}"))?;
        return Ok(());
    }
    if !faults.is_empty() {
        bail!("{}; if that is wanted, run `cargo xtask hot --update` and say why in the commit", faults.join("; "));
    }
    Ok(())
}

fn instructions(program: &str, name: &str, rounds: u64) -> Result<u64> {
    let mut valgrind =
        shell::command(&["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, name]);
    valgrind.arg(rounds.to_string());
    let out = valgrind.output().context("cannot start valgrind")?;
    let talk = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        bail!("valgrind {name}: {talk}");
    }
    let collected = talk.lines().find_map(|l| l.split_once("Collected : ")).map(|(_, n)| n.trim());
    collected.and_then(|n| n.parse().ok()).with_context(|| format!("no count in valgrind's output: {talk}"))
}
