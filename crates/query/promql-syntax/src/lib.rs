//! PromQL: lexer, parser, AST with spans, printer, type check.
//!
//! The language is that of Prometheus 3.14: what it accepts is accepted here, and an expression that it refuses is
//! refused with its words and its position. [`parse`] is the door; everything else is what it returns.
//!
//! ```
//! use firesteel_promql_syntax::{ParserOptions, ValueType, parse};
//!
//! let expr = parse("sum by(job) (rate(requests_total[5m]))", ParserOptions::default()).expect("valid");
//! assert_eq!(expr.value_type(), ValueType::Vector);
//! assert_eq!(expr.to_string(), "sum by (job) (rate(requests_total[5m]))");
//! let err = parse("rate(up)", ParserOptions::default()).expect_err("needs a range");
//! assert_eq!(err.to_string(), r#"1:6: parse error: expected type range vector in call to function "rate", got instant vector"#);
//! ```
#![forbid(unsafe_code)]

mod check;
mod duration_expr;
mod error;
mod expr;
mod functions;
mod hint;
mod lexer;
mod operators;
mod options;
mod parse;
mod parser;
mod pretty;
mod print;
mod selector;
mod series_desc;
mod span;
mod token;
mod value_type;
mod visit;

pub use duration_expr::{DurationArithmetic, DurationContext, DurationError, DurationExpr, DurationNode, TimeSpec};
pub use error::{Hint, ParseError, ParseErrors};
pub use expr::{
    AggregateExpr, BinaryExpr, Call, Expr, NumberLiteral, ParenExpr, StringLiteral, SubqueryExpr, UnaryExpr,
};
pub use functions::{FUNCTIONS, Function, Variadic, function};
pub use operators::{AggregateOp, BinaryOp, FillValues, MatchCardinality, UnaryOp, VectorMatching};
pub use options::ParserOptions;
pub use parse::{MAX_DEPTH, parse, parse_metric, parse_metric_selector, parse_series_desc};
pub use selector::{AtModifier, MatrixSelector, RangeMode, VectorSelector};
pub use series_desc::{
    CounterResetHint, HistogramChange, HistogramLiteral, HistogramRun, SeriesDescription, SeriesItem,
};
pub use span::Span;
pub use value_type::ValueType;
