//! Tokens of the text format 0.0.4, by the rules of upstream's `promlex.l`.

use crate::lexer::{Lexer, State, is_label_char, is_label_start, is_metric_char, is_metric_start};
use crate::token::Token;

impl Lexer<'_> {
    /// Returns the next token that is not white space.
    #[inline]
    pub(crate) fn text_token(&mut self) -> Token {
        loop {
            let token = self.text_lex();
            if token != Token::Whitespace {
                return token;
            }
        }
    }

    fn text_lex(&mut self) -> Token {
        if self.i >= self.len() {
            return Token::Eof;
        }
        self.start = self.i;
        let c = self.at(self.i);
        // In `Meta2` the text takes the white space with it, unless there is nothing else on the line.
        if is_blank(c) && self.state != State::Meta2 {
            self.skip_while(is_blank);
            return Token::Whitespace;
        }
        match self.state {
            State::Init => self.text_line_start(c),
            State::Comment | State::Meta1 => self.text_metadata_name(c),
            State::Meta2 => self.text_metadata_text(),
            State::Labels => self.text_label(c),
            State::LabelValue => {
                if c == b'"' && self.take_quoted(true) {
                    self.state = State::Labels;
                    Token::LabelValue
                } else {
                    Token::Invalid
                }
            }
            State::Value => match c {
                b'{' => {
                    self.i += 1;
                    self.state = State::Labels;
                    Token::BraceOpen
                }
                0 | b'\n' => Token::Invalid,
                _ => {
                    self.skip_while(|c| !matches!(c, 0 | b'{' | b' ' | b'\t' | b'\n'));
                    self.state = State::Timestamp;
                    Token::Value
                }
            },
            State::Timestamp => match c {
                b'\n' => {
                    self.i += 1;
                    self.state = State::Init;
                    Token::Linebreak
                }
                b'0'..=b'9' => {
                    self.skip_while(|c| c.is_ascii_digit());
                    Token::Timestamp
                }
                _ => Token::Invalid,
            },
            State::Exemplar | State::ExemplarValue | State::ExemplarTimestamp => Token::Invalid,
        }
    }

    fn text_line_start(&mut self, c: u8) -> Token {
        match c {
            // A null byte between lines ends the body.
            0 => {
                self.i += 1;
                Token::Eof
            }
            b'\n' => {
                self.i += 1;
                Token::Linebreak
            }
            b'{' => {
                self.i += 1;
                self.state = State::Labels;
                Token::BraceOpen
            }
            b'#' => {
                self.i += 1;
                if !is_blank(self.at(self.i)) {
                    return self.text_comment();
                }
                self.skip_while(is_blank);
                self.state = State::Comment;
                let keyword = match self.at(self.i) {
                    b'H' => self.take_word(b"HELP").then_some(Token::Help),
                    b'T' => self.take_word(b"TYPE").then_some(Token::Type),
                    _ => None,
                };
                match keyword {
                    Some(token) if is_blank(self.at(self.i)) => {
                        self.skip_while(is_blank);
                        self.state = State::Meta1;
                        token
                    }
                    _ => self.text_comment(),
                }
            }
            c if is_metric_start(c) => {
                self.skip_while(is_metric_char);
                self.state = State::Value;
                Token::MetricName
            }
            _ => Token::Invalid,
        }
    }

    fn text_metadata_name(&mut self, c: u8) -> Token {
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

    fn text_metadata_text(&mut self) -> Token {
        let rest = self.body.get(self.i..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        if end > 0 && rest.iter().take(end).all(|&c| is_blank(c)) {
            self.i += end;
            return Token::Whitespace;
        }
        self.i += end;
        self.state = State::Init;
        Token::Text
    }

    fn text_label(&mut self, c: u8) -> Token {
        match c {
            b'"' => {
                if self.take_quoted(true) {
                    Token::QuotedString
                } else {
                    Token::Invalid
                }
            }
            b'}' => {
                self.i += 1;
                self.state = State::Value;
                Token::BraceClose
            }
            b'=' => {
                self.i += 1;
                self.state = State::LabelValue;
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

    /// Takes the rest of a comment, without its line break.
    fn text_comment(&mut self) -> Token {
        loop {
            match self.at(self.i) {
                0 => return Token::Eof,
                b'\n' => {
                    self.state = State::Init;
                    return Token::Comment;
                }
                _ => {
                    self.advance();
                }
            }
        }
    }
}

#[inline]
fn is_blank(c: u8) -> bool {
    c == b' ' || c == b'\t'
}
