//! What was measured: printed as a table and kept as JSON.

use std::fs;

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::Query;
use super::queries::LARGE;
use crate::bench::contender::Cores;
use crate::shell;

/// One query on one server.
pub(super) struct Measured {
    pub(super) runs: usize,
    pub(super) cpu_seconds: f64,
    pub(super) p50_seconds: f64,
    pub(super) p95_seconds: f64,
}

/// One query: ours first, then theirs if there is one.
pub(super) struct Figure {
    pub(super) query: &'static Query,
    pub(super) points: usize,
    pub(super) body_bytes: usize,
    pub(super) measured: Vec<Measured>,
}

/// All queries on so many cores.
pub(super) struct Column {
    pub(super) cores: Cores,
    pub(super) figures: Vec<Figure>,
    /// Bytes above idle, in the order of the servers.
    pub(super) peaks: Vec<u64>,
}

impl Figure {
    /// Returns how many times as much the other server takes.
    fn ratio(&self, of: impl Fn(&Measured) -> f64) -> Option<f64> {
        let [ours, theirs] = self.measured.as_slice() else { return None };
        // A tick of the process clock is the least that can be told apart.
        let least = 0.01 / ours.runs.max(1) as f64;
        Some(of(theirs).max(least) / of(ours).max(least))
    }

    fn cpu_ns_per_point(&self) -> Vec<f64> {
        self.measured.iter().map(|m| m.cpu_seconds * 1e9 / self.points as f64).collect()
    }
}

impl Column {
    fn ratios(&self, of: Of) -> Vec<(f64, &'static str)> {
        self.figures.iter().filter_map(|figure| Some((figure.ratio(of)?, figure.query.name))).collect()
    }
}

fn geometric_mean(ratios: &[(f64, &str)]) -> f64 {
    (ratios.iter().map(|(ratio, _)| ratio.ln()).sum::<f64>() / ratios.len().max(1) as f64).exp()
}

fn least<'a>(ratios: &[(f64, &'a str)]) -> (f64, &'a str) {
    ratios.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::NAN, ""))
}

/// A figure of a query on one server.
type Of = fn(&Measured) -> f64;

const COLUMNS: [(&str, Of); 3] = [("cpu", |m| m.cpu_seconds), ("p50", |m| m.p50_seconds), ("p95", |m| m.p95_seconds)];

/// Prints one query's figures.
pub(super) fn line(cores: Cores, figure: &Figure) {
    let mut text = format!("{} {:<34} {:>9} points", cores.name(), figure.query.name, figure.points);
    for (name, of) in COLUMNS {
        let values: Vec<String> = figure.measured.iter().map(|m| format!("{:.2}", of(m) * 1e3)).collect();
        let ratio = figure.ratio(of).map_or(String::new(), |ratio| format!(" 1/{ratio:.1}"));
        text += &format!("  {name} ms {:>16}{ratio:>8}", values.join(" / "));
    }
    println!("{text}");
}

/// Prints what matters of each column.
pub(super) fn report(columns: &[Column]) {
    for column in columns {
        println!("\n{}", column.cores.name());
        for (name, of) in COLUMNS {
            let ratios = column.ratios(of);
            if ratios.is_empty() {
                continue;
            }
            let (worst, query) = least(&ratios);
            println!("  {name}: geometric mean 1/{:.2}, worst 1/{worst:.2} ({query})", geometric_mean(&ratios));
        }
        let peaks: Vec<String> = column.peaks.iter().map(|peak| format!("{:.1} MB", *peak as f64 / 1e6)).collect();
        let ratio = match column.peaks.as_slice() {
            [ours, theirs] => format!(", 1/{:.1}", *theirs as f64 / (*ours).max(1) as f64),
            _ => String::new(),
        };
        println!("  peak memory above idle: {}{ratio}", peaks.join(" / "));
        for figure in &column.figures {
            if let Some(samples) = figure.query.samples() {
                let each: Vec<String> =
                    figure.measured.iter().map(|m| format!("{:.1}", m.cpu_seconds * 1e9 / samples)).collect();
                println!("  {}: {} ns a sample", figure.query.name, each.join(" / "));
            }
            if LARGE.contains(&figure.query.name) {
                let each: Vec<String> = figure.cpu_ns_per_point().iter().map(|ns| format!("{ns:.1}")).collect();
                println!("  {}: {} ns a point", figure.query.name, each.join(" / "));
            }
        }
    }
}

/// Keeps the figures.
pub(super) fn save(args: &[&str], columns: &[Column]) -> Result<()> {
    let version = shell::output(shell::command(&["git", "rev-parse", "HEAD"])).unwrap_or_default();
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    let mut out = Map::new();
    out.insert(
        "what".into(),
        "10,000 series of 24 h at 30 s in two blocks; milliseconds; ratios are theirs to ours".into(),
    );
    out.insert("command".into(), format!("cargo xtask bench promql {}", args.join(" ")).into());
    out.insert("commit".into(), version.trim().into());
    out.insert("servers".into(), json!(["firesteel", "Debian prometheus 2.42"]));
    for column in columns {
        let mut of_column = Map::new();
        for (name, of) in COLUMNS {
            let ratios = column.ratios(of);
            let (worst, query) = least(&ratios);
            of_column.insert(format!("{name}_ratio_geometric_mean"), round(geometric_mean(&ratios)).into());
            of_column.insert(format!("{name}_ratio_worst"), json!([round(worst), query]));
        }
        of_column.insert("peak_bytes_above_idle".into(), json!(column.peaks));
        let mut queries = Map::new();
        for figure in &column.figures {
            let mut row = Map::new();
            row.insert("expr".into(), figure.query.expr.into());
            row.insert("times".into(), figure.query.times.to_string().into());
            row.insert("points".into(), figure.points.into());
            row.insert("body_bytes".into(), figure.body_bytes.into());
            for (name, of) in COLUMNS {
                let values: Vec<f64> = figure.measured.iter().map(|m| round(of(m) * 1e3)).collect();
                row.insert(format!("{name}_ms"), json!(values));
                row.insert(format!("{name}_ratio"), json!(figure.ratio(of).map(round)));
            }
            if let Some(samples) = figure.query.samples() {
                let each: Vec<f64> = figure.measured.iter().map(|m| round(m.cpu_seconds * 1e9 / samples)).collect();
                row.insert("cpu_ns_per_sample".into(), json!(each));
            }
            if LARGE.contains(&figure.query.name) {
                let each: Vec<f64> = figure.cpu_ns_per_point().into_iter().map(round).collect();
                row.insert("cpu_ns_per_point".into(), json!(each));
            }
            queries.insert(figure.query.name.into(), Value::Object(row));
        }
        of_column.insert("queries".into(), Value::Object(queries));
        out.insert(column.cores.name().into(), Value::Object(of_column));
    }
    fs::create_dir_all(shell::root().join("docs/figures"))?;
    fs::write(shell::root().join("docs/figures/promql.json"), format!("{:#}\n", Value::Object(out)))?;
    Ok(())
}
