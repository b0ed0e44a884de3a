//! The syntax tree.
//!
//! Every node knows its place in the text. Trees are at most [`MAX_DEPTH`](crate::MAX_DEPTH) deep, so that walking
//! one by recursion is safe.

use crate::{
    duration_expr::TimeSpec,
    functions::Function,
    operators::{AggregateOp, BinaryOp, UnaryOp, VectorMatching},
    selector::{AtModifier, MatrixSelector, VectorSelector},
    span::Span,
    value_type::ValueType,
};

/// A PromQL expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    Number(NumberLiteral),
    String(StringLiteral),
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(SubqueryExpr),
    Call(Call),
    Aggregate(AggregateExpr),
    Binary(BinaryExpr),
    Unary(UnaryExpr),
    Paren(ParenExpr),
}

/// `1`, `0x1F`, `Inf`, or a duration, which is a number of seconds. A sign directly before it belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct NumberLiteral {
    pub value: f64,
    /// Whether it was written as a duration and is printed as one.
    pub is_duration: bool,
    pub span: Span,
}

/// Bit for bit, so that a tree with a NaN in it equals itself.
impl PartialEq for NumberLiteral {
    fn eq(&self, other: &Self) -> bool {
        (self.value.to_bits(), self.is_duration, self.span) == (other.value.to_bits(), other.is_duration, other.span)
    }
}

/// `"text"`, unquoted. Escapes like `\xff` can make it other than UTF-8, so it is bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StringLiteral {
    pub value: Vec<u8>,
    pub span: Span,
}

impl StringLiteral {
    /// Returns the text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

/// `expr[range:step]`: an instant expression evaluated at each step of a range.
#[derive(Clone, PartialEq, Debug)]
pub struct SubqueryExpr {
    pub expr: Box<Expr>,
    pub range: TimeSpec,
    /// `None`: the default evaluation interval.
    pub step: Option<TimeSpec>,
    pub offset: TimeSpec,
    pub at: Option<AtModifier>,
    pub span: Span,
}

/// `name(arguments)`.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    pub function: &'static Function,
    pub args: Vec<Expr>,
    pub span: Span,
}

/// `sum by (labels) (expr)`.
#[derive(Clone, PartialEq, Debug)]
pub struct AggregateExpr {
    pub op: AggregateOp,
    pub param: Option<Box<Expr>>,
    pub expr: Box<Expr>,
    pub grouping: Vec<String>,
    /// Whether `grouping` names the labels to leave out.
    pub without: bool,
    pub span: Span,
}

/// `lhs op rhs`.
#[derive(Clone, PartialEq, Debug)]
pub struct BinaryExpr {
    pub op: BinaryOp,
    pub lhs: Box<Expr>,
    pub rhs: Box<Expr>,
    /// Set if both sides are instant vectors, and only then.
    pub matching: Option<VectorMatching>,
    pub return_bool: bool,
}

/// `-expr` or `+expr`; a signed number is a [`NumberLiteral`].
#[derive(Clone, PartialEq, Debug)]
pub struct UnaryExpr {
    pub op: UnaryOp,
    pub expr: Box<Expr>,
    pub span: Span,
}

/// `(expr)`.
#[derive(Clone, PartialEq, Debug)]
pub struct ParenExpr {
    pub expr: Box<Expr>,
    pub span: Span,
}

impl BinaryExpr {
    /// Returns the place of the whole expression.
    pub fn span(&self) -> Span {
        self.lhs.span().to(self.rhs.span())
    }
}

impl Expr {
    /// Returns what the expression evaluates to. Cost: the depth of its leftmost operators.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(call) => call.function.returns,
            Self::Binary(binary) => {
                let scalar = ValueType::Scalar;
                if binary.rhs.value_type() == scalar && binary.lhs.value_type() == scalar {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            Self::Unary(unary) => unary.expr.value_type(),
            Self::Paren(paren) => paren.expr.value_type(),
        }
    }

    /// Returns the place of the expression in the text.
    pub fn span(&self) -> Span {
        match self {
            Self::Number(node) => node.span,
            Self::String(node) => node.span,
            Self::Vector(node) => node.span,
            Self::Matrix(node) => node.span,
            Self::Subquery(node) => node.span,
            Self::Call(node) => node.span,
            Self::Aggregate(node) => node.span,
            Self::Binary(node) => node.span(),
            Self::Unary(node) => node.span,
            Self::Paren(node) => node.span,
        }
    }

    /// Returns the expression inside any number of parentheses.
    pub fn unwrap_parens(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }
}
