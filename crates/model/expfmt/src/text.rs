//! Entries of the text format 0.0.4.

use firesteel_base::TimestampMs;

use crate::error::{NumberFault, ParseError};
use crate::event::Event;
use crate::parser::Parser;
use crate::quoted;
use crate::token::Token;

impl<'a> Parser<'a> {
    pub(crate) fn next_text(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.begin_line();
        match self.plain_line() {
            None => self.next_text_by_tokens(),
            plain => Ok(plain),
        }
    }

    pub(crate) fn next_text_by_tokens(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        loop {
            self.begin_line();
            return match self.token() {
                Token::Eof => Ok(None),
                Token::Linebreak => continue,
                keyword @ (Token::Help | Token::Type) => self.metadata(keyword).map(Some),
                Token::Comment => {
                    let text = self.lexer.token();
                    let token = self.token();
                    if token != Token::Linebreak {
                        return Err(self.unexpected("linebreak expected after comment", token));
                    }
                    Ok(Some(Event::Comment(text)))
                }
                first @ (Token::MetricName | Token::BraceOpen) => self.text_sample(first).map(Some),
                token => Err(self.unexpected("expected a valid start token", token)),
            };
        }
    }

    fn text_sample(&mut self, first: Token) -> Result<Event<'a>, ParseError> {
        let (series, token) = self.series(first)?;
        if token != Token::Value {
            return Err(self.unexpected("expected value after metric", token));
        }
        let value = self.number(0)?;
        let timestamp = match self.token() {
            Token::Linebreak => None,
            Token::Timestamp => {
                let digits = self.lexer.token();
                let t = std::str::from_utf8(digits)
                    .ok()
                    .and_then(|t| t.parse::<i64>().ok())
                    .ok_or_else(|| self.bad_number(NumberFault::IntRange { text: quoted::quote(digits) }))?;
                let token = self.token();
                if token != Token::Linebreak {
                    return Err(self.unexpected("expected next entry after timestamp", token));
                }
                Some(TimestampMs(t))
            }
            token => return Err(self.unexpected("expected timestamp or new record", token)),
        };
        Ok(Self::sample(series, value, timestamp))
    }
}
