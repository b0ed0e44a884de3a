//! The words of a series' values: numbers, gaps, repetitions, histogram literals.

use firesteel_go_compat::quote;

use super::{
    HistogramState, Lexer, State,
    chars::{is_alpha, is_digit, is_space, quote_char},
};
use crate::{
    operators::BinaryOp,
    token::{Kind, Token, keyword},
};

const HISTOGRAM_KEYS: [&str; 11] = [
    "sum",
    "count",
    "schema",
    "offset",
    "n_offset",
    "buckets",
    "n_buckets",
    "z_bucket",
    "z_bucket_w",
    "custom_values",
    "counter_reset_hint",
];
const RESET_HINTS: [&str; 4] = ["unknown", "reset", "not_reset", "gauge"];

impl Lexer<'_> {
    pub(super) fn value_sequence(&mut self) -> Option<Token> {
        const HERE: State = State::ValueSequence;
        if self.histogram != HistogramState::Outside {
            self.state = State::Histogram;
            return None;
        }
        let Some(c) = self.bump() else {
            self.state = State::Statements;
            return None;
        };
        let kind = match c {
            '{' if self.peek() == Some('{') => {
                self.pos += 1;
                self.histogram = HistogramState::Open;
                return self.emit(Kind::OpenHistogram, State::Histogram);
            }
            '+' => Kind::Op(BinaryOp::Add),
            '-' => Kind::Op(BinaryOp::Sub),
            'x' => Kind::Times,
            '_' => Kind::Blank,
            _ if is_space(c) => return self.space(HERE),
            _ if is_digit(c) || (c == '.' && self.peek().is_some_and(is_digit)) => {
                self.pos -= 1;
                let token = self.number();
                if self.state != State::End {
                    self.state = HERE;
                }
                return token;
            }
            _ if is_alpha(c) => {
                self.pos -= 1;
                return self.keyword_or_identifier();
            }
            _ => return self.fail(format!("unexpected character in series sequence: {}", quote_char(Some(c)))),
        };
        self.emit(kind, HERE)
    }

    /// Ends a run of blanks whose first was taken.
    fn space(&mut self, next: State) -> Option<Token> {
        let token = self.emit(Kind::Space, next);
        self.skip_spaces();
        token
    }

    pub(super) fn histogram(&mut self) -> Option<Token> {
        const HERE: State = State::Histogram;
        let behind = match self.histogram {
            HistogramState::Repeat => Some(Kind::Times),
            HistogramState::Increase => Some(Kind::Op(BinaryOp::Add)),
            HistogramState::Decrease => Some(Kind::Op(BinaryOp::Sub)),
            HistogramState::Outside | HistogramState::Open => None,
        };
        if let Some(kind) = behind {
            self.histogram = HistogramState::Outside;
            self.pos += 1;
            return self.emit(kind, State::ValueSequence);
        }
        if self.bracket_open {
            self.state = State::Buckets;
            return None;
        }
        let c = self.bump();
        let kind = match c {
            Some(c) if is_space(c) => return self.space(State::Statements),
            Some(c) if is_alpha(c) => return self.histogram_word(),
            Some(':') => Kind::Colon,
            Some('-') => Kind::Op(BinaryOp::Sub),
            Some(c) if is_digit(c) => {
                self.pos -= 1;
                return self.number();
            }
            Some('[') => {
                self.bracket_open = true;
                self.got_colon = false;
                self.got_duration = false;
                return self.emit(Kind::LeftBracket, State::Buckets);
            }
            Some('}') if self.peek() == Some('}') => {
                self.pos += 1;
                let (behind, next) = match self.peek() {
                    Some('x') => (HistogramState::Repeat, HERE),
                    Some('+') => (HistogramState::Increase, HERE),
                    Some('-') => (HistogramState::Decrease, HERE),
                    _ => (HistogramState::Outside, State::ValueSequence),
                };
                self.histogram = behind;
                return self.emit(Kind::CloseHistogram, next);
            }
            _ => return self.fail(format!("histogram description incomplete unexpected: {}", quote_char(c))),
        };
        self.emit(kind, HERE)
    }

    /// Takes a word of a histogram literal whose first letter was taken.
    fn histogram_word(&mut self) -> Option<Token> {
        while self.peek().is_some_and(is_alpha) {
            self.pos += 1;
        }
        let lower = self.word().to_ascii_lowercase();
        let kind = if HISTOGRAM_KEYS.contains(&lower.as_str()) {
            if self.peek() != Some(':') {
                return self.fail("missing `:` for histogram descriptor");
            }
            Kind::HistogramKey
        } else if keyword(&lower) == Some(Kind::Number) {
            Kind::Number
        } else if RESET_HINTS.contains(&lower.as_str()) {
            Kind::ResetHint
        } else {
            return self.fail(format!("bad histogram descriptor found: {}", quote(self.word())));
        };
        self.emit(kind, State::Histogram)
    }

    pub(super) fn buckets(&mut self) -> Option<Token> {
        let c = self.bump();
        match c {
            Some(c) if is_space(c) => self.space(State::Statements),
            Some('-') => self.emit(Kind::Op(BinaryOp::Sub), State::Number),
            Some(c) if is_digit(c) => {
                self.pos -= 1;
                self.number()
            }
            Some(']') => {
                self.bracket_open = false;
                self.emit(Kind::RightBracket, State::Histogram)
            }
            Some(c) if is_alpha(c) => {
                // `inf` and `nan`: letters gather until they make one.
                if keyword(self.word()) == Some(Kind::Number) {
                    return self.emit(Kind::Number, State::Statements);
                }
                None
            }
            _ => self.fail(format!("invalid character in buckets description: {}", quote_char(c))),
        }
    }
}
