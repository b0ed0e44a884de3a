//! The door: text in, tree or faults out.

use firesteel_model::{Labels, Matcher};

use crate::{error::ParseErrors, expr::Expr, options::ParserOptions, parser::Parser, series_desc::SeriesDescription};

/// How deep a tree may be. Upstream has no bound; nothing written by hand or by a dashboard comes near this one.
pub const MAX_DEPTH: usize = 512;

/// Parses and type-checks an expression.
///
/// Text that came as bytes other than UTF-8 is to be converted with U+FFFD in their place, which is refused in the
/// same words. Errors: every fault found, in upstream's words; types are checked only when the syntax is right.
pub fn parse(input: &str, options: ParserOptions) -> Result<Expr, ParseErrors> {
    parse_unadvised(input, options).map_err(|mut errors| {
        errors.advise(input);
        errors
    })
}

/// As [`parse`], without hints on what is wrong.
pub(crate) fn parse_unadvised(input: &str, options: ParserOptions) -> Result<Expr, ParseErrors> {
    let mut parser = Parser::new(input, options);
    let mut result = parser.query();
    if let Ok(expr) = &mut result
        && !parser.has_errors()
    {
        parser.check(expr);
    }
    parser.finish(result)
}

/// Parses a selector such as `match[]` takes, and returns its matchers.
///
/// A selector that matches everything is no error here.
pub fn parse_metric_selector(input: &str) -> Result<Vec<Matcher>, ParseErrors> {
    let mut parser = Parser::new(input, ParserOptions::default());
    let result = parser.metric_selector();
    parser.finish(result)
}

/// Parses a series as test scripts write it: `name{label="value"}`.
pub fn parse_metric(input: &str) -> Result<Labels, ParseErrors> {
    let mut parser = Parser::new(input, ParserOptions::default());
    let result = parser.metric();
    parser.finish(result)
}

/// Parses a series with its values; errors in upstream's words.
pub fn parse_series_desc(input: &str) -> Result<SeriesDescription, ParseErrors> {
    let mut parser = Parser::for_series(input);
    let result = parser.series_description();
    parser.finish(result)
}
