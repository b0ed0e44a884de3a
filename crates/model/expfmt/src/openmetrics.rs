//! Entries of OpenMetrics text.

use firesteel_base::TimestampMs;

use crate::error::{Fault, ParseError};
use crate::event::{Event, ExemplarValue};
use crate::float::parse_float;
use crate::parser::Parser;
use crate::token::Token;

impl<'a> Parser<'a> {
    pub(crate) fn next_openmetrics(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.begin_line();
        match self.token() {
            Token::EofWord => match self.token() {
                Token::Eof => Ok(None),
                _ => Err(self.error(Fault::DataAfterEof)),
            },
            Token::Eof => Err(self.error(Fault::NoEof)),
            keyword @ (Token::Help | Token::Type | Token::Unit) => self.metadata(keyword).map(Some),
            first @ (Token::MetricName | Token::BraceOpen) => self.openmetrics_sample(first).map(Some),
            token => Err(self.unexpected("expected a valid start token", token)),
        }
    }

    fn openmetrics_sample(&mut self, first: Token) -> Result<Event<'a>, ParseError> {
        let (series, token) = self.series(first)?;
        if token != Token::Value {
            return Err(self.unexpected("expected value after metric", token));
        }
        let value = self.number(1)?;
        let mut timestamp = None;
        match self.token() {
            Token::Eof => return Err(self.error(Fault::NoEof)),
            Token::Linebreak => {}
            Token::Comment => self.read_exemplar()?,
            Token::Timestamp => {
                timestamp = Some(self.seconds("")?);
                match self.token() {
                    Token::Linebreak => {}
                    Token::Comment => self.read_exemplar()?,
                    token => return Err(self.unexpected("expected next entry after timestamp", token)),
                }
            }
            // upstream: any other token after the value is let through here and refused as the next entry's start
            // (openmetricsparse.go, parseSeriesEndOfLine); kept.
            _ => {}
        }
        Ok(Self::sample(series, value, timestamp))
    }

    /// Reads labels, value and timestamp of an exemplar, up to the end of the line.
    fn read_exemplar(&mut self) -> Result<(), ParseError> {
        self.label_set(true)?;
        let token = self.token();
        if token != Token::Value {
            return Err(self.unexpected("expected value after exemplar labels", token));
        }
        let value = self.number(1)?;
        let timestamp = match self.token() {
            Token::Eof => return Err(self.error(Fault::NoEof)),
            Token::Linebreak => None,
            Token::Timestamp => {
                let t = self.seconds("exemplar ")?;
                let token = self.token();
                if token != Token::Linebreak {
                    return Err(self.unexpected("expected next entry after exemplar timestamp", token));
                }
                Some(t)
            }
            token => return Err(self.unexpected("expected timestamp or comment", token)),
        };
        self.set_exemplar(ExemplarValue { value, timestamp });
        Ok(())
    }

    /// Takes the present token as a time in seconds.
    fn seconds(&self, what: &'static str) -> Result<TimestampMs, ParseError> {
        let text = self.lexer.token().get(1..).unwrap_or_default();
        let seconds = parse_float(text).map_err(|number| self.bad_number(number))?;
        if !seconds.is_finite() {
            let value = match seconds {
                v if v.is_nan() => "NaN",
                v if v > 0.0 => "+Inf",
                _ => "-Inf",
            };
            return Err(self.error(Fault::TimestampNotFinite { what, value }));
        }
        Ok(TimestampMs((seconds * 1000.0) as i64))
    }
}
