//! Two servers' answers compared, point by point.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// 2.42 sums without compensation.
const TOLERANCE: f64 = 1e-9;

/// Returns how many points an answer has.
pub(super) fn points(body: &[u8]) -> Result<usize> {
    Ok(series(body)?.values().map(Vec::len).sum())
}

/// Errors when the answers differ in more than the last digits.
pub(super) fn compare(want: &[u8], got: &[u8]) -> Result<()> {
    let (want, got) = (series(want)?, series(got)?);
    for (labels, want) in &want {
        let got = got.get(labels).with_context(|| format!("{labels} is missing"))?;
        if want.len() != got.len() {
            bail!("{labels} has {} points and not {}", got.len(), want.len());
        }
        for ((t, want), (got_t, got)) in want.iter().zip(got) {
            if t != got_t || !close(*want, *got) {
                bail!("{labels}: {got} @{got_t} and not {want} @{t}");
            }
        }
    }
    match got.keys().find(|labels| !want.contains_key(*labels)) {
        Some(labels) => bail!("{labels} is too much"),
        None => Ok(()),
    }
}

fn close(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

/// Returns the points of each series, by its labels.
fn series(body: &[u8]) -> Result<BTreeMap<String, Vec<(f64, f64)>>> {
    let answer: Value = serde_json::from_slice(body)?;
    let result = answer["data"]["result"].as_array().with_context(|| format!("no result: {}", answer["error"]))?;
    let mut all = BTreeMap::new();
    for one in result {
        let values = match one["values"].as_array() {
            Some(values) => values.iter().map(point).collect::<Result<_>>()?,
            None => vec![point(&one["value"])?],
        };
        // serde_json keeps an object's members by name.
        if all.insert(one["metric"].to_string(), values).is_some() {
            bail!("{} comes twice", one["metric"]);
        }
    }
    Ok(all)
}

fn point(point: &Value) -> Result<(f64, f64)> {
    let text = point[1].as_str().with_context(|| format!("not a point: {point}"))?;
    Ok((point[0].as_f64().context("no time")?, text.trim_start_matches('+').parse()?))
}
