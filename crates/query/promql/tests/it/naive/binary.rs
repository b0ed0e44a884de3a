//! Operators between two operands.

use std::collections::HashMap;
use std::rc::Rc;

use firesteel_go_compat::math;
use firesteel_model::{CounterReset, Labels, METRIC_NAME};
use firesteel_promql_syntax::{BinaryExpr, BinaryOp, MatchCardinality, VectorMatching};

use super::Error;
use super::data::{Datum, Sample, filtered, with_label, without_metadata};
use super::histogram::Histogram;
use super::notes::{self, Notes};
use super::trim::trimmed;

/// Computes an operator on numbers; comparisons give 1 or 0.
pub(crate) fn scalar(op: BinaryOp, a: f64, b: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => math::pow(a, b),
        BinaryOp::Atan2 => math::atan2(a, b),
        BinaryOp::Eq => truth(a == b),
        BinaryOp::Ne => truth(a != b),
        BinaryOp::Lt => truth(a < b),
        BinaryOp::Le => truth(a <= b),
        BinaryOp::Gt => truth(a > b),
        BinaryOp::Ge => truth(a >= b),
        _ => f64::NAN,
    }
}

/// Returns whether the result is something else than what its metric measured.
fn is_arithmetic(op: BinaryOp) -> bool {
    use BinaryOp as B;
    matches!(op, B::Add | B::Sub | B::Mul | B::Div | B::Mod | B::Pow | B::Atan2)
}

/// What an operator makes of two elements.
struct Outcome {
    datum: Datum,
    /// Whether a comparison holds.
    keep: bool,
}

/// Computes an operator on two elements; `None`: it is not for them.
fn element(op: BinaryOp, a: &Datum, b: &Datum, notes: &Notes) -> Option<Outcome> {
    use BinaryOp as B;
    let changed = |h: Histogram| Some(Outcome { datum: Datum::Histogram(Rc::new(h)), keep: true });
    let refused = || {
        notes.add(notes::TYPES);
        None
    };
    match (a, b) {
        (Datum::Float(_), Datum::Float(_)) if matches!(op, B::TrimLower | B::TrimUpper) => refused(),
        (Datum::Float(a), Datum::Float(b)) => {
            let v = scalar(op, *a, *b);
            let compared = op.is_comparison();
            Some(Outcome { datum: Datum::Float(if compared { *a } else { v }), keep: !compared || v == 1.0 })
        }
        (Datum::Float(v), Datum::Histogram(h)) => match op {
            B::Mul => changed(h.times(*v).compacted()),
            _ => refused(),
        },
        (Datum::Histogram(h), Datum::Float(v)) => match op {
            B::Mul => changed(h.times(*v).compacted()),
            B::Div => changed(h.divided(*v).compacted()),
            B::TrimUpper => changed(trimmed(h, *v, true)),
            B::TrimLower => changed(trimmed(h, *v, false)),
            _ => refused(),
        },
        (Datum::Histogram(a), Datum::Histogram(b)) => match op {
            B::Add | B::Sub => {
                let Ok((mut h, remarks)) = (if op == B::Add { a.plus(b) } else { a.minus(b) }) else {
                    notes.add(notes::BUCKETS_IN_OPERATOR);
                    return None;
                };
                if op == B::Sub {
                    h.hint = CounterReset::Gauge;
                }
                // Upstream takes the warning for an error: there is no result.
                if remarks.collision {
                    notes.add(notes::COLLISION);
                    return None;
                }
                notes.add_if(remarks.reconciled, notes::RECONCILED);
                changed(h.compacted())
            }
            B::Eq | B::Ne => {
                Some(Outcome { datum: Datum::Histogram(Rc::clone(a)), keep: a.equals(b) == (op == B::Eq) })
            }
            _ => refused(),
        },
    }
}

/// Computes an operator between a vector and a number.
pub(crate) fn with_scalar(
    binary: &BinaryExpr,
    vector: Vec<Sample>,
    number: f64,
    number_is_left: bool,
    delayed: bool,
    notes: &Notes,
) -> Vec<Sample> {
    let number = Datum::Float(number);
    let compute = |mut sample: Sample| {
        let (a, b) = if number_is_left { (&number, &sample.datum) } else { (&sample.datum, &number) };
        let Outcome { datum, mut keep } = element(binary.op, a, b, notes)?;
        let mut datum = if binary.op.is_comparison() && number_is_left { sample.datum.clone() } else { datum };
        if binary.return_bool {
            datum = Datum::Float(f64::from(u8::from(keep)));
            keep = true;
        }
        if !keep {
            return None;
        }
        if is_arithmetic(binary.op) || binary.return_bool {
            if !delayed {
                sample.labels = without_metadata(&sample.labels);
            }
            sample.drop_name = true;
        }
        Some(Sample { datum, ..sample })
    };
    vector.into_iter().filter_map(compute).collect()
}

/// The labels by which elements find each other.
fn signature(labels: &Labels, matching: &VectorMatching) -> Labels {
    filtered(labels, |name| {
        let named = matching.labels.iter().any(|label| label == name);
        if matching.on { named } else { !named && name != METRIC_NAME }
    })
}

/// Computes `and`, `or`, `unless`.
pub(crate) fn set(op: BinaryOp, matching: &VectorMatching, lhs: Vec<Sample>, rhs: Vec<Sample>) -> Vec<Sample> {
    let signatures = |vector: &[Sample]| -> Vec<Labels> {
        vector.iter().map(|sample| signature(&sample.labels, matching)).collect()
    };
    let (left, right) = (signatures(&lhs), signatures(&rhs));
    let kept = |vector: Vec<Sample>, own: &[Labels], others: &[Labels], wanted: bool| {
        let pairs = vector.into_iter().zip(own);
        let kept = pairs.filter(|(_, signature)| others.contains(signature) == wanted).map(|(sample, _)| sample);
        kept.collect::<Vec<_>>()
    };
    match op {
        BinaryOp::And => kept(lhs, &left, &right, true),
        BinaryOp::Unless => kept(lhs, &left, &right, false),
        _ => {
            let more = kept(rhs, &right, &left, false);
            lhs.into_iter().chain(more).collect()
        }
    }
}

/// Returns the labels of the result of two elements, `many` being that of the side that may have several.
fn result_labels(many: &Labels, one: &Labels, op: BinaryOp, matching: &VectorMatching, drop_name: bool) -> Labels {
    let mut labels = if drop_name || is_arithmetic(op) { without_metadata(many) } else { many.clone() };
    if matching.cardinality == MatchCardinality::OneToOne {
        labels = filtered(&labels, |name| matching.labels.iter().any(|label| label == name) == matching.on);
    }
    for name in &matching.include {
        labels = with_label(&labels, name, one.value(name));
    }
    labels
}

/// Computes an operator between two vectors.
pub(crate) fn vectors(
    binary: &BinaryExpr,
    matching: &VectorMatching,
    lhs: Vec<Sample>,
    rhs: Vec<Sample>,
    delayed: bool,
    notes: &Notes,
) -> Result<Vec<Sample>, Error> {
    let fill = matching.fill;
    if lhs.is_empty() && rhs.is_empty() || (lhs.is_empty() || rhs.is_empty()) && !fill.is_set() {
        return Ok(Vec::new());
    }
    let swapped = matching.cardinality == MatchCardinality::OneToMany;
    let (many, one) = if swapped { (rhs, lhs) } else { (lhs, rhs) };
    let mut by_signature = HashMap::<Labels, Sample>::new();
    for sample in &one {
        let group = signature(&sample.labels, matching);
        if let Some(twin) = by_signature.insert(group.clone(), sample.clone()) {
            let mut twins = [sample.labels.to_string(), twin.labels.to_string()];
            twins.sort();
            let side = if swapped { "left" } else { "right" };
            return Err(Error(format!(
                "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];\
                 many-to-many matching not allowed: matching labels must be unique on one side",
                twins[0], twins[1]
            )));
        }
    }
    let mut out = Vec::new();
    let mut results = HashMap::<Labels, Vec<Labels>>::new();
    let mut compute = |m: &Sample, o: &Sample, group: &Labels| -> Result<(), Error> {
        let (a, b) = if swapped { (&o.datum, &m.datum) } else { (&m.datum, &o.datum) };
        let Some(Outcome { datum, keep }) = element(binary.op, a, b, notes) else { return Ok(()) };
        let labels = result_labels(&m.labels, &o.labels, binary.op, matching, !delayed && binary.return_bool);
        let known = results.entry(group.clone()).or_default();
        if matching.cardinality == MatchCardinality::OneToOne {
            if !known.is_empty() {
                let text =
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
                return Err(Error(text.to_owned()));
            }
        } else if known.contains(&labels) {
            let text = "multiple matches for labels: grouping labels must ensure unique matches";
            return Err(Error(text.to_owned()));
        }
        known.push(labels.clone());
        let datum = if binary.return_bool { Datum::Float(f64::from(u8::from(keep))) } else { datum };
        if keep || binary.return_bool {
            out.push(Sample { labels, drop_name: binary.return_bool, datum, t: m.t });
        }
        Ok(())
    };
    let stand_in = |sample: &Sample, v: f64| Sample {
        labels: signature(&sample.labels, matching),
        drop_name: false,
        datum: Datum::Float(v),
        t: sample.t,
    };
    for m in &many {
        let group = signature(&m.labels, matching);
        match (by_signature.get(&group), fill.rhs) {
            (Some(o), _) => compute(m, o, &group)?,
            (None, Some(v)) => compute(m, &stand_in(m, v), &group)?,
            (None, None) => {}
        }
    }
    if let Some(v) = fill.lhs {
        let matched: Vec<Labels> = many.iter().map(|m| signature(&m.labels, matching)).collect();
        for o in &one {
            let group = signature(&o.labels, matching);
            // Pairs that the operator is not for do not count as matched.
            if !matched.contains(&group) || !matched_with_result(&group, &many, &by_signature, binary, matching) {
                compute(&stand_in(o, v), o, &group)?;
            }
        }
    }
    Ok(out)
}

/// Returns whether any pair of the group gave something, be it a comparison that does not hold.
fn matched_with_result(
    group: &Labels,
    many: &[Sample],
    one: &HashMap<Labels, Sample>,
    binary: &BinaryExpr,
    matching: &VectorMatching,
) -> bool {
    let swapped = matching.cardinality == MatchCardinality::OneToMany;
    let silent = Notes::default();
    many.iter().filter(|m| signature(&m.labels, matching) == *group).any(|m| {
        one.get(group).is_some_and(|o| {
            let (a, b) = if swapped { (&o.datum, &m.datum) } else { (&m.datum, &o.datum) };
            element(binary.op, a, b, &silent).is_some()
        })
    })
}
