//! What we say beside upstream's error text: the place, what to do, and the query as it should read.
//!
//! The `error` string stays upstream's to the letter, because tools match on it.

use firesteel_promql::{Advice, QueryError, advise};
use firesteel_promql_syntax::{Hint, ParseErrors, Span};

use crate::Json;

/// The `detail` object of an error.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Detail {
    /// A stable code, `FS1002`; empty when there is only a place to be told.
    code: &'static str,
    /// What to do, in a sentence.
    message: String,
    place: Option<Place>,
    /// The whole query, or the parameter, as it should read.
    fix: Option<String>,
    /// The part of the query that is meant.
    expression: Option<String>,
}

/// A part of the query's text: line and column from 1, the column in bytes; `start` and `end` are bytes from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    line: usize,
    column: usize,
    start: usize,
    end: usize,
}

impl Place {
    fn of(span: Span, query: &str) -> Option<Self> {
        let (line, column) = span.line_column(query)?;
        Some(Self { line, column, start: span.start, end: span.end })
    }
}

impl Detail {
    /// Returns what there is to say of an expression that does not parse.
    pub(crate) fn of_parse(query: &str, errors: &ParseErrors) -> Option<Self> {
        let first = errors.first();
        let place = Place::of(first.span, query);
        let expression = part(query, first.span);
        let Some(Hint { code, message, suggestion }) = first.hint.clone() else {
            return place.map(|place| Self { place: Some(place), expression, ..Self::default() });
        };
        Some(Self { code, message, place, fix: suggestion, expression })
    }

    /// Returns what there is to say of a query that failed.
    pub(crate) fn of_query(query: &str, error: &QueryError) -> Option<Self> {
        let (span, advice) = advise(query, error);
        let place = span.and_then(|span| Place::of(span, query));
        let expression = span.and_then(|span| part(query, span));
        match advice {
            Some(Advice { code, message, fix }) => Some(Self { code, message, place, fix, expression }),
            None => place.map(|place| Self { place: Some(place), expression, ..Self::default() }),
        }
    }

    /// Returns advice without a place in the query.
    pub(crate) fn advice(code: &'static str, message: String, fix: Option<String>) -> Self {
        Self { code, message, fix, ..Self::default() }
    }

    /// Adds what only a server knows: how many series a selector of everything would select.
    pub(crate) fn count(&mut self, series: impl FnOnce() -> u64) {
        if self.code == "FS1012" {
            let all = "this selects every series";
            self.message = self.message.replacen(all, &format!("{all} (here: {})", series()), 1);
        }
    }

    pub(crate) fn push(&self, json: &mut Json) {
        let mut first = true;
        let mut field = |json: &mut Json, name: &str| {
            json.raw(if std::mem::take(&mut first) { "{" } else { "," }).string(name).raw(":");
        };
        if !self.code.is_empty() {
            field(json, "code");
            json.string(self.code);
            field(json, "message");
            json.string(&self.message);
        }
        if let Some(place) = self.place {
            field(json, "position");
            json.raw(r#"{"line":"#).int(place.line as i64).raw(r#","column":"#).int(place.column as i64);
            json.raw(r#","start":"#).int(place.start as i64).raw(r#","end":"#).int(place.end as i64).raw("}");
        }
        for (name, text) in [("expression", &self.expression), ("fix", &self.fix)] {
            if let Some(text) = text {
                field(json, name);
                json.string(text);
            }
        }
        json.raw(if first { "{}" } else { "}" });
    }
}

fn part(query: &str, span: Span) -> Option<String> {
    query.get(span.start..span.end).filter(|part| !part.is_empty()).map(str::to_owned)
}
