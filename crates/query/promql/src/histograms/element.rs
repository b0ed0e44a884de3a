//! Binary operators on two points of which at least one is a histogram (`promql/engine.go`, vectorElemBinop).

use std::sync::Arc;

use firesteel_model::{CounterReset, FloatHistogram};
use firesteel_promql_syntax::BinaryOp;

use crate::annotations::Note;
use crate::binary::scalar;
use crate::tile::SharedHistogram;

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Float(f64),
    Histogram(&'a SharedHistogram),
}

impl Cell<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Float(f64),
    Histogram(SharedHistogram),
}

/// The operator is not for these operands: the element is left out as if they had not met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;

/// Computes `a op b`; `None` is a comparison that does not hold. `note` is told what is to be said.
pub(crate) fn element(
    op: BinaryOp,
    a: Cell<'_>,
    b: Cell<'_>,
    return_bool: bool,
    note: impl Fn(Note),
) -> Result<Option<Answer>, Refused> {
    use BinaryOp as B;
    let changed = |h: &SharedHistogram, change: &dyn Fn(&mut FloatHistogram)| {
        let mut h = FloatHistogram::clone(h);
        change(&mut h);
        h.compact(0);
        Some(h)
    };
    let answer = match (op, a, b) {
        (B::Eq | B::Ne, Cell::Histogram(a), Cell::Histogram(b)) => {
            let holds = (a == b) == (op == B::Eq);
            if return_bool {
                return Ok(Some(Answer::Float(f64::from(u8::from(holds)))));
            }
            return Ok(holds.then(|| Answer::Histogram(Arc::clone(a))));
        }
        (_, Cell::Float(a), Cell::Float(b)) => return floats(op, a, b, return_bool, note),
        (B::Mul, Cell::Float(factor), Cell::Histogram(h)) | (B::Mul, Cell::Histogram(h), Cell::Float(factor)) => {
            changed(h, &|h| h.mul(factor))
        }
        (B::Div, Cell::Histogram(h), Cell::Float(divisor)) => changed(h, &|h| h.div(divisor)),
        (B::TrimUpper | B::TrimLower, Cell::Histogram(h), Cell::Float(at)) => {
            let mut h = FloatHistogram::clone(h);
            h.trim_buckets(at, op == B::TrimUpper);
            Some(h)
        }
        (B::Add | B::Sub, Cell::Histogram(a), Cell::Histogram(b)) => combine(op, a, b, &note),
        _ => {
            note(Note::IncompatibleTypes { left: a.kind(), op: op.as_str(), right: b.kind() });
            None
        }
    };
    let h = answer.ok_or(Refused)?;
    Ok(Some(if return_bool { Answer::Float(1.0) } else { Answer::Histogram(Arc::new(h)) }))
}

fn combine(op: BinaryOp, a: &FloatHistogram, b: &FloatHistogram, note: &impl Fn(Note)) -> Option<FloatHistogram> {
    let mut sum = a.clone();
    let (done, during) = if op == BinaryOp::Sub { (sum.sub(b), "subtraction") } else { (sum.add(b), "addition") };
    let Ok(done) = done else {
        note(Note::IncompatibleBuckets { op: op.as_str() });
        return None;
    };
    if done.reset_collision {
        // upstream leaves such an element out (promql/engine.go, VectorBinop, 3.14).
        note(Note::ResetCollision { during });
        return None;
    }
    if done.bounds_reconciled {
        note(Note::MismatchedBounds { during });
    }
    if op == BinaryOp::Sub {
        sum.counter_reset = CounterReset::Gauge;
    }
    sum.compact(0);
    Some(sum)
}

/// Two floats beside histograms at other steps of the row.
fn floats(op: BinaryOp, a: f64, b: f64, return_bool: bool, note: impl Fn(Note)) -> Result<Option<Answer>, Refused> {
    if matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) {
        note(Note::IncompatibleTypes { left: "float", op: op.as_str(), right: "float" });
        return Err(Refused);
    }
    if !op.is_comparison() {
        return Ok(Some(Answer::Float(scalar::arithmetic(op, a, b))));
    }
    let holds = scalar::compare(op, a, b);
    if return_bool {
        return Ok(Some(Answer::Float(f64::from(u8::from(holds)))));
    }
    Ok(holds.then_some(Answer::Float(a)))
}
