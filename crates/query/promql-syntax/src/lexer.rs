//! Text to words.
//!
//! The lexer of PromQL depends on where it is: inside braces every word is a label name, inside brackets only
//! durations and their operators are read, and the values of a series description are a language of their own. Which
//! rules apply follows upstream exactly, because they decide which fault of a query is found first.

mod chars;
mod number;
mod series;
mod text;

use firesteel_go_compat::quote;

use crate::{
    operators::BinaryOp,
    span::Span,
    token::{Keyword, Kind, Preprocessor, Token, keyword},
};
use chars::{is_alpha, is_alphanumeric, is_digit, is_space, quote_char};

/// Which rules read the next word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Statements,
    /// Directly after `[`, until the first literal.
    DurationExpr,
    ValueSequence,
    Histogram,
    Buckets,
    Number,
    End,
}

/// Where a series description stands relative to a histogram literal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum HistogramState {
    Outside,
    Open,
    /// Just behind `}}`, with `x`, `+` or `-` next.
    Repeat,
    Increase,
    Decrease,
}

#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    input: &'a str,
    /// Where the current word starts.
    start: usize,
    pos: usize,
    state: State,
    paren_depth: usize,
    brace_open: bool,
    bracket_open: bool,
    got_colon: bool,
    /// Whether a literal was read in any bracket so far. upstream never clears it (promql/parser/lex.go); kept.
    got_duration: bool,
    in_series: bool,
    histogram: HistogramState,
    error: String,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self {
            input,
            start: 0,
            pos: 0,
            state: State::Statements,
            paren_depth: 0,
            brace_open: false,
            bracket_open: false,
            got_colon: false,
            got_duration: false,
            in_series: false,
            histogram: HistogramState::Outside,
            error: String::new(),
        }
    }

    /// A lexer for series descriptions.
    pub(crate) fn for_series(input: &'a str) -> Self {
        Self { in_series: true, ..Self::new(input) }
    }

    pub(crate) fn input(&self) -> &'a str {
        self.input
    }

    /// Returns how the word was written.
    pub(crate) fn text(&self, token: Token) -> &'a str {
        self.input.get(token.span.start..token.span.end).unwrap_or("")
    }

    /// Takes what went wrong at the last [`Kind::Error`].
    pub(crate) fn take_error(&mut self) -> String {
        std::mem::take(&mut self.error)
    }

    /// Returns the next word; after the end and after an error always the same again.
    pub(crate) fn next_token(&mut self) -> Token {
        loop {
            let found = match self.state {
                State::Statements => self.statements(),
                State::DurationExpr => self.duration_expr(),
                State::ValueSequence => self.value_sequence(),
                State::Histogram => self.histogram(),
                State::Buckets => self.buckets(),
                State::Number => self.number(),
                State::End => return self.token(Kind::Eof),
            };
            if let Some(token) = found {
                return token;
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.input.get(self.pos..)?.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    /// Takes the next character if it is one of `valid`.
    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.pos += 1;
        }
        found
    }

    fn word(&self) -> &'a str {
        self.input.get(self.start..self.pos).unwrap_or("")
    }

    /// Ends the current word.
    fn token(&mut self, kind: Kind) -> Token {
        let span = Span::new(self.start, self.pos);
        self.start = self.pos;
        Token { kind, span }
    }

    fn emit(&mut self, kind: Kind, next: State) -> Option<Token> {
        self.state = next;
        Some(self.token(kind))
    }

    /// Ends the text with a fault that stands at the start of the current word.
    fn fail(&mut self, message: impl Into<String>) -> Option<Token> {
        self.error = message.into();
        self.state = State::End;
        Some(Token { kind: Kind::Error, span: Span::new(self.start, self.input.len()) })
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.pos += 1;
        }
        self.start = self.pos;
    }

    /// The rules outside of braces, and inside of brackets once a literal was read.
    fn statements(&mut self) -> Option<Token> {
        if self.histogram != HistogramState::Outside {
            self.state = State::Histogram;
            return None;
        }
        if self.brace_open {
            return self.inside_braces();
        }
        if self.peek() == Some('#') {
            return self.comment();
        }
        let Some(c) = self.bump() else {
            if self.paren_depth != 0 {
                return self.fail("unclosed left parenthesis");
            }
            if self.bracket_open {
                return self.fail("unclosed left bracket");
            }
            return self.emit(Kind::Eof, State::End);
        };
        let next = self.peek();
        let kind = match c {
            ',' => Kind::Comma,
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '^' => Kind::Op(BinaryOp::Pow),
            '@' => Kind::At,
            '=' => match next {
                Some('=') => self.second(Kind::Op(BinaryOp::Eq)),
                Some('~') => return self.fail("unexpected character after '=': '~'"),
                _ => Kind::Equal,
            },
            '!' => match next {
                Some('=') => self.second(Kind::Op(BinaryOp::Ne)),
                other => return self.fail(format!("unexpected character after '!': {}", quote_char(other))),
            },
            '<' => match next {
                Some('=') => self.second(Kind::Op(BinaryOp::Le)),
                Some('/') => self.second(Kind::Op(BinaryOp::TrimUpper)),
                _ => Kind::Op(BinaryOp::Lt),
            },
            '>' => match next {
                Some('=') => self.second(Kind::Op(BinaryOp::Ge)),
                Some('/') => self.second(Kind::Op(BinaryOp::TrimLower)),
                _ => Kind::Op(BinaryOp::Gt),
            },
            '"' | '\'' => return self.quoted(c),
            '`' => return self.raw(),
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(State::Statements),
            '{' => {
                self.brace_open = true;
                Kind::LeftBrace
            }
            '[' if self.bracket_open => return self.fail("unexpected left bracket '['"),
            '[' => {
                self.got_colon = false;
                self.bracket_open = true;
                return self.emit(Kind::LeftBracket, State::DurationExpr);
            }
            ']' if !self.bracket_open => return self.fail("unexpected right bracket ']'"),
            ']' => {
                self.bracket_open = false;
                Kind::RightBracket
            }
            _ if is_space(c) => {
                self.skip_spaces();
                return None;
            }
            _ if is_digit(c) || (c == '.' && next.is_some_and(is_digit)) => {
                self.pos -= 1;
                return self.number_or_duration();
            }
            _ if is_alpha(c) || c == ':' => {
                if self.bracket_open {
                    return self.inside_bracket(c);
                }
                self.pos -= 1;
                return self.keyword_or_identifier();
            }
            _ => return self.fail(format!("unexpected character: {}", quote_char(Some(c)))),
        };
        self.emit(kind, State::Statements)
    }

    /// Takes the second character of a word.
    fn second(&mut self, kind: Kind) -> Kind {
        self.pos += 1;
        kind
    }

    fn right_paren(&mut self, next: State) -> Option<Token> {
        let Some(depth) = self.paren_depth.checked_sub(1) else {
            // upstream has already ended the word, so that the place is one behind it (promql/parser/lex.go); kept.
            self.start = self.pos;
            return self.fail("unexpected right parenthesis ')'");
        };
        self.paren_depth = depth;
        self.emit(Kind::RightParen, next)
    }

    /// A letter or a colon inside brackets, behind the first literal.
    fn inside_bracket(&mut self, c: char) -> Option<Token> {
        if c == ':' {
            if self.got_colon {
                return self.fail("unexpected colon ':'");
            }
            self.got_colon = true;
            return self.emit(Kind::Colon, State::Statements);
        }
        match self.duration_keyword(c) {
            Some(kind) => self.emit(kind, State::Statements),
            None => self.fail(format!("unexpected character: {}, expected ':'", quote_char(Some(c)))),
        }
    }

    /// Reads the rest of a word that begins with `c`; returns it if durations know it.
    fn duration_keyword(&mut self, c: char) -> Option<Kind> {
        if !matches!(c.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        while self.peek().is_some_and(is_alpha) {
            self.pos += 1;
        }
        keyword(self.word()).filter(|kind| {
            use Preprocessor::{MaxOf, MinOf, Range, Step};
            matches!(kind, Kind::Preprocessor(Step | Range | MaxOf | MinOf))
        })
    }

    /// The rules inside brackets, until a literal was read.
    fn duration_expr(&mut self) -> Option<Token> {
        const HERE: State = State::DurationExpr;
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input in duration expression");
        };
        let kind = match c {
            ']' => {
                self.bracket_open = false;
                self.got_colon = false;
                return self.emit(Kind::RightBracket, State::Statements);
            }
            ':' => {
                let token = self.token(Kind::Colon);
                if !self.got_duration {
                    return self.fail("unexpected colon before duration in duration expression");
                }
                if self.got_colon {
                    return self.fail("unexpected repeated colon in duration expression");
                }
                self.got_colon = true;
                return Some(token);
            }
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(HERE),
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            '*' => Kind::Op(BinaryOp::Mul),
            '/' => Kind::Op(BinaryOp::Div),
            '%' => Kind::Op(BinaryOp::Mod),
            '^' => Kind::Op(BinaryOp::Pow),
            ',' => Kind::Comma,
            _ if is_space(c) => {
                self.skip_spaces();
                return None;
            }
            _ if is_digit(c) || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.pos -= 1;
                self.got_duration = true;
                return self.number_or_duration();
            }
            _ => match self.duration_keyword(c) {
                Some(kind) => kind,
                None => {
                    return self.fail(format!("unexpected character in duration expression: {}", quote_char(Some(c))));
                }
            },
        };
        self.emit(kind, HERE)
    }

    /// The rules inside braces, where keywords are names.
    fn inside_braces(&mut self) -> Option<Token> {
        if self.peek() == Some('#') {
            return self.comment();
        }
        let Some(c) = self.bump() else {
            return self.fail("unexpected end of input inside braces");
        };
        let next = self.peek();
        let kind = match c {
            ',' => Kind::Comma,
            '"' | '\'' => return self.quoted(c),
            '`' => return self.raw(),
            '=' if next == Some('~') => self.second(Kind::EqualRegex),
            '=' => Kind::Equal,
            '!' => match next {
                Some('~') => self.second(Kind::NotEqualRegex),
                Some('=') => self.second(Kind::Op(BinaryOp::Ne)),
                other => {
                    return self.fail(format!("unexpected character after '!' inside braces: {}", quote_char(other)));
                }
            },
            '{' => return self.fail("unexpected left brace '{'"),
            '}' => {
                self.brace_open = false;
                let next = if self.in_series { State::ValueSequence } else { State::Statements };
                return self.emit(Kind::RightBrace, next);
            }
            _ if is_space(c) => {
                self.skip_spaces();
                return None;
            }
            _ if is_alpha(c) => {
                while self.peek().is_some_and(is_alphanumeric) {
                    self.pos += 1;
                }
                Kind::Identifier
            }
            _ => return self.fail(format!("unexpected character inside braces: {}", quote_char(Some(c)))),
        };
        self.emit(kind, State::Statements)
    }

    fn comment(&mut self) -> Option<Token> {
        let rest = self.input.get(self.pos..).unwrap_or("");
        self.pos += rest.find(['\n', '\r']).unwrap_or(rest.len());
        self.emit(Kind::Comment, State::Statements)
    }

    fn keyword_or_identifier(&mut self) -> Option<Token> {
        while self.peek().is_some_and(|c| is_alphanumeric(c) || c == ':') {
            self.pos += 1;
        }
        let word = self.word();
        let kind = match keyword(word) {
            Some(Kind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.left_paren_follows() =>
            {
                Kind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => Kind::MetricIdentifier,
            None => Kind::Identifier,
        };
        let next = if self.in_series && self.peek() != Some('{') { State::ValueSequence } else { State::Statements };
        self.emit(kind, next)
    }

    /// Returns whether the next character that is no blank is `(`.
    fn left_paren_follows(&self) -> bool {
        self.input.get(self.pos..).unwrap_or("").trim_start_matches(is_space).starts_with('(')
    }

    fn number_or_duration(&mut self) -> Option<Token> {
        if self.scan_number() {
            return self.emit(Kind::Number, State::Statements);
        }
        if self.scan_duration() {
            return self.emit(Kind::Duration, State::Statements);
        }
        self.fail(format!("bad number or duration syntax: {}", quote(self.word())))
    }

    fn number(&mut self) -> Option<Token> {
        if self.scan_number() {
            return self.emit(Kind::Number, State::Statements);
        }
        self.fail(format!("bad number syntax: {}", quote(self.word())))
    }
}
