//! Tokens of OpenMetrics text 1.0, by the rules of upstream's `openmetricslex.l`: every blank counts.

use crate::lexer::{Lexer, State, is_label_char, is_label_start, is_metric_char, is_metric_start};
use crate::token::Token;

impl Lexer<'_> {
    pub(crate) fn openmetrics_token(&mut self) -> Token {
        if self.i >= self.len() {
            return Token::Eof;
        }
        self.start = self.i;
        let c = self.at(self.i);
        match self.state {
            State::Init => self.om_line_start(c),
            State::Comment => Token::Invalid,
            State::Meta1 => {
                if c == b'"' {
                    if !self.take_quoted(true) {
                        return Token::Invalid;
                    }
                } else if is_metric_start(c) {
                    self.skip_while(is_metric_char);
                } else {
                    return Token::Invalid;
                }
                self.state = State::Meta2;
                Token::MetricName
            }
            State::Meta2 => self.om_text(c),
            State::Labels => self.om_label(c, State::Value, State::LabelValue, true),
            State::LabelValue => self.om_label_value(c, State::Labels),
            State::Value => match c {
                b'{' => {
                    self.i += 1;
                    self.state = State::Labels;
                    Token::BraceOpen
                }
                b' ' => self.om_word(Token::Value, State::Timestamp),
                _ => Token::Invalid,
            },
            State::Timestamp => self.om_after_value(c, true),
            State::Exemplar => self.om_label(c, State::ExemplarValue, State::ExemplarValue, false),
            State::ExemplarValue => match c {
                b'"' => self.om_label_value(c, State::Exemplar),
                b' ' => self.om_word(Token::Value, State::ExemplarTimestamp),
                _ => Token::Invalid,
            },
            State::ExemplarTimestamp => self.om_after_value(c, false),
        }
    }

    fn om_line_start(&mut self, c: u8) -> Token {
        match c {
            b'#' => {
                self.i += 1;
                if self.at(self.i) != b' ' {
                    return Token::Invalid;
                }
                self.i += 1;
                self.state = State::Comment;
                let keyword = match self.at(self.i) {
                    b'H' => self.take_word(b"HELP ").then_some(Token::Help),
                    b'T' => self.take_word(b"TYPE ").then_some(Token::Type),
                    b'U' => self.take_word(b"UNIT ").then_some(Token::Unit),
                    b'E' if self.take_word(b"EOF") => {
                        if self.at(self.i) == b'\n' {
                            self.i += 1;
                        }
                        self.state = State::Init;
                        return Token::EofWord;
                    }
                    _ => None,
                };
                match keyword {
                    Some(token) => {
                        self.state = State::Meta1;
                        token
                    }
                    None => Token::Invalid,
                }
            }
            b'{' => {
                self.i += 1;
                self.state = State::Labels;
                Token::BraceOpen
            }
            c if is_metric_start(c) => {
                self.skip_while(is_metric_char);
                self.state = State::Value;
                Token::MetricName
            }
            _ => Token::Invalid,
        }
    }

    /// Takes a blank and the rest of the line with its break.
    fn om_text(&mut self, c: u8) -> Token {
        if c != b' ' {
            return Token::Invalid;
        }
        let rest = self.body.get(self.i..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(end) => {
                self.i += end + 1;
                self.state = State::Init;
                Token::Text
            }
            None => {
                self.i = self.len();
                Token::Invalid
            }
        }
    }

    /// Takes a piece of a label set; `closed` and `equal` are the states after `}` and `=`. The strings of an exemplar
    /// may not hold line breaks.
    fn om_label(&mut self, c: u8, closed: State, equal: State, multiline: bool) -> Token {
        match c {
            b'"' => {
                if self.take_quoted(multiline) {
                    Token::QuotedString
                } else {
                    Token::Invalid
                }
            }
            b'}' => {
                self.i += 1;
                self.state = closed;
                Token::BraceClose
            }
            b'=' => {
                self.i += 1;
                self.state = equal;
                Token::Equal
            }
            b',' => {
                self.i += 1;
                Token::Comma
            }
            c if is_label_start(c) => {
                self.skip_while(is_label_char);
                Token::LabelName
            }
            _ => Token::Invalid,
        }
    }

    fn om_label_value(&mut self, c: u8, after: State) -> Token {
        if c == b'"' && self.take_quoted(false) {
            self.state = after;
            Token::LabelValue
        } else {
            Token::Invalid
        }
    }

    /// Takes one blank and the word behind it.
    fn om_word(&mut self, token: Token, after: State) -> Token {
        self.i += 1;
        if matches!(self.at(self.i), 0 | b' ' | b'\n') {
            return Token::Invalid;
        }
        self.skip_while(|c| !matches!(c, 0 | b' ' | b'\n'));
        self.state = after;
        token
    }

    /// Takes a line break, a timestamp, or (after a sample's value) the ` # {` of an exemplar.
    fn om_after_value(&mut self, c: u8, exemplar_may_follow: bool) -> Token {
        match c {
            b'\n' => {
                self.i += 1;
                self.state = State::Init;
                Token::Linebreak
            }
            b' ' if exemplar_may_follow && self.at(self.i + 1) == b'#' && self.at(self.i + 2) == b' ' => {
                self.i += 3;
                if self.at(self.i) != b'{' {
                    return Token::Invalid;
                }
                self.i += 1;
                self.state = State::Exemplar;
                Token::Comment
            }
            b' ' => self.om_word(Token::Timestamp, self.state),
            _ => Token::Invalid,
        }
    }
}
