//! Licences of everything that is linked, and crates that are not to be: `cargo metadata` against `deny.toml`, so that CI
//! holds both without cargo-deny. Advisories need its database: `cargo xtask deny`.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

pub(crate) fn check(faults: &mut Vec<String>) -> Result<()> {
    let rules: toml::Table = fs::read_to_string(shell::root().join("deny.toml"))?.parse().context("deny.toml")?;
    let list = |section: &str, key: &str| rules.get(section).and_then(|s| s.get(key)).and_then(toml::Value::as_array);
    let allowed: BTreeSet<&str> =
        list("licenses", "allow").into_iter().flatten().filter_map(toml::Value::as_str).collect();
    let denied: BTreeSet<&str> =
        list("bans", "deny").into_iter().flatten().filter_map(|one| one.get("crate")?.as_str()).collect();
    let metadata = shell::output(shell::command(&["cargo", "metadata", "--format-version=1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    // The metadata also name what no feature switches on; the tree has what is really built.
    let line =
        ["cargo", "tree", "--workspace", "--target=all", "--edges=normal,build", "--prefix=none", "--format={p}"];
    let tree = shell::output(shell::command(&[&line[..], &["--locked"]].concat()))?;
    let built: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in denied.intersection(&built) {
        faults.push(format!("deny.toml: {name} is denied, and it is built"));
    }
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        if !satisfied(licence, &allowed) {
            faults.push(format!("deny.toml: licence `{licence}` of {name} is not allowed"));
        }
    }
    Ok(())
}

/// Reads an SPDX expression: `AND` needs all sides, `OR` and the old `/` one of them. `AND` binds closer.
fn satisfied(licence: &str, allowed: &BTreeSet<&str>) -> bool {
    let text = licence.replace('/', " OR ").replace(['(', ')'], " ");
    // Brackets in use wrap an `OR` below an `AND`: then every `AND` side is checked by itself.
    if licence.contains('(') {
        return text.split(" AND ").all(|side| side.split(" OR ").any(|one| allowed.contains(one.trim())));
    }
    text.split(" OR ").any(|side| side.split(" AND ").all(|one| allowed.contains(one.trim())))
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    #[test]
    fn expressions() {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].into();
        let cases = [
            ("MIT", true),
            ("GPL-3.0", false),
            ("", false),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("ISC AND GPL-3.0", false),
            ("ISC AND MIT", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("ISC AND (GPL-3.0 OR AGPL-3.0)", false),
        ];
        for (licence, want) in cases {
            assert_eq!(satisfied(licence, &allowed), want, "{licence}");
        }
    }
}
