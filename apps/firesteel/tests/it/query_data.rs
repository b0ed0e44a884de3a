//! Series made to measure: for a list of expressions, data that their selectors find.

use std::collections::BTreeSet;

use firesteel_model::{Labels, LabelsBuilder, MatchType, Matcher};
use firesteel_promql_syntax::{Expr, ParserOptions, parse};

/// Seconds between the samples of a series.
pub(crate) const STEP_SECONDS: i64 = 30;
/// Samples of a series.
pub(crate) const STEPS: i64 = 80;
/// Bounds as 3.x writes them, so that both servers store the same label.
const BOUNDS: [&str; 5] = ["0.1", "0.5", "1.0", "10.0", "+Inf"];

/// Takes `wanted` expressions, evenly spread over the list, that parse and select something by name.
pub(crate) fn choose<'a>(lines: &[&'a str], wanted: usize) -> Vec<(&'a str, Expr)> {
    let usable: Vec<(&str, Expr)> = lines
        .iter()
        .filter_map(|line| Some((*line, parse(line, ParserOptions::default()).ok()?)))
        .filter(|(line, expr)| !expr.selectors().is_empty() && !line.contains("time()") && !has_subquery(expr))
        .collect();
    let stride = (usable.len() / wanted).max(1);
    usable.into_iter().step_by(stride).take(wanted).collect()
}

/// The points of a subquery lie on multiples of its step, so with a range of such a multiple one is always on the left
/// edge, which 2.x counts in and 3.x does not.
fn has_subquery(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |node| found |= matches!(node, Expr::Subquery(_)));
    found
}

/// Returns the series that the expressions' selectors find: two instances each, five buckets for histograms.
pub(crate) fn series_for(chosen: &[(&str, Expr)]) -> Vec<Labels> {
    let mut found = BTreeSet::new();
    for (_, expr) in chosen {
        let grouping = grouping_labels(expr);
        for matchers in expr.selectors() {
            let Some(base) = base_labels(matchers, &grouping) else { continue };
            for instance in ["10.0.0.1:9100", "10.0.0.2:9100"] {
                let mut labels = base.clone();
                if labels.get("instance").is_empty() {
                    labels.set("instance", instance);
                }
                let bounds: &[&str] = if labels.get("__name__").ends_with("_bucket") { &BOUNDS } else { &[""] };
                for bound in bounds {
                    labels.set("le", bound);
                    let labels = labels.build();
                    if matchers.iter().all(|m| m.matches(labels.value(m.name()))) {
                        found.insert(labels);
                    }
                }
            }
        }
    }
    found.into_iter().collect()
}

fn grouping_labels(expr: &Expr) -> Vec<&str> {
    let mut names = Vec::new();
    expr.walk(&mut |node| match node {
        Expr::Aggregate(a) if !a.without => names.extend(a.grouping.iter().map(String::as_str)),
        Expr::Binary(b) => {
            if let Some(matching) = &b.matching
                && matching.on
            {
                names.extend(matching.labels.iter().map(String::as_str));
            }
        }
        _ => {}
    });
    names
}

fn base_labels(matchers: &[Matcher], grouping: &[&str]) -> Option<LabelsBuilder> {
    let mut labels = LabelsBuilder::new();
    for name in grouping.iter().filter(|n| !n.starts_with("__") && !matches!(**n, "le" | "instance")) {
        labels.set(name, "one");
    }
    for matcher in matchers {
        let value = sample_value(matcher);
        // Several matchers may speak of one label; a value that suits this one must not break an earlier one.
        if matchers.iter().filter(|m| m.name() == matcher.name()).all(|m| m.matches(&value)) {
            labels.set(matcher.name(), &value);
        }
    }
    (!labels.get("__name__").is_empty()).then_some(labels)
}

/// Returns some value that satisfies the matcher, or the empty one.
fn sample_value(matcher: &Matcher) -> String {
    let written = matcher.value();
    let plain = written.trim_start_matches('^').trim_end_matches('$').replace(['(', ')', '?'], "");
    let first = plain.split('|').next().unwrap_or_default().to_owned();
    let candidates = match matcher.match_type() {
        MatchType::Equal => vec![written.to_owned()],
        MatchType::NotEqual | MatchType::NotRegexp => vec!["other".to_owned()],
        MatchType::Regexp => vec![
            written.to_owned(),
            first.clone(),
            first.replace(".*", "").replace(".+", "x").replace("\\.", "."),
            first.replace("..", "00"),
            first.replace("[a-z]+", "a").replace("[0-9]+", "0").replace("\\d+", "0"),
            "one".to_owned(),
        ],
    };
    candidates.into_iter().find(|c| matcher.matches(c)).unwrap_or_default()
}

/// Writes all samples of the series with explicit timestamps, time by time, in the text format.
///
/// Timestamps end in .3 s, so that none lies on the edge of a range: 2.x counts the left edge in, 3.x does not.
pub(crate) fn page(series: &[Labels], last_second: i64) -> String {
    let mut out = String::new();
    let lines: Vec<String> = series.iter().map(exposition_name).collect();
    for step in 0..STEPS {
        let at_ms = (last_second - (STEPS - 1 - step) * STEP_SECONDS) * 1000 + 300;
        for (i, (labels, line)) in series.iter().zip(&lines).enumerate() {
            out.push_str(&format!("{line} {} {at_ms}\n", sample(labels, i as i64, step)));
        }
    }
    out
}

fn exposition_name(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().filter(|(n, _)| *n != "__name__").map(|(n, v)| format!("{n}={v:?}")).collect();
    format!("{}{{{}}}", labels.metric_name(), pairs.join(","))
}

/// Counters that now and then start again, buckets that grow with their bound, gauges that wander.
fn sample(labels: &Labels, i: i64, step: i64) -> f64 {
    let name = labels.metric_name();
    if let Some(rank) = BOUNDS.iter().position(|b| *b == labels.value("le")) {
        return (step * (i % 7 + 1) * (rank as i64 + 1)) as f64;
    }
    if ["_total", "_count", "_sum", "_seconds"].iter().any(|end| name.ends_with(end)) {
        let since_start = if i % 5 == 0 { step % 33 } else { step };
        return (since_start * (i % 11 + 1)) as f64 * 1.25;
    }
    let mixed = (i * 7_919 + step * 104_729) % 1_000;
    mixed as f64 / 8.0
}
