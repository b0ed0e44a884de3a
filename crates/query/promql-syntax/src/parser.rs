//! Words to tree.
//!
//! Which fault is reported, in which words and where, follows upstream's generated LALR parser: a syntax error is
//! described by the innermost construct that has words for it, and faults of meaning are noted in the order in which
//! constructs end. Words are read one at a time and only when needed, because the lexer's faults count among them.

mod duration;
mod expression;
mod grouping;
mod literal;
mod modifiers;
mod selector;
mod series;

use crate::{
    error::{ParseError, ParseErrors},
    expr::Expr,
    lexer::Lexer,
    options::ParserOptions,
    span::Span,
    token::{Kind, Token},
};

/// A syntax error: parsing cannot go on. Whether it was reported yet depends on the function that returns it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Halt;

pub(crate) type Parsed<T> = Result<T, Halt>;

#[derive(Debug)]
pub(crate) struct Parser<'a> {
    lexer: Lexer<'a>,
    lookahead: Option<Token>,
    /// The end of the last word taken.
    taken_end: usize,
    errors: Vec<ParseError>,
    options: ParserOptions,
    /// How many aggregations are open: a syntax error inside one is "in aggregation".
    open_aggregations: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(input: &'a str, options: ParserOptions) -> Self {
        Self::with_lexer(Lexer::new(input), options)
    }

    pub(crate) fn for_series(input: &'a str) -> Self {
        Self::with_lexer(Lexer::for_series(input), ParserOptions::default())
    }

    fn with_lexer(lexer: Lexer<'a>, options: ParserOptions) -> Self {
        Self { lexer, lookahead: None, taken_end: 0, errors: Vec::new(), options, open_aggregations: 0 }
    }

    /// Ends the parse: the result, or every fault noted.
    pub(crate) fn finish<T>(self, result: Parsed<T>) -> Result<T, ParseErrors> {
        let input = self.lexer.input();
        match (result, ParseErrors::from_vec(self.errors)) {
            (_, Some(errors)) => Err(errors),
            (Ok(value), None) => Ok(value),
            (Err(Halt), None) => {
                let unexplained = ParseError::new(input, Span::default(), "unexpected error".to_owned());
                Err(ParseErrors::one(unexplained))
            }
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(ParseError::new(self.lexer.input(), span, message.into()));
    }

    pub(crate) fn input(&self) -> &'a str {
        self.lexer.input()
    }

    /// Returns the next word without taking it. A fault of the lexer is noted when it is first seen.
    fn peek(&mut self) -> Token {
        if let Some(token) = self.lookahead {
            return token;
        }
        let token = loop {
            let token = self.lexer.next_token();
            if token.kind != Kind::Comment {
                break token;
            }
        };
        if token.kind == Kind::Error {
            let message = self.lexer.take_error();
            self.fault(token.span, message);
        }
        self.lookahead = Some(token);
        token
    }

    fn peek_kind(&mut self) -> Kind {
        self.peek().kind
    }

    fn take(&mut self) -> Token {
        let token = self.peek();
        if !matches!(token.kind, Kind::Error | Kind::Eof) {
            self.lookahead = None;
        }
        self.taken_end = token.span.end;
        token
    }

    fn take_if(&mut self, kind: Kind) -> Option<Token> {
        (self.peek_kind() == kind).then(|| self.take())
    }

    fn text(&self, token: Token) -> &'a str {
        self.lexer.text(token)
    }

    /// Notes that the next word does not fit; `context` and `expected` may be empty.
    fn unexpected(&mut self, context: &str, expected: &str) -> Halt {
        let token = self.peek();
        if token.kind == Kind::Error {
            return Halt; // Noted when it was read.
        }
        let mut message = format!("unexpected {}", token.kind.describe(self.text(token)));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        self.fault(token.span, message);
        Halt
    }

    /// As [`Self::unexpected`], where the construct has no words of its own.
    fn unexpected_here(&mut self) -> Halt {
        let context = if self.open_aggregations > 0 { "aggregation" } else { "" };
        self.unexpected(context, "")
    }

    fn expect_end(&mut self) -> Parsed<()> {
        match self.peek_kind() {
            Kind::Eof => Ok(()),
            _ => Err(self.unexpected_here()),
        }
    }

    /// Parses a whole query, without checking types.
    pub(crate) fn query(&mut self) -> Parsed<Expr> {
        if self.peek_kind() == Kind::Eof {
            self.fault(Span::default(), "no expression found in input");
            return Err(Halt);
        }
        self.expression()
    }
}
