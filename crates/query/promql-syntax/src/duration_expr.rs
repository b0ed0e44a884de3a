//! Durations in `[…]` and after `offset`: literals, and expressions that are computed when a query is prepared.

use firesteel_go_compat::math;

use crate::{expr::NumberLiteral, span::Span};

/// A length of time: known from the text, or computed for each query.
#[derive(Clone, PartialEq, Debug)]
pub enum TimeSpec {
    /// Nanoseconds, rounded from the literal; queries work on whole milliseconds, cut toward zero.
    Literal {
        ns: i64,
    },
    Expr(Box<DurationExpr>),
}

impl TimeSpec {
    /// No length: the offset of a selector without the modifier.
    pub const ZERO: Self = Self::Literal { ns: 0 };

    /// Returns whether this is a literal of length 0.
    pub const fn is_zero(&self) -> bool {
        matches!(self, Self::Literal { ns: 0 })
    }

    /// Returns the length in milliseconds if it is known from the text.
    pub const fn literal_ms(&self) -> Option<i64> {
        match self {
            Self::Literal { ns } => Some(*ns / 1_000_000),
            Self::Expr(_) => None,
        }
    }

    /// Returns the length in milliseconds under the given query, for a range or a subquery step.
    ///
    /// Errors when a computed value is not above 0, not finite, or out of range.
    pub fn range_ms(&self, context: DurationContext) -> Result<i64, DurationError> {
        match self {
            Self::Literal { ns } => Ok(*ns / 1_000_000),
            Self::Expr(expr) => expr.resolve_ms(context, false),
        }
    }

    /// Returns the length in milliseconds under the given query, for an offset, which may be 0 or negative.
    pub fn offset_ms(&self, context: DurationContext) -> Result<i64, DurationError> {
        match self {
            Self::Literal { ns } => Ok(*ns / 1_000_000),
            Self::Expr(expr) => expr.resolve_ms(context, true),
        }
    }
}

/// What `step()` and `range()` stand for: those of the query that is being prepared.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct DurationContext {
    /// The step of a range query in seconds, 0 for an instant one.
    pub step_seconds: f64,
    /// End minus start of the query, in seconds.
    pub range_seconds: f64,
}

/// An expression over durations; values are seconds.
#[derive(Clone, PartialEq, Debug)]
pub struct DurationExpr {
    pub node: DurationNode,
    /// Whether it was written in parentheses.
    pub wrapped: bool,
    pub span: Span,
}

/// The kinds of duration expressions.
#[derive(Clone, PartialEq, Debug)]
pub enum DurationNode {
    Literal(NumberLiteral),
    /// `step()`.
    Step,
    /// `range()`.
    Range,
    /// `min_of(a, b)`.
    MinOf(Box<[DurationExpr; 2]>),
    /// `max_of(a, b)`.
    MaxOf(Box<[DurationExpr; 2]>),
    /// A minus sign.
    Negate(Box<DurationExpr>),
    /// A plus sign, which is kept only where a plain number stood in parentheses; it is not printed.
    Keep(Box<DurationExpr>),
    Binary {
        op: DurationArithmetic,
        sides: Box<[DurationExpr; 2]>,
    },
}

/// The operators of duration expressions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DurationArithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

impl DurationArithmetic {
    /// Returns the operator as PromQL writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
        }
    }
}

/// Why a computed duration cannot be used; printed with the byte offsets of the expression, as upstream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    #[error("{}:{}: duration is NaN or infinite", .0.start, .0.end)]
    NotFinite(Span),
    #[error("{}:{}: duration must be greater than 0", .0.start, .0.end)]
    NotPositive(Span),
    #[error("{}:{}: duration is out of range", .0.start, .0.end)]
    OutOfRange(Span),
    #[error("{}:{}: division by zero", .0.start, .0.end)]
    DivisionByZero(Span),
    #[error("{}:{}: modulo by zero", .0.start, .0.end)]
    ModuloByZero(Span),
}

/// Seconds that fit into 64 bits of nanoseconds: upstream's bound for every duration.
pub(crate) const MAX_SECONDS: f64 = 9_223_372_036.854_776;

impl DurationExpr {
    fn resolve_ms(&self, context: DurationContext, may_be_negative: bool) -> Result<i64, DurationError> {
        let seconds = self.seconds(context)?;
        if !seconds.is_finite() {
            return Err(DurationError::NotFinite(self.span));
        }
        if seconds <= 0.0 && !may_be_negative {
            return Err(DurationError::NotPositive(self.span));
        }
        if seconds.abs() > MAX_SECONDS {
            return Err(DurationError::OutOfRange(self.span));
        }
        Ok((seconds * 1000.0) as i64)
    }

    /// Returns the value in seconds; upstream: promql/durations.go.
    pub fn seconds(&self, context: DurationContext) -> Result<f64, DurationError> {
        Ok(match &self.node {
            DurationNode::Literal(number) => number.value,
            DurationNode::Step => context.step_seconds,
            DurationNode::Range => context.range_seconds,
            DurationNode::MinOf(sides) => go_min(sides[0].seconds(context)?, sides[1].seconds(context)?),
            DurationNode::MaxOf(sides) => -go_min(-sides[0].seconds(context)?, -sides[1].seconds(context)?),
            DurationNode::Negate(inner) => -inner.seconds(context)?,
            DurationNode::Keep(inner) => inner.seconds(context)?,
            DurationNode::Binary { op, sides } => {
                let (left, right) = (sides[0].seconds(context)?, sides[1].seconds(context)?);
                match op {
                    DurationArithmetic::Add => left + right,
                    DurationArithmetic::Sub => left - right,
                    DurationArithmetic::Mul => left * right,
                    DurationArithmetic::Div if right == 0.0 => return Err(DurationError::DivisionByZero(self.span)),
                    DurationArithmetic::Div => left / right,
                    DurationArithmetic::Mod if right == 0.0 => return Err(DurationError::ModuloByZero(self.span)),
                    DurationArithmetic::Mod => left % right,
                    DurationArithmetic::Pow => math::pow(left, right),
                }
            }
        })
    }
}

/// Go's `math.Min`: minus infinity decides, then NaN, and -0 is below +0.
fn go_min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { a } else { b }
    } else {
        a.min(b)
    }
}
