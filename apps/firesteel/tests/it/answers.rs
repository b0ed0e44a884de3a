//! Answers of the query API compared: status, type, and every point.

use std::collections::BTreeMap;

use serde_json::Value;

/// Says how `got` differs from `want`, both answers of the query API. `tolerance` is relative, and a thousandth of it absolute:
/// what is left when numbers around 1 take each other away has their error, not its own.
pub(crate) fn compare(want: &Value, got: &Value, tolerance: f64) -> Result<(), String> {
    for field in ["status", "errorType"] {
        if want[field] != got[field] {
            return Err(format!(
                "{field}: {} and not {}: {} / {}",
                got[field], want[field], got["error"], want["error"]
            ));
        }
    }
    let (want, got) = (&want["data"], &got["data"]);
    if want["resultType"] != got["resultType"] {
        return Err(format!("resultType: {} and not {}", got["resultType"], want["resultType"]));
    }
    let (want, got) = (points(want), points(got));
    if let Some(missing) = want.keys().find(|k| !got.contains_key(*k)) {
        return Err(format!("missing {missing}"));
    }
    for (place, value) in &got {
        let Some(wanted) = want.get(place) else { return Err(format!("too much: {place} = {value}")) };
        if !close(*wanted, *value, tolerance) {
            return Err(format!("{place}: {value} and not {wanted}"));
        }
    }
    Ok(())
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a.to_bits() == b.to_bits()
        || a.is_nan() && b.is_nan()
        || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1e-3)
}

/// Every point of an answer by its series and time.
fn points(data: &Value) -> BTreeMap<String, f64> {
    let number = |v: &Value| match v.as_str() {
        Some("+Inf") => f64::INFINITY,
        Some("-Inf") => f64::NEG_INFINITY,
        Some(text) => text.parse().unwrap(),
        None => panic!("not a value: {v}"),
    };
    let mut points = BTreeMap::new();
    if matches!(data["resultType"].as_str(), Some("scalar" | "string")) {
        points.insert(data["result"][0].to_string(), number(&data["result"][1]));
        return points;
    }
    for series in data["result"].as_array().into_iter().flatten() {
        // serde_json keeps the labels of an object in order of their names.
        let name = series["metric"].to_string();
        let values = series["values"].as_array().cloned().unwrap_or_else(|| vec![series["value"].clone()]);
        for point in values.iter().filter(|point| !point.is_null()) {
            points.insert(format!("{name} @{}", point[0]), number(&point[1]));
        }
        let histograms = series["histograms"].as_array().cloned().unwrap_or_else(|| vec![series["histogram"].clone()]);
        for point in histograms.iter().filter(|point| !point.is_null()) {
            let (place, histogram) = (format!("{name} @{}", point[0]), &point[1]);
            points.insert(format!("{place} count"), number(&histogram["count"]));
            points.insert(format!("{place} sum"), number(&histogram["sum"]));
            for (i, bucket) in histogram["buckets"].as_array().into_iter().flatten().enumerate() {
                let place = format!("{place} bucket {i} ({})", bucket[0]);
                points.insert(format!("{place} from"), number(&bucket[1]));
                points.insert(format!("{place} to"), number(&bucket[2]));
                points.insert(format!("{place} count"), number(&bucket[3]));
            }
        }
    }
    points
}
