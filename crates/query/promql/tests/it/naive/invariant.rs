//! Which nodes give the same at every step: upstream evaluates those once, at the first step.

use firesteel_promql_syntax::Expr;

/// Functions whose result goes by the step even where their arguments do not.
const OF_THE_STEP: [&str; 9] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
];

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invariance {
    /// The same at every step.
    pub(super) holds: bool,
    /// Evaluated once.
    pub(super) once: bool,
}

const NEVER: Invariance = Invariance { holds: false, once: false };

/// Looks at a node; a parameter of an aggregation is not asked (upstream, 3.14).
pub(super) fn invariance(expr: &Expr) -> Invariance {
    match expr {
        Expr::Number(_) | Expr::String(_) => Invariance { holds: true, once: false },
        Expr::Vector(selector) => Invariance { holds: selector.at.is_some(), once: selector.at.is_some() },
        Expr::Matrix(matrix) => Invariance { holds: matrix.selector.at.is_some(), once: false },
        Expr::Subquery(subquery) => Invariance { holds: subquery.at.is_some(), once: false },
        Expr::Paren(paren) => invariance(&paren.expr),
        Expr::Unary(unary) => invariance(&unary.expr),
        Expr::Aggregate(aggregate) => invariance(aggregate.expr.unwrap_parens()),
        Expr::Binary(binary) => {
            if invariance(&binary.lhs).holds && invariance(&binary.rhs).holds {
                Invariance { holds: true, once: true }
            } else {
                NEVER
            }
        }
        Expr::Call(call) => {
            let name = call.function.name;
            if matches!(name, "start" | "end" | "range" | "step") {
                return Invariance { holds: true, once: false };
            }
            let args: Vec<&Expr> = call.args.iter().map(Expr::unwrap_parens).collect();
            let all = args.iter().all(|arg| invariance(arg).holds);
            let of_the_step = OF_THE_STEP.contains(&name) || name == "time" || name == "timestamp";
            let pinned = name == "timestamp" && args.iter().all(|arg| matches!(arg, Expr::Vector(_)));
            if all && (!of_the_step || pinned) { Invariance { holds: true, once: true } } else { NEVER }
        }
    }
}
