//! The page: built from `ui/` into `crates/web/ui/dist`, which is committed, so that `cargo build` needs no Node.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Builds the page. With `check` it builds aside and fails when the committed files differ.
pub(crate) fn run(check: bool) -> Result<()> {
    npm(&["ci", "--no-audit", "--no-fund"])?;
    let committed = shell::root().join("crates/web/ui/dist");
    let out = if check { shell::target_dir().join("ui-dist") } else { committed.clone() };
    shell::run({
        let mut build = npm_command(&["run", "build"]);
        build.env("FIRESTEEL_UI_OUT", &out);
        build
    })?;
    if check {
        compare(&committed, &out)?;
        npm(&["test"])?;
    }
    Ok(())
}

/// Runs the tests that open the page in a real browser against the release binary.
pub(crate) fn browser_tests() -> Result<()> {
    let mut tests = npm_command(&["run", "e2e"]);
    tests.env("FIRESTEEL_BIN", shell::target_dir().join("release/firesteel"));
    shell::run(tests)
}

fn npm(args: &[&str]) -> Result<()> {
    shell::run(npm_command(args))
}

fn npm_command(args: &[&str]) -> Command {
    let mut command = shell::command(&["npm"]);
    command.args(args).current_dir(shell::root().join("ui"));
    command
}

fn compare(committed: &Path, built: &Path) -> Result<()> {
    let (old, new) = (read_tree(committed)?, read_tree(built)?);
    let names: std::collections::BTreeSet<&PathBuf> = old.keys().chain(new.keys()).collect();
    let differ: Vec<String> =
        names.into_iter().filter(|n| old.get(*n) != new.get(*n)).map(|n| n.display().to_string()).collect();
    if !differ.is_empty() {
        bail!("the committed page differs from its source in {}; run `cargo xtask ui` and commit", differ.join(", "));
    }
    Ok(())
}

fn read_tree(root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut todo = vec![root.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).with_context(|| format!("read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                todo.push(path);
            } else {
                files.insert(path.strip_prefix(root)?.to_path_buf(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}
