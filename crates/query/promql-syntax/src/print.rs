//! Tree to text: one line, as upstream's `String()` writes it.

use std::fmt::{self, Write as _};

use firesteel_go_compat::{FloatForm, format_duration_ms, format_float, format_float_as, quote};
use firesteel_model::Matcher;

use crate::{
    duration_expr::{DurationExpr, DurationNode, TimeSpec},
    expr::{AggregateExpr, BinaryExpr, Expr, NumberLiteral, SubqueryExpr},
    operators::MatchCardinality,
    selector::{AtModifier, MatrixSelector, RangeMode, VectorSelector},
};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(node) => node.fmt(f),
            Self::String(node) => quote(&node.value).fmt(f),
            Self::Vector(node) => node.fmt(f),
            Self::Matrix(node) => node.fmt(f),
            Self::Subquery(node) => write!(f, "{}{}", node.expr, node.suffix()),
            Self::Call(node) => {
                write!(f, "{}(", node.function.name)?;
                for (at, arg) in node.args.iter().enumerate() {
                    write!(f, "{}{arg}", if at > 0 { ", " } else { "" })?;
                }
                f.write_char(')')
            }
            Self::Aggregate(node) => {
                write!(f, "{}(", node.head())?;
                if let Some(param) = &node.param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{})", node.expr)
            }
            Self::Binary(node) => write!(f, "{} {} {}", node.lhs, node.operator(), node.rhs),
            Self::Unary(node) => write!(f, "{}{}", node.op.as_str(), node.expr),
            Self::Paren(node) => write!(f, "({})", node.expr),
        }
    }
}

impl fmt::Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_duration {
            return format_float(self.value).fmt(f);
        }
        let sign = if self.value < 0.0 { "-" } else { "" };
        // The way of upstream, over nanoseconds: the float is cut twice.
        write!(f, "{sign}{}", format_duration_ms((self.value.abs() * 1e9) as i64 / 1_000_000))
    }
}

impl AggregateExpr {
    /// Returns the operator and its clause: `sum`, `sum by (job) `.
    pub(crate) fn head(&self) -> String {
        if self.without {
            format!("{} without ({}) ", self.op, Labels(&self.grouping))
        } else if self.grouping.is_empty() {
            self.op.to_string()
        } else {
            format!("{} by ({}) ", self.op, Labels(&self.grouping))
        }
    }
}

impl BinaryExpr {
    /// Returns the operator with its modifiers: `== bool on (job)`.
    pub(crate) fn operator(&self) -> String {
        let mut out = self.op.to_string();
        if self.return_bool {
            out.push_str(" bool");
        }
        let Some(matching) = &self.matching else { return out };
        let group = match matching.cardinality {
            MatchCardinality::ManyToOne => Some("group_left"),
            MatchCardinality::OneToMany => Some("group_right"),
            MatchCardinality::OneToOne | MatchCardinality::ManyToMany => None,
        };
        if !matching.labels.is_empty() || matching.on || group.is_some() {
            let how = if matching.on { "on" } else { "ignoring" };
            out.push_str(&format!(" {how} ({})", Labels(&matching.labels)));
        }
        if let Some(group) = group {
            out.push_str(&format!(" {group} ({})", Labels(&matching.include)));
        }
        // Go's `%v`.
        let number = |v| format_float_as(v, FloatForm::General);
        match (matching.fill.lhs, matching.fill.rhs) {
            (Some(lhs), Some(rhs)) if lhs == rhs => out.push_str(&format!(" fill ({})", number(lhs))),
            (lhs, rhs) => {
                if let Some(lhs) = lhs {
                    out.push_str(&format!(" fill_left ({})", number(lhs)));
                }
                if let Some(rhs) = rhs {
                    out.push_str(&format!(" fill_right ({})", number(rhs)));
                }
            }
        }
        out
    }
}

/// Labels of a clause, joined, in quotes where they need them.
struct Labels<'a>(&'a [String]);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, label) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if is_plain_label(label) {
                f.write_str(label)?;
            } else {
                quote(label).fmt(f)?;
            }
        }
        Ok(())
    }
}

/// Returns whether a name can be written without quotes.
fn is_plain_label(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

impl VectorSelector {
    /// Writes the name and the braces.
    fn write_matchers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_own_name = |matcher: &Matcher| {
            matcher.match_type() == firesteel_model::MatchType::Equal
                && matcher.name() == "__name__"
                && matcher.value() == self.name
                && !self.name.is_empty()
        };
        f.write_str(&self.name)?;
        let mut matchers: Vec<String> =
            self.matchers.iter().filter(|matcher| !is_own_name(matcher)).map(matcher_text).collect();
        if matchers.is_empty() {
            return Ok(());
        }
        matchers.sort_unstable();
        write!(f, "{{{}}}", matchers.join(","))
    }

    fn write_mode(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.mode {
            RangeMode::Plain => "",
            RangeMode::Anchored => " anchored",
            RangeMode::Smoothed => " smoothed",
        })
    }
}

fn matcher_text(matcher: &Matcher) -> String {
    let operator = matcher.match_type().as_str();
    let value = quote(matcher.value());
    if is_plain_label(matcher.name()) {
        format!("{}{operator}{value}", matcher.name())
    } else {
        format!("{}{operator}{value}", quote(matcher.name()))
    }
}

impl fmt::Display for VectorSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_matchers(f)?;
        At(self.at).fmt(f)?;
        self.write_mode(f)?;
        Offset(&self.offset).fmt(f)
    }
}

impl fmt::Display for MatrixSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.selector.write_matchers(f)?;
        write!(f, "[{}]", self.range)?;
        self.selector.write_mode(f)?;
        write!(f, "{}{}", At(self.selector.at), Offset(&self.selector.offset))
    }
}

impl SubqueryExpr {
    /// Returns what stands behind the inner expression: `[5m:1m] @ 1.000 offset 1h`.
    pub(crate) fn suffix(&self) -> String {
        let step = match &self.step {
            Some(step) if !step.is_zero() => step.to_string(),
            _ => String::new(),
        };
        format!("[{}:{step}]{}{}", self.range, At(self.at), Offset(&self.offset))
    }
}

struct At(Option<AtModifier>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(AtModifier::Start) => f.write_str(" @ start()"),
            Some(AtModifier::End) => f.write_str(" @ end()"),
            Some(AtModifier::Timestamp(at)) => write!(f, " @ {:.3}", at.as_secs_f64()),
        }
    }
}

struct Offset<'a>(&'a TimeSpec);

impl fmt::Display for Offset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TimeSpec::Literal { ns: 0 } => Ok(()),
            // An offset below a millisecond prints as 0s, but keeps its sign.
            TimeSpec::Literal { ns } if *ns < 0 => {
                write!(f, " offset -{}", format_duration_ms(ns.saturating_neg() / 1_000_000))
            }
            other => write!(f, " offset {other}"),
        }
    }
}

impl fmt::Display for TimeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal { ns } => f.write_str(&format_duration_ms(*ns / 1_000_000)),
            Self::Expr(expr) => expr.fmt(f),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wrapped {
            f.write_char('(')?;
        }
        match &self.node {
            DurationNode::Literal(number) => number.fmt(f)?,
            DurationNode::Step => f.write_str("step()")?,
            DurationNode::Range => f.write_str("range()")?,
            DurationNode::MinOf(sides) => write!(f, "min_of({}, {})", sides[0], sides[1])?,
            DurationNode::MaxOf(sides) => write!(f, "max_of({}, {})", sides[0], sides[1])?,
            DurationNode::Negate(inner) => write!(f, "-{inner}")?,
            DurationNode::Keep(inner) => inner.fmt(f)?,
            DurationNode::Binary { op, sides } => write!(f, "{} {} {}", sides[0], op.as_str(), sides[1])?,
        }
        if self.wrapped {
            f.write_char(')')?;
        }
        Ok(())
    }
}
