//! Dependencies only point down: `cargo metadata` against `floors.toml`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

pub(crate) fn check(faults: &mut Vec<String>) -> Result<()> {
    let plan: toml::Table = fs::read_to_string(shell::root().join("floors.toml"))?.parse().context("floors.toml")?;
    let floors: BTreeMap<&str, i64> =
        table(&plan, "floors").filter_map(|(room, floor)| Some((room, floor.as_integer()?))).collect();
    let beside: BTreeMap<&str, Vec<&str>> = table(&plan, "beside").map(|(room, list)| (room, texts(list))).collect();
    let aside = plan.get("aside").and_then(|a| a.get("rooms")).map(texts).unwrap_or_default();

    let metadata = shell::output(shell::command(&["cargo", "metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let room = short(&package["name"]);
        if aside.contains(&room) {
            continue;
        }
        let Some(floor) = floors.get(room) else {
            faults.push(format!("floors.toml: room `{room}` stands on no floor"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["path"].is_null() || dependency["kind"] == "dev" {
                continue;
            }
            let below = short(&dependency["name"]);
            let allowed = floors.get(below).is_some_and(|f| f < floor)
                || beside.get(room).is_some_and(|list| list.contains(&below));
            if !allowed {
                faults.push(format!("{room} (floor {floor}) may not depend on {below}: see floors.toml"));
            }
        }
    }
    Ok(())
}

fn table<'a>(plan: &'a toml::Table, name: &str) -> impl Iterator<Item = (&'a str, &'a toml::Value)> {
    plan.get(name).and_then(toml::Value::as_table).into_iter().flatten().map(|(k, v)| (k.as_str(), v))
}

fn texts(list: &toml::Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

fn short(name: &Value) -> &str {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix("firesteel-").unwrap_or(name)
}
