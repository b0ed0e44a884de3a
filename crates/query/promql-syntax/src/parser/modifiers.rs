//! What follows a selector: `[range]`, `[range:step]`, `offset`, `@`, `anchored`, `smoothed`.

use firesteel_base::TimestampMs;

use super::{Parsed, Parser, expression::Operand};
use crate::{
    duration_expr::TimeSpec,
    expr::{Expr, NumberLiteral, SubqueryExpr},
    operators::{BinaryOp, UnaryOp},
    selector::{AtModifier, MatrixSelector, RangeMode},
    span::Span,
    token::{Keyword, Kind, Preprocessor},
};

/// The parts of an expression that `offset` and `@` set.
struct Modified<'a> {
    offset: &'a mut TimeSpec,
    at: &'a mut Option<AtModifier>,
    span: &'a mut Span,
}

fn modified(expr: &mut Expr) -> Option<Modified<'_>> {
    match expr {
        Expr::Vector(node) => Some(Modified { offset: &mut node.offset, at: &mut node.at, span: &mut node.span }),
        Expr::Matrix(node) => {
            Some(Modified { offset: &mut node.selector.offset, at: &mut node.selector.at, span: &mut node.span })
        }
        Expr::Subquery(node) => Some(Modified { offset: &mut node.offset, at: &mut node.at, span: &mut node.span }),
        _ => None,
    }
}

impl Parser<'_> {
    /// Takes a bracket, which must be next, and what is in it.
    pub(super) fn range_or_subquery(&mut self, operand: Operand) -> Parsed<Operand> {
        const DURATION: &str = "number, duration, step(), or range()";
        const DURATION_OR_END: &str = "number, duration, step(), range(), or \"]\"";
        let open = self.take();
        let Ok(range) = self.range_duration() else {
            return Err(self.unexpected("subquery or range selector", DURATION));
        };
        match self.peek_kind() {
            Kind::RightBracket => {
                let close = self.take();
                return Ok(self.range_selector(operand, range, open.span.to(close.span)));
            }
            Kind::Colon => _ = self.take(),
            _ => return Err(self.unexpected("subquery or range", "\":\" or \"]\"")),
        }
        let step = if self.peek_kind() == Kind::RightBracket {
            None
        } else {
            match self.range_duration() {
                Ok(step) => Some(step),
                Err(_) => return Err(self.unexpected("subquery selector", DURATION_OR_END)),
            }
        };
        if self.take_if(Kind::RightBracket).is_none() {
            return Err(self.unexpected("subquery selector", "\"]\""));
        }
        let span = Span::new(operand.expr.span().start, self.taken_end);
        let (expr, depth) = (Box::new(operand.expr), operand.depth);
        let expr = Expr::Subquery(SubqueryExpr { expr, range, step, offset: TimeSpec::ZERO, at: None, span });
        Ok(self.deepen(expr, depth))
    }

    fn range_selector(&mut self, operand: Operand, range: TimeSpec, brackets: Span) -> Operand {
        let fault = match &operand.expr {
            Expr::Vector(selector) if !selector.offset.is_zero() => "no offset modifiers allowed before range",
            Expr::Vector(selector) if selector.at.is_some() => "no @ modifiers allowed before range",
            Expr::Vector(_) => "",
            _ => "ranges only allowed for vector selectors",
        };
        if !fault.is_empty() {
            self.fault(brackets, fault);
        }
        match operand.expr {
            Expr::Vector(selector) => {
                let span = Span::new(selector.span.start, brackets.end);
                let expr = Expr::Matrix(MatrixSelector { selector, range, span });
                self.deepen(expr, operand.depth)
            }
            expr => Operand { expr, depth: operand.depth }, // Noted; the tree is thrown away.
        }
    }

    /// Takes `offset`, which must be next, and its duration.
    pub(super) fn offset(&mut self, mut operand: Operand) -> Parsed<Operand> {
        self.take();
        let Ok(offset) = self.offset_duration() else {
            return Err(self.unexpected("offset", "number, duration, step(), or range()"));
        };
        let end = self.taken_end;
        let span = operand.expr.span();
        match modified(&mut operand.expr) {
            None => self.fault(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ),
            Some(target) => {
                let again = !target.offset.is_zero();
                *target.offset = offset;
                target.span.end = end;
                if again {
                    self.fault(span, "offset may not be set multiple times");
                }
            }
        }
        Ok(operand)
    }

    /// Takes `anchored` or `smoothed`, which must be next.
    pub(super) fn range_mode(&mut self, mut operand: Operand) -> Operand {
        let smoothed = self.take().kind == Kind::Keyword(Keyword::Smoothed);
        let (mode, name) = if smoothed { (RangeMode::Smoothed, "smoothed") } else { (RangeMode::Anchored, "anchored") };
        let span = operand.expr.span();
        if !self.options.extended_range_selectors {
            self.fault(span, format!("{name} modifier is experimental and not enabled"));
            return operand;
        }
        let target = match &mut operand.expr {
            Expr::Vector(node) => &mut node.mode,
            Expr::Matrix(node) => &mut node.selector.mode,
            Expr::Subquery(_) => {
                self.fault(span, format!("{name} modifier is not supported for subqueries"));
                return operand;
            }
            _ => {
                self.fault(span, format!("{name} modifier not implemented"));
                return operand;
            }
        };
        let before = std::mem::replace(target, mode);
        if before != RangeMode::Plain && before != mode {
            self.fault(span, "anchored and smoothed modifiers cannot be used together");
        }
        operand
    }

    /// Takes `@`, which must be next, and its time.
    pub(super) fn at_modifier(&mut self, mut operand: Operand) -> Parsed<Operand> {
        self.take();
        let span = operand.expr.span();
        let Ok(at) = self.at_time(span) else {
            return Err(self.unexpected("@", "timestamp"));
        };
        let end = self.taken_end;
        match modified(&mut operand.expr) {
            None => self.fault(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ),
            Some(Modified { at: Some(_), .. }) => self.fault(span, "@ <timestamp> may not be set multiple times"),
            Some(target) => {
                *target.at = Some(at);
                target.span.end = end;
            }
        }
        Ok(operand)
    }

    /// A syntax error is not noted yet.
    fn at_time(&mut self, expr_span: Span) -> Parsed<AtModifier> {
        let token = self.peek();
        let at = match token.kind {
            Kind::Preprocessor(Preprocessor::Start) => AtModifier::Start,
            Kind::Preprocessor(Preprocessor::End) => AtModifier::End,
            _ => {
                let seconds = self.signed_number()?;
                let limit = i64::MAX as f64;
                // Written so that a NaN is out of bounds too.
                if !(-limit < seconds && seconds < limit) {
                    let shown = fixed_6(seconds);
                    self.fault(expr_span, format!("timestamp out of bounds for @ modifier: {shown}"));
                }
                return Ok(AtModifier::Timestamp(milliseconds(seconds)));
            }
        };
        self.take();
        self.empty_parens()?;
        Ok(at)
    }

    /// Takes `()`. A syntax error is not noted yet.
    pub(super) fn empty_parens(&mut self) -> Parsed<()> {
        self.take_if(Kind::LeftParen).ok_or(super::Halt)?;
        self.take_if(Kind::RightParen).ok_or(super::Halt)?;
        Ok(())
    }

    /// A number or duration with an optional sign. A syntax error is not noted yet.
    pub(super) fn signed_number(&mut self) -> Parsed<f64> {
        let sign = match self.peek_kind() {
            Kind::Op(BinaryOp::Add) => Some(1.0),
            Kind::Op(BinaryOp::Sub) => Some(-1.0),
            _ => None,
        };
        if sign.is_some() {
            self.take();
        }
        match self.peek_kind() {
            Kind::Number | Kind::Duration => {
                let token = self.take();
                Ok(self.number_value(token) * sign.unwrap_or(1.0))
            }
            _ => Err(super::Halt),
        }
    }

    /// A range or a subquery step. A syntax error is not noted yet.
    fn range_duration(&mut self) -> Parsed<TimeSpec> {
        let duration = self.duration()?;
        // What follows is looked at before the value is judged, because the lexer's faults come first.
        self.peek();
        if let Some(NumberLiteral { span, .. }) = duration.literal().filter(|number| number.value <= 0.0) {
            self.fault(span, "duration must be greater than 0");
        }
        Ok(duration.into_time_spec())
    }

    fn offset_duration(&mut self) -> Parsed<TimeSpec> {
        Ok(self.duration_after_offset()?.into_time_spec())
    }
}

/// upstream lets Go convert what does not fit, and Go on amd64 gives the smallest integer for it; kept.
fn milliseconds(seconds: f64) -> TimestampMs {
    let ms = (seconds * 1000.0).round();
    TimestampMs(if ms.abs() < i64::MAX as f64 { ms as i64 } else { i64::MIN })
}

/// Go's `%f`.
fn fixed_6(v: f64) -> String {
    if v.is_nan() {
        "NaN".to_owned()
    } else if v.is_infinite() {
        (if v > 0.0 { "+Inf" } else { "-Inf" }).to_owned()
    } else {
        format!("{v:.6}")
    }
}

/// Which way a sign turns.
pub(super) const fn unary_op(op: BinaryOp) -> Option<UnaryOp> {
    match op {
        BinaryOp::Add => Some(UnaryOp::Plus),
        BinaryOp::Sub => Some(UnaryOp::Minus),
        _ => None,
    }
}
