//! Series of test scripts: labels, and values in their own notation.

use firesteel_go_compat::{parse_uint, quote};
use firesteel_model::{Labels, LabelsBuilder, stale_nan};

use super::{Halt, Parsed, Parser};
use crate::{
    operators::BinaryOp,
    series_desc::{CounterResetHint, HistogramChange, HistogramLiteral, HistogramRun, SeriesDescription, SeriesItem},
    span::Span,
    token::{Kind, Token},
};

const LABEL_SET: &str = "label set";
const SERIES_VALUES: &str = "series values";

impl Parser<'_> {
    /// A metric with nothing behind it.
    pub(crate) fn metric(&mut self) -> Parsed<Labels> {
        let labels = self.metric_labels()?;
        self.expect_end()?;
        Ok(labels)
    }

    fn metric_labels(&mut self) -> Parsed<Labels> {
        let token = self.peek();
        let mut labels = LabelsBuilder::new();
        let named = token.kind.is_metric_name();
        if named {
            self.take();
        }
        if self.peek_kind() == Kind::LeftBrace {
            self.take();
            while self.take_if(Kind::RightBrace).is_none() {
                let (name, value) = self.label_set_item()?;
                labels.set(&name, &value);
                match self.peek_kind() {
                    Kind::Comma => _ = self.take(),
                    Kind::RightBrace => {}
                    _ => return Err(self.unexpected(LABEL_SET, "\",\" or \"}\"")),
                }
            }
        }
        if named {
            labels.set("__name__", self.text(token));
        }
        Ok(labels.build())
    }

    fn label_set_item(&mut self) -> Parsed<(String, String)> {
        let label = self.peek();
        let name = match label.kind {
            Kind::Identifier => {
                self.take();
                self.text(label).to_owned()
            }
            Kind::String => {
                self.take();
                self.unquoted_text(label)
            }
            _ => return Err(self.unexpected(LABEL_SET, "identifier or \"}\"")),
        };
        if self.take_if(Kind::Equal).is_none() {
            if label.kind == Kind::String {
                return Ok(("__name__".to_owned(), name));
            }
            return Err(self.unexpected(LABEL_SET, "\"=\""));
        }
        match self.take_if(Kind::String) {
            Some(value) => Ok((name, self.unquoted_text(value))),
            None => Err(self.unexpected(LABEL_SET, "string")),
        }
    }

    /// A metric and its values.
    pub(crate) fn series_description(&mut self) -> Parsed<SeriesDescription> {
        let labels = self.metric_labels()?;
        let mut items = Vec::new();
        loop {
            match self.peek_kind() {
                Kind::Eof => return Ok(SeriesDescription { labels, items }),
                Kind::Space => _ = self.take(),
                _ => return Err(self.unexpected(SERIES_VALUES, "")),
            }
            if !matches!(self.peek_kind(), Kind::Eof | Kind::Space) {
                items.push(self.series_item()?);
            }
        }
    }

    fn series_item(&mut self) -> Parsed<SeriesItem> {
        match self.peek_kind() {
            Kind::Blank => {
                self.take();
                let count = self.repetition()?.unwrap_or(1);
                Ok(SeriesItem::Omitted { count })
            }
            Kind::OpenHistogram => self.histogram_run(),
            _ => self.float_run(),
        }
    }

    fn float_run(&mut self) -> Parsed<SeriesItem> {
        let token = self.peek();
        let value = if token.kind == Kind::Identifier {
            if self.text(token) != "stale" {
                self.unexpected(SERIES_VALUES, "number or \"stale\"");
            }
            self.take();
            stale_nan()
        } else {
            self.series_number()?
        };
        let increment = match self.peek_kind() {
            Kind::Op(BinaryOp::Add | BinaryOp::Sub) => Some(self.series_number()?),
            _ => None,
        };
        // One more than written: the position at time 0.
        let count = self.repetition()?.map(|times| times.saturating_add(1));
        match (increment, count) {
            (Some(_), None) => Err(self.unexpected(SERIES_VALUES, "")),
            _ => Ok(SeriesItem::Float { value, increment: increment.unwrap_or(0.0), count: count.unwrap_or(1) }),
        }
    }

    fn series_number(&mut self) -> Parsed<f64> {
        self.signed_number().map_err(|Halt| self.unexpected(SERIES_VALUES, ""))
    }

    /// Takes `x4`, if it is next.
    fn repetition(&mut self) -> Parsed<Option<u64>> {
        if self.take_if(Kind::Times).is_none() {
            return Ok(None);
        }
        match self.take_if(Kind::Number) {
            Some(token) => Ok(Some(self.unsigned(token))),
            None => Err(self.unexpected(SERIES_VALUES, "")),
        }
    }

    fn unsigned(&mut self, token: Token) -> u64 {
        parse_uint(self.text(token)).unwrap_or_else(|error| {
            self.fault(token.span, format!("invalid repetition in series values: {error}"));
            0
        })
    }

    fn histogram_run(&mut self) -> Parsed<SeriesItem> {
        let base = self.histogram_literal()?;
        let direction = match self.peek_kind() {
            Kind::Op(BinaryOp::Add) => Some(HistogramChange::Add),
            Kind::Op(BinaryOp::Sub) => Some(HistogramChange::Subtract),
            _ => None,
        };
        let change = match direction {
            None => None,
            Some(direction) => {
                self.take();
                if self.peek_kind() != Kind::OpenHistogram {
                    return Err(self.unexpected(SERIES_VALUES, ""));
                }
                Some((direction, self.histogram_literal()?))
            }
        };
        let count = match self.repetition()? {
            Some(times) => times.saturating_add(1),
            None if change.is_some() => return Err(self.unexpected(SERIES_VALUES, "")),
            None => 1,
        };
        if let Some((_, step)) = &change
            && count > 1
            && base.schema > step.schema
        {
            let (from, to) = (step.schema, base.schema);
            let span = Span::new(self.taken_end, self.taken_end);
            self.fault(span, format!("error combining histograms: cannot merge from schema {from} to {to}"));
        }
        Ok(SeriesItem::Histogram(Box::new(HistogramRun { base, change, count })))
    }

    fn histogram_literal(&mut self) -> Parsed<HistogramLiteral> {
        self.take();
        let mut literal = HistogramLiteral::default();
        let mut keys: Vec<String> = Vec::new();
        if self.take_if(Kind::Space).is_some() && self.peek_kind() != Kind::CloseHistogram {
            return Err(self.unexpected(SERIES_VALUES, ""));
        }
        while self.take_if(Kind::CloseHistogram).is_none() {
            if self.histogram_entry(&mut literal, &mut keys).is_err() {
                return Err(self.histogram_unexpected(&keys));
            }
            match self.peek_kind() {
                Kind::Space => _ = self.take(),
                Kind::CloseHistogram => {}
                _ => return Err(self.histogram_unexpected(&keys)),
            }
        }
        Ok(literal)
    }

    fn histogram_unexpected(&mut self, keys: &[String]) -> Halt {
        if keys.is_empty() {
            self.unexpected(SERIES_VALUES, "")
        } else {
            self.unexpected("histogram description", "histogram description key, e.g. buckets:[5 10 7]")
        }
    }

    /// `key:value`. A syntax error is not noted yet.
    fn histogram_entry(&mut self, literal: &mut HistogramLiteral, keys: &mut Vec<String>) -> Parsed<()> {
        let token = self.take_if(Kind::HistogramKey).ok_or(Halt)?;
        let key = self.text(token).to_ascii_lowercase();
        self.take_if(Kind::Colon).ok_or(Halt)?;
        let mut again = HistogramLiteral::default();
        let is_again = keys.contains(&key);
        let target = if is_again { &mut again } else { literal };
        match key.as_str() {
            "schema" => target.schema = self.histogram_integer()?,
            "offset" => target.offset = self.histogram_integer()?,
            "n_offset" => target.negative_offset = self.histogram_integer()?,
            "sum" => target.sum = self.signed_number()?,
            "count" => target.count = self.signed_number()?,
            "z_bucket" => target.zero_count = self.signed_number()?,
            "z_bucket_w" => {
                if self.peek_kind() != Kind::Number {
                    return Err(Halt);
                }
                target.zero_threshold = self.signed_number()?;
            }
            "custom_values" => target.custom_values = self.bucket_set()?,
            "buckets" => target.buckets = self.bucket_set()?,
            "n_buckets" => target.negative_buckets = self.bucket_set()?,
            _ => {
                let hint = self.take_if(Kind::ResetHint).ok_or(Halt)?;
                target.counter_reset_hint = Some(match self.text(hint).to_ascii_lowercase().as_str() {
                    "reset" => CounterResetHint::Reset,
                    "not_reset" => CounterResetHint::NotReset,
                    "gauge" => CounterResetHint::Gauge,
                    _ => CounterResetHint::Unknown,
                });
            }
        }
        if is_again {
            self.fault(Span::default(), format!("duplicate key {} in histogram", quote(&key)));
        }
        keys.push(key);
        Ok(())
    }

    /// upstream cuts integers to 32 bits without a check (promql/parser/parse.go, buildHistogramFromMap); kept.
    fn histogram_integer(&mut self) -> Parsed<i32> {
        let negative = self.take_if(Kind::Op(BinaryOp::Sub)).is_some();
        let token = self.take_if(Kind::Number).ok_or(Halt)?;
        let magnitude = self.unsigned(token) as i64;
        Ok((if negative { magnitude.wrapping_neg() } else { magnitude }) as i32)
    }

    /// `[1 2 3]`.
    fn bucket_set(&mut self) -> Parsed<Vec<f64>> {
        self.take_if(Kind::LeftBracket).ok_or(Halt)?;
        let mut buckets = vec![self.signed_number()?];
        while self.take_if(Kind::RightBracket).is_none() {
            self.take_if(Kind::Space).ok_or(Halt)?;
            if self.peek_kind() != Kind::RightBracket {
                buckets.push(self.signed_number()?);
            }
        }
        Ok(buckets)
    }
}
