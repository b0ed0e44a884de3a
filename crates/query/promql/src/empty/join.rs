//! Joins that find no pair, or whose pairs are all filtered out.

use std::collections::{BTreeMap, BTreeSet};

use firesteel_model::{Labels, METRIC_NAME};
use firesteel_promql_syntax::{BinaryExpr, BinaryOp, Expr, MatchCardinality, ParserOptions, VectorMatching, parse};

use super::{Search, examples, stands_at};
use crate::QueryError;
use crate::Value;
use crate::binary::match_labels;
use crate::explain::{EmptyReason, Example};
use crate::rewrite::rewritten;

/// How many series of each side are looked at.
const LOOKED_AT: usize = 10_000;
/// How many labels are named.
const NAMED: usize = 4;

impl Search<'_> {
    /// Adds the reason of an operation of two vectors that both have series.
    pub(super) fn join(&self, binary: &BinaryExpr, left: &Value, right: &Value, out: &mut Vec<EmptyReason>) {
        let matching = binary.matching.clone().unwrap_or_default();
        let (lefts, rights) = (labels(left), labels(right));
        let signatures = |side: &[&Labels]| -> BTreeSet<Vec<u8>> {
            side.iter().map(|labels| match_labels(&matching, labels).as_packed().to_vec()).collect()
        };
        let (of_left, of_right) = (signatures(&lefts), signatures(&rights));
        let span = binary.span();
        let mut shown = examples(left, "left", 1);
        shown.extend(examples(right, "right", 1));
        if binary.op == BinaryOp::Unless {
            let message =
                "every series on the left has a partner on the right, so that `unless` leaves none".to_owned();
            out.push(EmptyReason { code: "FS1042", message, span, examples: shown, ..EmptyReason::default() });
            return;
        }
        if let Some(both) = of_left.intersection(&of_right).next() {
            let pair = |value: &Value, side: &'static str| -> Option<Example> {
                let all = examples(value, side, LOOKED_AT);
                all.into_iter().find(|one| match_labels(&matching, &one.labels).as_packed() == both.as_slice())
            };
            let n = of_left.intersection(&of_right).count();
            let pairs = if n == 1 { "one pair".to_owned() } else { format!("{n} pairs") };
            let message = if binary.op.is_comparison() {
                format!("{pairs} of series match, and `{}` holds for none", binary.op)
            } else {
                format!("{pairs} of series match, but never at the same time")
            };
            let examples = pair(left, "left").into_iter().chain(pair(right, "right")).collect();
            out.push(EmptyReason { code: "FS1039", message, span, examples, ..EmptyReason::default() });
            return;
        }
        let (message, fix) = self.no_pair(binary, &matching, &lefts, &rights);
        out.push(EmptyReason { code: "FS1038", message, span, fix, examples: shown, ..EmptyReason::default() });
    }

    /// Says which labels keep the sides apart, and what would bring them together.
    fn no_pair(
        &self,
        binary: &BinaryExpr,
        matching: &VectorMatching,
        lefts: &[&Labels],
        rights: &[&Labels],
    ) -> (String, Option<String>) {
        let (left, right) = (values_by_name(lefts), values_by_name(rights));
        let counts = |name: &str| {
            let named = matching.labels.iter().any(|label| label == name);
            if matching.on { named } else { name != METRIC_NAME && !named }
        };
        let names: BTreeSet<&str> = left.keys().chain(right.keys()).copied().filter(|name| counts(name)).collect();
        let mut faults = Vec::new();
        let missing = matching.labels.iter().filter(|name| matching.on && !names.contains(name.as_str()));
        faults.extend(missing.map(|name| format!("`{name}` is on neither side")));
        for name in names {
            match (left.get(name), right.get(name)) {
                (Some(_), None) => faults.push(format!("`{name}` is only on the left")),
                (None, Some(_)) => faults.push(format!("`{name}` is only on the right")),
                (Some(a), Some(b)) if a.is_disjoint(b) => {
                    let first = |values: &BTreeSet<&str>| values.first().copied().unwrap_or("").to_owned();
                    faults.push(format!(
                        "`{name}` has no value in common (\"{}\" on the left, \"{}\" on the right)",
                        first(a),
                        first(b)
                    ));
                }
                _ => {}
            }
        }
        let more = faults.len().saturating_sub(NAMED);
        faults.truncate(NAMED);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        let mut message = "no series on the left has the same labels as one on the right".to_owned();
        if matching.on {
            message.push_str(&format!(", on ({})", matching.labels.join(", ")));
        }
        if faults.is_empty() {
            message.push_str(": the labels have values in common, but no pair of series has all of them");
        } else {
            message.push_str(&format!(": {}", faults.join(", ")));
        }
        let common: Vec<String> = left
            .iter()
            .filter(|(name, values)| **name != METRIC_NAME && right.get(*name).is_some_and(|b| !values.is_disjoint(b)))
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let fix = self.joined_on(binary, common, lefts, rights);
        (message, fix)
    }

    /// Returns the query with the join on the labels that have values in common, if that finds a pair.
    fn joined_on(
        &self,
        binary: &BinaryExpr,
        common: Vec<String>,
        lefts: &[&Labels],
        rights: &[&Labels],
    ) -> Option<String> {
        if common.is_empty() {
            return None;
        }
        let mut matching = binary.matching.clone()?;
        matching.on = true;
        matching.labels = common;
        let count = |side: &[&Labels]| {
            let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
            for labels in side {
                *counts.entry(match_labels(&matching, labels).as_packed().to_vec()).or_default() += 1;
            }
            counts
        };
        let (left, right) = (count(lefts), count(rights));
        let pairs: Vec<(usize, usize)> =
            left.iter().filter_map(|(signature, n)| Some((*n, *right.get(signature)?))).collect();
        if pairs.is_empty() {
            return None;
        }
        if matching.cardinality != MatchCardinality::ManyToMany {
            matching.cardinality = match (pairs.iter().any(|p| p.0 > 1), pairs.iter().any(|p| p.1 > 1)) {
                (false, false) => matching.cardinality,
                (true, false) => MatchCardinality::ManyToOne,
                (false, true) => MatchCardinality::OneToMany,
                (true, true) => return None,
            };
        }
        rewritten(self.whole.expr, stands_at(binary.span()), |node| {
            if let Expr::Binary(binary) = node {
                binary.matching = Some(matching);
            }
        })
    }

    /// Adds that `a-b` was read as a difference although there is a metric `a_b`.
    pub(super) fn read_as_minus(&self, binary: &BinaryExpr, out: &mut Vec<EmptyReason>) -> Result<(), QueryError> {
        let (Expr::Vector(a), Expr::Vector(b)) = (&*binary.lhs, &*binary.rhs) else { return Ok(()) };
        if a.name.is_empty() || b.name.is_empty() || a.span.end + 1 != b.span.start {
            return Ok(());
        }
        let meant = format!("{}_{}", a.name, b.name);
        let near = self.metrics_like(&meant)?;
        let Some(name) = near.first() else { return Ok(()) };
        let message = format!("this was read as {} minus {}; there is a metric `{name}`", a.name, b.name);
        let span = binary.span();
        let bare = a.matchers.len() == 1 && b.matchers.len() == 1;
        let meant = parse(name, ParserOptions::ALL).ok().filter(|_| bare);
        let fix = meant.and_then(|meant| rewritten(self.whole.expr, stands_at(span), |node| *node = meant));
        out.insert(0, EmptyReason { code: "FS1030", message, span, fix, near, ..EmptyReason::default() });
        Ok(())
    }
}

fn labels(value: &Value) -> Vec<&Labels> {
    match value {
        Value::Vector(samples) => samples.iter().take(LOOKED_AT).map(|sample| &sample.labels).collect(),
        Value::Matrix(series) => series.iter().take(LOOKED_AT).map(|series| &series.labels).collect(),
        _ => Vec::new(),
    }
}

fn values_by_name<'a>(side: &[&'a Labels]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for labels in side {
        for (name, value) in *labels {
            values.entry(name).or_default().insert(value);
        }
    }
    values
}
