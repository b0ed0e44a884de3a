//! The ways in which an instant eval is run: as written, and with `@` pinning its time and other evaluation times.

use firesteel_base::TimestampMs;
use firesteel_promql_syntax::{AtModifier, Expr, ParserOptions, parse};

/// An expression at a time.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub(super) expr: Expr,
    pub(super) text: String,
    pub(super) at: TimestampMs,
}

/// Returns the variants of an eval, the one as written first.
///
/// Errors with a message when a variant cannot be parsed again.
pub(super) fn variants(text: &str, at: TimestampMs) -> Result<Vec<Variant>, String> {
    let expr = parse(text, ParserOptions::ALL).map_err(|e| e.to_string())?;
    let mut variants = vec![Variant { expr: expr.clone(), text: text.to_owned(), at }];
    if depends_on_step(&expr) {
        return Ok(variants);
    }
    let mut pinned = expr;
    pin(&mut pinned, at);
    let pinned_text = pinned.to_string();
    let pinned = parse(&pinned_text, ParserOptions::ALL).map_err(|e| format!("{pinned_text}: {e}"))?;
    let t = at.0;
    let times = if t == 0 { vec![-1000, 0, 1000] } else { vec![-10 * t, 0, t / 5, t, 10 * t] };
    variants.extend(times.into_iter().map(|t| Variant {
        expr: pinned.clone(),
        text: pinned_text.clone(),
        at: TimestampMs(t),
    }));
    Ok(variants)
}

/// Functions whose result varies with the evaluation time even if their arguments do not.
fn depends_on_step(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |node| {
        if let Expr::Call(call) = node {
            found |= matches!(
                call.function.name,
                "days_in_month"
                    | "day_of_month"
                    | "day_of_week"
                    | "day_of_year"
                    | "hour"
                    | "minute"
                    | "month"
                    | "year"
                    | "predict_linear"
                    | "time"
                    | "timestamp"
                    | "start"
                    | "end"
                    | "range"
                    | "step"
            );
        }
    });
    found
}

/// Gives every outermost selector or subquery without `@` the time; what is inside a subquery stays as it is.
fn pin(expr: &mut Expr, at: TimestampMs) {
    let pinned = Some(AtModifier::Timestamp(at));
    match expr {
        Expr::Number(_) | Expr::String(_) => {}
        Expr::Vector(selector) => selector.at = selector.at.or(pinned),
        Expr::Matrix(matrix) => matrix.selector.at = matrix.selector.at.or(pinned),
        Expr::Subquery(subquery) => subquery.at = subquery.at.or(pinned),
        Expr::Call(call) => call.args.iter_mut().for_each(|arg| pin(arg, at)),
        Expr::Aggregate(aggregate) => {
            pin(&mut aggregate.expr, at);
            if let Some(param) = &mut aggregate.param {
                pin(param, at);
            }
        }
        Expr::Binary(binary) => {
            pin(&mut binary.lhs, at);
            pin(&mut binary.rhs, at);
        }
        Expr::Unary(unary) => pin(&mut unary.expr, at),
        Expr::Paren(paren) => pin(&mut paren.expr, at),
    }
}

/// Returns whether the expression asks for the query's own times, so that a range query answers differently.
pub(super) fn asks_for_query_times(expr: &Expr, text: &str) -> bool {
    let mut found = false;
    expr.walk(&mut |node| {
        if let Expr::Call(call) = node {
            found |= matches!(call.function.name, "start" | "end" | "range" | "step");
        }
    });
    // `@ start()` and durations too: upstream searches the text.
    let squeezed: String = text.split_whitespace().collect();
    found || ["start()", "end()", "range()", "step()"].iter().any(|call| squeezed.contains(call))
}
