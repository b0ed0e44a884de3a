//! What upstream's linter (client_golang 1.24, `promlint`) remarks about a metric family.

use std::collections::HashSet;

use crate::metric_families::{Family, Kind};

/// Units and the base unit of their kind.
const UNITS: &[(&str, &str)] = &[
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

const PREFIXES: &[&str] = &[
    "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mibi", "giga", "gibi",
    "tera", "tebi", "peta", "pebi",
];

const ABBREVIATIONS: &[&str] = &["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"];

/// Returns names and remarks, sorted.
pub(crate) fn lint(families: &[Family]) -> Vec<(&str, String)> {
    let mut problems: Vec<(&str, String)> = families
        .iter()
        .flat_map(|family| remarks(family).into_iter().map(|text| (family.name.as_str(), text)))
        .collect();
    problems.sort();
    problems
}

fn remarks(family: &Family) -> Vec<String> {
    let mut out = Vec::new();
    let mut say = |text: &str| out.push(text.to_owned());
    let (name, kind) = (family.name.as_str(), family.kind());
    let lower = name.to_lowercase();
    let has_word = |word: &str| lower.contains(&format!("_{word}_")) || lower.ends_with(&format!("_{word}"));

    if family.help.is_none() {
        say("no help text");
    }
    if let Some((unit, base)) = unit(name).filter(|(unit, base)| unit != base) {
        say(&format!("use base unit \"{base}\" instead of \"{unit}\""));
    }
    match (kind, name.ends_with("_total")) {
        (Kind::Counter, false) => say("counter metrics should have \"_total\" suffix"),
        (Kind::Counter | Kind::Untyped, _) | (_, false) => {}
        (_, true) => say("non-counter metrics should not have \"_total\" suffix"),
    }
    let labels = || family.metrics.iter().flat_map(|metric| metric.labels.iter().map(|(label, _)| label.as_str()));
    let (is_histogram, is_summary) = (kind == Kind::Histogram, kind == Kind::Summary);
    if kind != Kind::Untyped {
        if !is_histogram && name.ends_with("_bucket") {
            say("non-histogram metrics should not have \"_bucket\" suffix");
        }
        for suffix in ["_count", "_sum"] {
            if !is_histogram && !is_summary && name.ends_with(suffix) {
                say(&format!("non-histogram and non-summary metrics should not have \"{suffix}\" suffix"));
            }
        }
        for label in labels() {
            match label {
                "le" if !is_histogram => say("non-histogram metrics should not have \"le\" label"),
                "quantile" if !is_summary => say("non-summary metrics should not have \"quantile\" label"),
                _ => {}
            }
        }
    }
    if let Some(word) = type_word(kind).filter(|word| has_word(word)) {
        say(&format!("metric name should not include type '{word}'"));
    }
    if name.contains(':') {
        say("metric names should not contain ':'");
    }
    if is_camel(name) {
        say("metric names should be written in 'snake_case' not 'camelCase'");
    }
    for _ in labels().filter(|label| is_camel(label)) {
        say("label names should be written in 'snake_case' not 'camelCase'");
    }
    for _ in ABBREVIATIONS.iter().filter(|unit| has_word(unit)) {
        say("metric names should not contain abbreviated units");
    }
    let mut seen = HashSet::new();
    for _ in family.metrics.iter().filter(|metric| !seen.insert(&metric.labels)) {
        say("metric not unique");
    }
    out
}

fn type_word(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Summary => "summary",
        Kind::Histogram => "histogram",
        Kind::GaugeHistogram => "gauge_histogram",
        Kind::Untyped => return None,
    })
}

/// Returns the first unit in a name and its base unit.
fn unit(name: &str) -> Option<(&str, &'static str)> {
    let base = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word).map(|(_, base)| *base);
    name.split('_').find_map(|word| {
        let prefixed = || PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix).and_then(base));
        base(word).or_else(prefixed).map(|base| (word, base))
    })
}

fn is_camel(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
}
