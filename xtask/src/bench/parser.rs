//! Reading pages: a real page that is known, one that is not, and a plain scan for the ends of its lines, in turn.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::shell;

/// The known page must reach this share of the scan's speed, the new one that.
const KNOWN_AT_LEAST: f64 = 1.0 / 15.0;
const NEW_AT_LEAST: f64 = 1.0 / 60.0;

pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (rounds, save) = match args {
        [] => ("400", false),
        ["--save"] => ("400", true),
        ["--rounds", rounds] => (*rounds, false),
        ["--rounds", rounds, "--save"] => (*rounds, true),
        _ => bail!("bench parser: unknown options; there are [--rounds N] [--save]"),
    };
    let corpus = std::env::var("FIRESTEEL_CORPUS").context("FIRESTEEL_CORPUS names the directory of real pages")?;
    let mut pages = Vec::new();
    for folder in ["exposition/text", "exposition/openmetrics"] {
        for entry in fs::read_dir(format!("{corpus}/{folder}"))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains("node_exporter")) {
                pages.push(path);
            }
        }
    }
    pages.sort();
    shell::run(shell::command(&["cargo", "build", "--release", "-p", "firesteel-hot"]))?;
    let program = shell::target_dir().join("release/firesteel-hot").display().to_string();
    let mut command = shell::command(&[&program, "pages", rounds]);
    command.args(&pages);
    let output = shell::output(command)?;
    println!(
        "{:<48} {:>8} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "page", "bytes", "scan GB/s", "known", "new", "known", "new"
    );
    let (mut rows, mut slow) = (Vec::new(), Vec::new());
    for line in output.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, bytes, scan, known, new] = words.as_slice() else { bail!("a line of the measurement: {line}") };
        let number = |text: &str| text.parse::<f64>().context("a number of the measurement");
        let (bytes, scan, known, new) = (number(bytes)?, number(scan)?, number(known)?, number(new)?);
        println!(
            "{name:<48} {bytes:>8} {:>10.2} {:>10.2} {:>10.2} {:>8} {:>8}",
            bytes / scan,
            bytes / known,
            bytes / new,
            format!("1/{:.1}", known / scan),
            format!("1/{:.1}", new / scan)
        );
        if scan / known < KNOWN_AT_LEAST || scan / new < NEW_AT_LEAST {
            slow.push((*name).to_owned());
        }
        rows.push(json!({
            "page": name, "bytes": bytes, "scan_ns": scan, "known_ns": known, "new_ns": new,
            "known_share": scan / known, "new_share": scan / new,
        }));
    }
    if save {
        let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
        let figures: Value = json!({
            "command": "cargo xtask bench parser --save",
            "commit": version.trim(),
            "what": "nanoseconds a page, median of the rounds: ends of lines found, the page known, the page new",
            "pages": rows,
        });
        fs::write(shell::root().join("docs/figures/parser.json"), format!("{figures:#}\n"))?;
    }
    if slow.is_empty() {
        Ok(())
    } else {
        bail!("slower than 1/15 (known) or 1/60 (new) of the scan: {}", slow.join(", "))
    }
}
