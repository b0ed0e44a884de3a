//! Duration expressions. A syntax error here is noted by the construct around them.

use super::{Halt, Parsed, Parser, expression::signed, modifiers::unary_op};
use crate::{
    duration_expr::{DurationArithmetic, DurationExpr, DurationNode, MAX_SECONDS, TimeSpec},
    expr::NumberLiteral,
    operators::{BinaryOp, UnaryOp},
    span::Span,
    token::{Kind, Preprocessor, Token},
};

/// How deep signs, parentheses and operators may nest: far more than anyone writes.
const MAX_DURATION_DEPTH: usize = 200;

/// A duration as read: a literal stays one until it is known to be part of an expression.
#[derive(Debug)]
pub(super) enum Duration {
    Literal(NumberLiteral),
    Expr(DurationExpr),
}

impl Duration {
    pub(super) fn literal(&self) -> Option<NumberLiteral> {
        match self {
            Self::Literal(number) => Some(*number),
            Self::Expr(_) => None,
        }
    }

    pub(super) fn into_time_spec(self) -> TimeSpec {
        match self {
            Self::Literal(number) => TimeSpec::Literal { ns: (number.value * 1e9).round() as i64 },
            Self::Expr(expr) => TimeSpec::Expr(Box::new(expr)),
        }
    }

    fn into_expr(self) -> DurationExpr {
        match self {
            Self::Literal(number) => {
                DurationExpr { span: number.span, node: DurationNode::Literal(number), wrapped: false }
            }
            Self::Expr(expr) => expr,
        }
    }

    fn span(&self) -> Span {
        match self {
            Self::Literal(number) => number.span,
            Self::Expr(expr) => expr.span,
        }
    }

    /// Marks the expression as parenthesised; a literal becomes an expression by that, computed with each query.
    fn wrap(self, start: usize) -> Self {
        Self::Expr(match self {
            Self::Expr(expr) => DurationExpr { wrapped: true, ..expr },
            Self::Literal(number) => {
                // upstream's span of it ends with the number, not with the parenthesis (promql/parser/ast.go); kept.
                let span = Span::new(start, number.span.end);
                let node = DurationNode::Keep(Box::new(Self::Literal(number).into_expr()));
                DurationExpr { node, wrapped: true, span }
            }
        })
    }
}

impl Parser<'_> {
    pub(super) fn duration(&mut self) -> Parsed<Duration> {
        self.duration_operators(1, 0)
    }

    /// The duration behind `offset`: operators behind it belong to the query, unless it begins with a parenthesis or
    /// with two signs. upstream's grammar has it so (promql/parser/generated_parser.y, offset_duration_expr); kept.
    pub(super) fn duration_after_offset(&mut self) -> Parsed<Duration> {
        let token = self.peek();
        if token.kind == Kind::LeftParen {
            return self.duration();
        }
        let Kind::Op(op) = token.kind else {
            return self.duration_operand(0);
        };
        let op = unary_op(op).ok_or(Halt)?;
        self.take();
        let next = self.peek();
        match next.kind {
            Kind::Op(_) => {
                let inner = self.duration_operators(BinaryOp::Mul.precedence() + 1, 1)?;
                let signed = self.signed_duration(op, token, inner);
                self.duration_rest(signed, 1, 0)
            }
            Kind::LeftParen => {
                self.take();
                let inner = self.duration_operators(1, 1)?;
                self.take_if(Kind::RightParen).ok_or(Halt)?;
                let start = inner.span().start;
                Ok(self.signed_duration(op, token, inner.wrap(start)))
            }
            Kind::Number | Kind::Duration => {
                let number = signed(op, token.span.start, self.number_or_duration_literal());
                Ok(self.in_range(number, token.span))
            }
            _ => {
                let inner = self.duration_operand(1)?;
                // Here upstream keeps no plus either, and a minus wraps the call.
                Ok(match op {
                    UnaryOp::Plus => Duration::Expr(DurationExpr {
                        span: Span::new(token.span.start, inner.span().end),
                        node: DurationNode::Keep(Box::new(inner.into_expr())),
                        wrapped: false,
                    }),
                    UnaryOp::Minus => self.signed_duration(op, token, inner),
                })
            }
        }
    }

    fn duration_operators(&mut self, min_precedence: u8, depth: usize) -> Parsed<Duration> {
        let operand = self.duration_operand(depth)?;
        self.duration_rest(operand, min_precedence, depth)
    }

    fn duration_rest(&mut self, mut left: Duration, min_precedence: u8, depth: usize) -> Parsed<Duration> {
        let mut links = depth;
        loop {
            let token = self.peek();
            let Some((op, arithmetic)) = arithmetic(token.kind) else { break };
            if op.precedence() < min_precedence {
                break;
            }
            links += 1;
            if links > MAX_DURATION_DEPTH {
                self.fault(token.span, "duration expression is nested too deeply");
                return Err(Halt);
            }
            self.take();
            let right_min = op.precedence() + u8::from(op != BinaryOp::Pow);
            let right = self.duration_operators(right_min, depth + 1)?;
            left = self.duration_binary(arithmetic, token, left, right);
        }
        Ok(left)
    }

    fn duration_binary(&mut self, op: DurationArithmetic, token: Token, left: Duration, right: Duration) -> Duration {
        let by_zero = right.literal().is_some_and(|number| number.value == 0.0);
        let fault = match op {
            DurationArithmetic::Div if by_zero => "division by zero",
            DurationArithmetic::Mod if by_zero => "modulo by zero",
            _ => "",
        };
        if !fault.is_empty() {
            self.fault(token.span, fault);
            // Not 0, which would be one more fault.
            return Duration::Literal(NumberLiteral { value: 1.0, is_duration: false, span: token.span });
        }
        let span = left.span().to(right.span());
        let sides = Box::new([left.into_expr(), right.into_expr()]);
        Duration::Expr(DurationExpr { node: DurationNode::Binary { op, sides }, wrapped: false, span })
    }

    fn duration_operand(&mut self, depth: usize) -> Parsed<Duration> {
        let token = self.peek();
        if depth > MAX_DURATION_DEPTH {
            self.fault(token.span, "duration expression is nested too deeply");
            return Err(Halt);
        }
        match token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number_or_duration_literal();
                Ok(self.in_range(number, number.span))
            }
            Kind::Op(op) => {
                let op = unary_op(op).ok_or(Halt)?;
                self.take();
                let inner = self.duration_operators(BinaryOp::Mul.precedence() + 1, depth + 1)?;
                Ok(self.signed_duration(op, token, inner))
            }
            Kind::LeftParen => {
                self.take();
                let inner = self.duration_operators(1, depth + 1)?;
                self.take_if(Kind::RightParen).ok_or(Halt)?;
                Ok(inner.wrap(token.span.start))
            }
            Kind::Preprocessor(word) => self.duration_call(word, token, depth),
            _ => Err(Halt),
        }
    }

    /// `step()`, `range()`, `min_of(a, b)`, `max_of(a, b)`.
    fn duration_call(&mut self, word: Preprocessor, token: Token, depth: usize) -> Parsed<Duration> {
        if matches!(word, Preprocessor::Start | Preprocessor::End) {
            return Err(Halt);
        }
        self.take();
        let (node, span) = match word {
            Preprocessor::Step | Preprocessor::Range => {
                self.empty_parens()?;
                let node = if word == Preprocessor::Step { DurationNode::Step } else { DurationNode::Range };
                (node, Span::new(token.span.start, self.taken_end))
            }
            _ => {
                self.take_if(Kind::LeftParen).ok_or(Halt)?;
                let left = self.duration_operators(1, depth + 1)?;
                self.take_if(Kind::Comma).ok_or(Halt)?;
                let right = self.duration_operators(1, depth + 1)?;
                self.take_if(Kind::RightParen).ok_or(Halt)?;
                // upstream's span of it is that of its arguments (promql/parser/ast.go); kept.
                let span = left.span().to(right.span());
                let sides = Box::new([left.into_expr(), right.into_expr()]);
                let node =
                    if word == Preprocessor::MinOf { DurationNode::MinOf(sides) } else { DurationNode::MaxOf(sides) };
                (node, span)
            }
        };
        Ok(Duration::Expr(DurationExpr { node, wrapped: false, span }))
    }

    fn signed_duration(&mut self, op: UnaryOp, sign: Token, inner: Duration) -> Duration {
        match inner {
            Duration::Literal(number) => {
                let number = signed(op, sign.span.start, number);
                self.in_range(number, sign.span)
            }
            Duration::Expr(expr) if op == UnaryOp::Minus => {
                let span = Span::new(sign.span.start, expr.span.end);
                Duration::Expr(DurationExpr { node: DurationNode::Negate(Box::new(expr)), wrapped: false, span })
            }
            Duration::Expr(expr) => Duration::Expr(expr),
        }
    }

    fn in_range(&mut self, mut number: NumberLiteral, span: Span) -> Duration {
        if number.value.abs() > MAX_SECONDS {
            self.fault(span, "duration out of range");
            number.value = 1.0;
        }
        Duration::Literal(number)
    }
}

fn arithmetic(kind: Kind) -> Option<(BinaryOp, DurationArithmetic)> {
    let Kind::Op(op) = kind else { return None };
    Some((
        op,
        match op {
            BinaryOp::Add => DurationArithmetic::Add,
            BinaryOp::Sub => DurationArithmetic::Sub,
            BinaryOp::Mul => DurationArithmetic::Mul,
            BinaryOp::Div => DurationArithmetic::Div,
            BinaryOp::Mod => DurationArithmetic::Mod,
            BinaryOp::Pow => DurationArithmetic::Pow,
            _ => return None,
        },
    ))
}
