//! `check metrics`: lints a body from standard input, and counts its series per family.

use std::fmt::Write as _;

use firesteel_cli::Matches;
use firesteel_model::ValidationScheme;

use crate::{
    Console,
    app::{FAILURE, LINT, SUCCESS},
    metric_families::{Family, Kind, metric_families},
    metrics_lint::lint,
};

pub(crate) fn run(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let (extended, linting) = (matches.bool("extended"), matches.text("lint") != "none");
    if !extended && !linting {
        console.complain("error: at least one of --extended or linting must be enabled");
        console.complain("Use --extended for cardinality analysis, or remove --lint=none to enable linting");
        return FAILURE;
    }
    let mut body = Vec::new();
    if let Err(error) = console.input.read_to_end(&mut body) {
        console.complain(format_args!("error while linting: {error}"));
        return FAILURE;
    }
    let mut code = SUCCESS;
    if linting {
        // The linter's decoder keeps to the old names, the count does not (3.14).
        match metric_families(&body, ValidationScheme::Legacy) {
            Ok(families) => {
                for (name, text) in lint(&families) {
                    console.complain(format_args!("{name} {text}"));
                    code = LINT;
                }
            }
            Err(error) => {
                console.complain(format_args!("error while linting: {error}"));
                return FAILURE;
            }
        }
    }
    if extended {
        match metric_families(&body, ValidationScheme::Utf8) {
            Ok(families) => console.say(table(&families).trim_end_matches('\n')),
            Err(error) => {
                console.complain(format_args!("error while parsing text to metric families: {error}"));
                return FAILURE;
            }
        }
    }
    code
}

/// How many series a family is. As upstream counts: all metrics have as many buckets as the first.
fn cardinality(family: &Family) -> usize {
    let n_parts = family.metrics.first().map_or(0, |metric| metric.parts.len());
    match family.kind() {
        Kind::Histogram | Kind::Summary => family.metrics.len() * (2 + n_parts),
        _ => family.metrics.len(),
    }
}

/// The largest first; equals, which upstream leaves to chance, by name.
fn table(families: &[Family]) -> String {
    let mut stats: Vec<(usize, &str)> = families.iter().map(|family| (cardinality(family), &*family.name)).collect();
    stats.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let total: usize = stats.iter().map(|(n, _)| n).sum();
    let mut rows = vec![["Metric".to_owned(), "Cardinality".to_owned(), "Percentage".to_owned()]];
    rows.extend(
        stats
            .iter()
            .map(|&(n, name)| [name.to_owned(), n.to_string(), format!("{:.2}%", n as f64 / total as f64 * 100.0)]),
    );
    rows.push(["Total".to_owned(), total.to_string(), "100%".to_owned()]);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 4;
    let widths = [width(0), width(1), width(2)];
    let mut out = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            let _infallible = write!(out, "{cell:<width$}");
        }
        out.push('\n');
    }
    out
}
