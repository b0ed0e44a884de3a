//! Expressions: operators by precedence, parentheses, calls, aggregations.
//!
//! Open constructs lie on a stack of their own, so that no nesting of the text deepens the stack of the thread.

use super::{Halt, Parsed, Parser};
use crate::{
    expr::{AggregateExpr, BinaryExpr, Call, Expr, NumberLiteral, ParenExpr, UnaryExpr},
    functions::{Function, Variadic, function},
    operators::{AggregateOp, BinaryOp, UnaryOp},
    parse::MAX_DEPTH,
    parser::grouping::{AggregateModifier, BinaryModifiers},
    span::Span,
    token::{Keyword, Kind, Token},
    value_type::ValueType,
};

/// A finished expression and the depth of its tree.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) expr: Expr,
    pub(super) depth: usize,
}

/// What is still open to the left.
#[derive(Debug)]
enum Frame {
    Binary { lhs: Operand, op: BinaryOp, modifiers: BinaryModifiers },
    Unary { op: UnaryOp, start: usize },
    Paren { start: usize },
    Call { function: &'static Function, start: usize, args: Arguments },
    Aggregate { op: AggregateOp, start: usize, modifier: Option<AggregateModifier>, args: Arguments },
}

#[derive(Debug, Default)]
struct Arguments {
    list: Vec<Expr>,
    depth: usize,
}

impl Arguments {
    fn push(&mut self, operand: Operand) {
        self.depth = self.depth.max(operand.depth);
        self.list.push(operand.expr);
    }
}

/// How tightly a sign binds: as multiplication, so that `-1 ^ 2` is -1.
const UNARY_PRECEDENCE: u8 = BinaryOp::Mul.precedence();

/// Stands for a function that does not exist, in a tree that is thrown away.
static UNKNOWN: Function =
    Function { name: "", args: &[], variadic: Variadic::Unbounded, returns: ValueType::Vector, experimental: false };

impl Parser<'_> {
    /// Parses an expression up to the end of the text.
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        let mut stack: Vec<Frame> = Vec::new();
        let mut finished: Option<Operand> = None;
        loop {
            let Some(operand) = finished.take() else {
                finished = self.operand(&mut stack)?;
                continue;
            };
            let token = self.peek();
            match token.kind {
                Kind::LeftBracket => finished = Some(self.range_or_subquery(operand)?),
                Kind::Keyword(Keyword::Offset) => finished = Some(self.offset(operand)?),
                Kind::Keyword(Keyword::Anchored | Keyword::Smoothed) => finished = Some(self.range_mode(operand)),
                Kind::At => finished = Some(self.at_modifier(operand)?),
                Kind::Op(op) => {
                    let lhs = self.reduce(&mut stack, operand, Some(op));
                    if self.too_deep(lhs.depth) {
                        return Err(Halt);
                    }
                    self.take();
                    let modifiers = self.binary_modifiers()?;
                    stack.push(Frame::Binary { lhs, op, modifiers });
                }
                _ => {
                    let operand = self.reduce(&mut stack, operand, None);
                    match (token.kind, stack.pop()) {
                        (Kind::Eof, None) => return Ok(operand.expr),
                        (Kind::RightParen, Some(Frame::Paren { start })) => {
                            let span = Span::new(start, self.take().span.end);
                            let expr = Expr::Paren(ParenExpr { expr: Box::new(operand.expr), span });
                            finished = Some(self.deepen(expr, operand.depth));
                        }
                        (
                            Kind::RightParen | Kind::Comma,
                            Some(mut frame @ (Frame::Call { .. } | Frame::Aggregate { .. })),
                        ) => {
                            if let Frame::Call { args, .. } | Frame::Aggregate { args, .. } = &mut frame {
                                args.push(operand);
                            }
                            self.arguments_go_on(&mut frame)?;
                            if self.peek_kind() == Kind::RightParen {
                                finished = Some(self.close_arguments(frame)?);
                            } else {
                                stack.push(frame);
                            }
                        }
                        (_, _) => return Err(self.unexpected_here()),
                    }
                }
            }
            if self.too_deep(finished.as_ref().map_or(0, |operand| operand.depth).max(stack.len())) {
                return Err(Halt);
            }
        }
    }

    fn too_deep(&mut self, depth: usize) -> bool {
        if depth <= MAX_DEPTH {
            return false;
        }
        let span = self.peek().span;
        self.fault(span, format!("expression is nested too deeply, the limit is {MAX_DEPTH} levels"));
        true
    }

    pub(super) fn deepen(&self, expr: Expr, inner_depth: usize) -> Operand {
        Operand { expr, depth: inner_depth + 1 }
    }

    /// Reads what an operand can begin with: a whole leaf, or an opening that goes on the stack.
    fn operand(&mut self, stack: &mut Vec<Frame>) -> Parsed<Option<Operand>> {
        let leaf = |expr| Ok(Some(Operand { expr, depth: 1 }));
        let token = self.peek();
        if self.too_deep(stack.len()) {
            return Err(Halt);
        }
        match token.kind {
            Kind::Op(op @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.take();
                let op = if op == BinaryOp::Sub { UnaryOp::Minus } else { UnaryOp::Plus };
                stack.push(Frame::Unary { op, start: token.span.start });
                Ok(None)
            }
            Kind::LeftParen => {
                self.take();
                stack.push(Frame::Paren { start: token.span.start });
                Ok(None)
            }
            Kind::Number | Kind::Duration => leaf(Expr::Number(self.number_or_duration_literal())),
            Kind::String => leaf(Expr::String(self.string_literal())),
            Kind::LeftBrace => leaf(Expr::Vector(self.selector_in_braces(None)?)),
            Kind::Aggregate(op) => {
                self.take();
                match self.peek_kind() {
                    Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without) => {
                        self.aggregation(op, token, stack)
                    }
                    _ => leaf(self.selector(token)?),
                }
            }
            Kind::Identifier | Kind::Preprocessor(_) => {
                self.take();
                match self.peek_kind() {
                    Kind::LeftParen => self.call(token, stack),
                    _ => leaf(self.selector(token)?),
                }
            }
            kind if kind.is_metric_name() => {
                self.take();
                leaf(self.selector(token)?)
            }
            _ => Err(self.unexpected_here()),
        }
    }

    fn selector(&mut self, name: Token) -> Parsed<Expr> {
        Ok(Expr::Vector(match self.peek_kind() {
            Kind::LeftBrace => self.selector_in_braces(Some(name))?,
            _ => self.bare_selector(name),
        }))
    }

    /// Builds every operation to the left that binds more tightly than `next`, or all of them.
    fn reduce(&mut self, stack: &mut Vec<Frame>, mut operand: Operand, next: Option<BinaryOp>) -> Operand {
        while let Some(frame) = stack.pop() {
            let precedence = match &frame {
                Frame::Binary { op, .. } => op.precedence(),
                Frame::Unary { .. } => UNARY_PRECEDENCE,
                _ => 0,
            };
            let wanted = next.map_or(1, |op| op.precedence() + u8::from(op == BinaryOp::Pow));
            operand = match frame {
                Frame::Binary { lhs, op, modifiers } if precedence >= wanted => {
                    self.binary(lhs, op, modifiers, operand)
                }
                Frame::Unary { op, start } if precedence >= wanted => self.unary(op, start, operand),
                frame => {
                    stack.push(frame);
                    break;
                }
            };
        }
        operand
    }

    fn binary(&mut self, lhs: Operand, op: BinaryOp, modifiers: BinaryModifiers, rhs: Operand) -> Operand {
        let BinaryModifiers { return_bool, matching } = modifiers;
        let depth = lhs.depth.max(rhs.depth);
        let fills = matching.fill.is_set();
        let binary =
            BinaryExpr { op, lhs: Box::new(lhs.expr), rhs: Box::new(rhs.expr), matching: Some(matching), return_bool };
        if fills && !self.options.binop_fill_modifiers {
            self.fault(binary.span(), "binop fill modifiers are experimental and not enabled");
        }
        self.deepen(Expr::Binary(binary), depth)
    }

    fn unary(&mut self, op: UnaryOp, start: usize, operand: Operand) -> Operand {
        if let Expr::Number(number) = operand.expr {
            return Operand { expr: Expr::Number(signed(op, start, number)), depth: operand.depth };
        }
        let span = Span::new(start, operand.expr.span().end);
        let expr = Expr::Unary(UnaryExpr { op, expr: Box::new(operand.expr), span });
        self.deepen(expr, operand.depth)
    }

    /// Opens a call whose name was taken.
    fn call(&mut self, name: Token, stack: &mut Vec<Frame>) -> Parsed<Option<Operand>> {
        self.take();
        let function = function(self.text(name)).unwrap_or(&UNKNOWN);
        // A function that is missing or switched off is noted when the call ends; its name is read again then.
        let frame = Frame::Call { function, start: name.span.start, args: Arguments::default() };
        self.open_arguments(frame, stack)
    }

    /// Opens an aggregation whose operator was taken.
    fn aggregation(&mut self, op: AggregateOp, token: Token, stack: &mut Vec<Frame>) -> Parsed<Option<Operand>> {
        self.open_aggregations += 1;
        let modifier = self.aggregate_modifier()?;
        if self.take_if(Kind::LeftParen).is_none() {
            return Err(self.unexpected_here());
        }
        let frame = Frame::Aggregate { op, start: token.span.start, modifier, args: Arguments::default() };
        self.open_arguments(frame, stack)
    }

    fn open_arguments(&mut self, frame: Frame, stack: &mut Vec<Frame>) -> Parsed<Option<Operand>> {
        if self.peek_kind() == Kind::RightParen {
            return self.close_arguments(frame).map(Some);
        }
        stack.push(frame);
        Ok(None)
    }

    /// Behind an argument: takes commas, and notes those that no argument follows.
    fn arguments_go_on(&mut self, _frame: &mut Frame) -> Parsed<()> {
        while let Some(comma) = self.take_if(Kind::Comma) {
            if self.peek_kind().starts_expression() {
                return Ok(());
            }
            self.fault(comma.span, "trailing commas not allowed in function call args");
        }
        match self.peek_kind() {
            Kind::RightParen => Ok(()),
            _ => Err(self.unexpected_here()),
        }
    }

    fn close_arguments(&mut self, frame: Frame) -> Parsed<Operand> {
        let end = self.take().span.end;
        match frame {
            Frame::Call { function, start, args } => Ok(self.close_call(function, Span::new(start, end), args)),
            Frame::Aggregate { op, start, modifier, args } => self.close_aggregation(op, start, modifier, args),
            Frame::Binary { .. } | Frame::Unary { .. } | Frame::Paren { .. } => Err(self.unexpected_here()),
        }
    }

    fn close_call(&mut self, function: &'static Function, span: Span, args: Arguments) -> Operand {
        if function.name.is_empty() {
            let text = self.input().get(span.start..span.end).unwrap_or("");
            let name = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
            let name_span = Span::new(span.start, span.start + name.len());
            self.fault(name_span, format!("unknown function with name \"{name}\""));
        } else if function.experimental && !self.options.experimental_functions {
            let name_span = Span::new(span.start, span.start + function.name.len());
            self.fault(name_span, format!("function \"{}\" is not enabled", function.name));
        }
        let depth = args.depth;
        self.deepen(Expr::Call(Call { function, args: args.list, span }), depth)
    }

    fn close_aggregation(
        &mut self,
        op: AggregateOp,
        start: usize,
        modifier: Option<AggregateModifier>,
        args: Arguments,
    ) -> Parsed<Operand> {
        let modifier = match modifier {
            Some(modifier) => modifier,
            None => self.aggregate_modifier()?.unwrap_or_default(),
        };
        self.open_aggregations -= 1;
        let span = Span::new(start, self.taken_end);
        let depth = args.depth;
        let given = args.list.len();
        let mut args = args.list.into_iter();
        let wanted = 1 + usize::from(op.has_param());
        if given == 0 {
            self.fault(span, "no arguments for aggregate expression provided");
        } else if op.is_experimental() && !self.options.experimental_functions {
            self.fault(
                span,
                format!(
                    "{op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
                ),
            );
        } else if given != wanted {
            self.fault(
                span,
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {given}"),
            );
        }
        let param = if op.has_param() { args.next().map(Box::new) } else { None };
        // Without a vector there is a fault, and the tree is thrown away.
        let missing = || Expr::Number(NumberLiteral { value: 0.0, is_duration: false, span });
        let expr = Box::new(args.next().unwrap_or_else(missing));
        let AggregateModifier { grouping, without } = modifier;
        Ok(self.deepen(Expr::Aggregate(AggregateExpr { op, param, expr, grouping, without, span }), depth))
    }
}

/// Puts a sign into a number.
pub(super) fn signed(op: UnaryOp, start: usize, mut number: NumberLiteral) -> NumberLiteral {
    if op == UnaryOp::Minus {
        number.value = -number.value;
    }
    number.span.start = start;
    number
}
