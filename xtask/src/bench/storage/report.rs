//! Each figure of ours beside theirs, and what it must be.

use serde_json::{Value, json};

use super::{Figures, Who};

/// What a figure of ours must not exceed.
#[derive(Clone, Copy, Debug)]
enum Must {
    /// This share of theirs.
    OfTheirs(f64),
    Value(f64),
    /// This share of another figure of ours.
    OfOurs(&'static str, f64),
}

const MUSTS: [(&str, Must); 15] = [
    ("append_cpu_seconds_per_million_samples", Must::OfTheirs(1.0 / 4.0)),
    ("cpu_us_per_new_series", Must::OfTheirs(1.0 / 4.0)),
    ("rss_bytes_per_series_30_samples", Must::OfTheirs(1.0 / 3.0)),
    ("rss_bytes_per_series_30_samples", Must::Value(600.0)),
    ("rss_bytes_per_series_120_samples", Must::OfTheirs(1.0 / 3.0)),
    ("rss_bytes_per_series_120_samples", Must::Value(900.0)),
    ("restart_seconds_to_first_answer", Must::OfTheirs(1.0 / 10.0)),
    ("restart_seconds_to_all_samples", Must::OfTheirs(1.0 / 10.0)),
    ("restart_rss_peak_bytes_to_ready", Must::OfOurs("rss_bytes_before_kill", 1.0)),
    ("restart_rss_peak_bytes_to_all_samples", Must::OfOurs("rss_peak_bytes_before_kill_while_asked", 1.0)),
    ("churn_rss_bytes_per_new_series", Must::OfTheirs(1.0 / 4.0)),
    // As many series are left as there were before. Not beside theirs, which depends on when its collector ran last.
    ("churn_rss_bytes_per_new_series_after_truncation", Must::OfOurs("churn_rss_bytes_per_new_series", 0.5)),
    ("block_bytes_per_sample", Must::OfTheirs(1.0)),
    ("compaction_cpu_seconds", Must::OfTheirs(1.0 / 3.0)),
    ("compaction_rss_peak_bytes_added", Must::OfTheirs(1.0 / 3.0)),
];
/// Bytes a series may rise by this much from one point of the curve to the next; what is fixed makes them fall.
const FLAT: f64 = 1.1;

/// Prints both, and returns the musts as they turned out.
pub(super) fn print(all: &[(Who, Figures)], curve: &[Value]) -> Vec<Value> {
    let of = |who: Who| all.iter().find(|(w, _)| *w == who).map(|(_, figures)| figures);
    let figure = |who: Who, name: &str| of(who).and_then(|figures| figures.get(name)?.as_f64());
    println!("\n{:<56} {:>14} {:>14} {:>8}", "", "firesteel", "prometheus", "ratio");
    for (name, value) in of(Who::Ours).into_iter().flatten() {
        let Some(a) = value.as_f64() else { continue };
        let b = figure(Who::Prometheus, name);
        let ratio = b.map_or(String::new(), |b| format!("1/{:.1}", b / a));
        let b = b.map_or(String::new(), |b| format!("{b:.3}"));
        println!("{name:<56} {a:>14.3} {b:>14} {ratio:>8}");
    }
    let mut musts = Vec::new();
    for (name, must) in MUSTS {
        let (limit, of) = match must {
            Must::OfTheirs(share) => (figure(Who::Prometheus, name).map(|b| b * share), "of theirs"),
            Must::Value(value) => (Some(value), "absolute"),
            Must::OfOurs(other, share) => (figure(Who::Ours, other).map(|b| b * share), other),
        };
        if let (Some(is), Some(limit)) = (figure(Who::Ours, name), limit) {
            musts.push(json!({"figure": name, "is": is, "must": limit, "of": of, "met": is <= limit}));
        }
    }
    let along: Vec<f64> = curve
        .iter()
        .filter(|point| point["server"] == Who::Ours.name())
        .filter_map(|point| point["rss_bytes_per_series"].as_f64())
        .collect();
    if along.len() > 1 {
        let rise = along.windows(2).map(|pair| pair[1] / pair[0]).fold(0.0, f64::max);
        musts.push(json!({
            "figure": "rss_bytes_per_series along the curve, most from point to point", "is": rise, "must": FLAT,
            "of": "absolute", "met": rise <= FLAT,
        }));
    }
    println!();
    for must in &musts {
        let (is, limit) = (must["is"].as_f64().unwrap_or(0.0), must["must"].as_f64().unwrap_or(0.0));
        let met = if must["met"] == true { "met" } else { "MISSED" };
        println!("{:<56} {is:>16.3}, must {limit:>16.3} {met}", must["figure"].as_str().unwrap_or_default());
    }
    musts
}
