//! The pull parser of both text formats.
//!
//! [`Parser::next`] follows upstream's acceptance rules and error texts (`model/textparse/promparse.go`,
//! `openmetricsparse.go`, 3.14), oddities included. Who has seen a line before may skip the work: the `known_*` methods
//! take a line whose first bytes are already understood and read only what can have changed.

use std::borrow::Cow;

use firesteel_base::TimestampMs;
use firesteel_model::MetricType;

use crate::error::{Fault, LabelsError, NumberFault, ParseError};
use crate::event::{Event, ExemplarValue, Sample, SampleLabels};
use crate::float::{self, parse_value};
use crate::lexer::Lexer;
use crate::token::Token;
use crate::{escape, normalise, quoted};

/// The two formats of lines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Prometheus text 0.0.4 (and 1.0.0, which differs in negotiation only).
    Text,
    /// OpenMetrics text 0.0.1 and 1.0.0.
    OpenMetrics,
}

/// How a body is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParserOptions {
    /// Add `__type__` and `__unit__` from the metadata to the labels (feature `type-and-unit-labels`).
    pub type_and_unit_labels: bool,
}

/// Start and end of a name or value in the body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// Reads one body from front to back.
#[derive(Clone, Debug)]
pub struct Parser<'a> {
    pub(crate) lexer: Lexer<'a>,
    format: Format,
    options: ParserOptions,
    /// Start of the present entry's line.
    pub(crate) line: usize,
    pub(crate) metric_type: MetricType,
    pub(crate) unit: &'a [u8],
    /// Length of the name in the last metadata line.
    pub(crate) family_len: usize,
    pub(crate) name: Option<Span>,
    pub(crate) labels: Vec<(Span, Span)>,
    /// The present sample's line is ASCII without escapes.
    pub(crate) is_plain: bool,
    exemplar: Option<ExemplarValue>,
    exemplar_labels: Vec<(Span, Span)>,
}

impl<'a> Parser<'a> {
    /// Starts at the front of `body`.
    pub fn new(format: Format, body: &'a [u8], options: ParserOptions) -> Self {
        Self {
            lexer: Lexer::new(body, format == Format::Text),
            format,
            options,
            line: 0,
            metric_type: MetricType::Unknown,
            unit: &[],
            family_len: 0,
            name: None,
            labels: Vec::with_capacity(8),
            is_plain: false,
            exemplar: None,
            exemplar_labels: Vec::new(),
        }
    }

    /// Returns the format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the type that the last TYPE line gave.
    pub fn metric_type(&self) -> MetricType {
        self.metric_type
    }

    /// Returns the unit that the last UNIT line gave.
    pub fn unit(&self) -> &'a [u8] {
        self.unit
    }

    /// Returns where in the body the line of the last entry starts.
    pub fn line_start(&self) -> usize {
        self.line
    }

    /// Returns the number of the last entry's line, from 1; walks the body.
    pub fn line_number(&self) -> usize {
        memchr::memchr_iter(b'\n', self.lexer.range(0, self.line)).count() + 1
    }

    /// Returns the next entry, or `None` at the end of the body. After an error the parser must not be used again.
    #[expect(clippy::should_implement_trait, reason = "a pull parser that borrows itself for labels is no iterator")]
    pub fn next(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.forget();
        match self.format {
            Format::Text => self.next_text(),
            Format::OpenMetrics => self.next_openmetrics(),
        }
    }

    /// As [`Self::next`] of the text format, by tokens alone.
    #[cfg(test)]
    pub(crate) fn next_by_tokens(&mut self) -> Result<Option<Event<'a>>, ParseError> {
        self.forget();
        self.next_text_by_tokens()
    }

    /// Forgets the present sample.
    #[inline]
    fn forget(&mut self) {
        self.name = None;
        self.labels.clear();
        self.is_plain = false;
        self.exemplar = None;
        self.exemplar_labels.clear();
    }

    /// Writes the labels of the sample that `next` returned last: unescaped, `le` of histograms and `quantile` of
    /// summaries in OpenMetrics' float format (upstream: `normalizeFloatsInLabelValues`).
    pub fn labels(&self, out: &mut SampleLabels) -> Result<(), LabelsError> {
        out.clear();
        // Looked at once, then cut. A line that is no text somewhere may be some where it counts.
        let line = std::str::from_utf8(self.lexer.range(self.line, self.lexer.i)).ok();
        let name = self.name.unwrap_or_default();
        let name = self.text_of(line, name).ok_or_else(|| self.bad_name())?;
        out.push(firesteel_model::METRIC_NAME, &name);
        let with_type = self.options.type_and_unit_labels && self.metric_type != MetricType::Unknown;
        let unit = if self.options.type_and_unit_labels { self.unit } else { &[] };
        let unit = std::str::from_utf8(unit).unwrap_or_default();
        if with_type {
            out.push("__type__", self.metric_type.as_str());
        }
        if !unit.is_empty() {
            out.push("__unit__", unit);
        }
        for &(label, value) in &self.labels {
            let label = self.text_of(line, label).ok_or_else(|| self.bad_name())?;
            if self.options.type_and_unit_labels
                && match &*label {
                    "__name__" => !name.is_empty(),
                    "__type__" => with_type,
                    "__unit__" => !unit.is_empty(),
                    _ => false,
                }
            {
                continue;
            }
            let value = self.text_of(line, value).unwrap_or_default();
            match normalise::label_value(self.metric_type, &label, &value) {
                Some(normal) => out.push(&label, &normal),
                None => out.push(&label, &value),
            }
        }
        match out.duplicate() {
            Some(name) => Err(LabelsError::Duplicate { name: name.to_owned() }),
            None => Ok(()),
        }
    }

    /// Returns the name and the labels of the sample that `next` returned last where [`Self::labels`] would write them as they
    /// stand on the line, none from the metadata; they are not looked through for names that stand twice.
    #[inline]
    pub fn plain_labels(&self) -> Option<(&'a str, impl Iterator<Item = (&'a str, &'a str)> + '_)> {
        let normalised = matches!(self.metric_type, MetricType::Histogram | MetricType::Summary);
        if !self.is_plain || normalised || self.options.type_and_unit_labels {
            return None;
        }
        let line = std::str::from_utf8(self.lexer.range(self.line, self.lexer.i)).ok()?;
        let from = self.line;
        let cut = move |span: Span| line.get(span.from - from..span.to - from).unwrap_or_default();
        Some((cut(self.name?), self.labels.iter().map(move |&(name, value)| (cut(name), cut(value)))))
    }

    /// Returns the exemplar of the sample that `next` returned last, and writes its labels, which upstream takes as
    /// they stand, without undoing escapes.
    pub fn exemplar(&self, out: &mut SampleLabels) -> Option<ExemplarValue> {
        let exemplar = self.exemplar?;
        out.clear();
        for &(label, value) in &self.exemplar_labels {
            let label = std::str::from_utf8(self.lexer.range(label.from, label.to)).unwrap_or_default();
            let value = std::str::from_utf8(self.lexer.range(value.from, value.to)).unwrap_or_default();
            out.push(label, value);
        }
        Some(exemplar)
    }

    /// Returns the body from the start of the line that comes next.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.lexer.body.get(self.lexer.i..).unwrap_or_default()
    }

    /// Returns where in the body the next line starts.
    #[inline]
    pub fn position(&self) -> usize {
        self.lexer.i
    }

    /// Takes the next line as a sample whose first `series_len` bytes are known to be a whole series, and returns its
    /// value and timestamp. `None`, with nothing taken, if the rest of the line is anything but one blank, a short
    /// decimal and perhaps another blank and a timestamp: then `next` must decide.
    #[inline]
    pub fn known_sample(&mut self, series_len: usize) -> Option<(f64, Option<TimestampMs>)> {
        let rest = self.rest();
        let after = rest.get(series_len..)?;
        let [b' ', after @ ..] = after else { return None };
        let (value, len) = float::short_decimal(after)?;
        match after.get(len) {
            Some(b'\n') => {
                self.lexer.i += series_len + 1 + len + 1;
                Some((value, None))
            }
            Some(b' ') => self.known_timestamp(series_len + 1 + len + 1, value),
            _ => None,
        }
    }

    fn known_timestamp(&mut self, at: usize, value: f64) -> Option<(f64, Option<TimestampMs>)> {
        let text = self.rest().get(at..)?;
        let (t, len) = match self.format {
            Format::Text => {
                let len = text.iter().take(19).take_while(|c| c.is_ascii_digit()).count();
                if len == 0 || len > 18 {
                    return None;
                }
                let t = text.iter().take(len).fold(0i64, |t, c| t * 10 + i64::from(c - b'0'));
                (t, len)
            }
            Format::OpenMetrics => {
                let (seconds, len) = float::short_decimal(text)?;
                ((seconds * 1000.0) as i64, len)
            }
        };
        if text.get(len) != Some(&b'\n') {
            return None;
        }
        self.lexer.i += at + len + 1;
        Some((value, Some(TimestampMs(t))))
    }

    /// Steps over the next line, `line_len` bytes without its break: known HELP, TYPE or comment. `metric_type` is what
    /// a TYPE line sets. Returns false, with nothing taken, when no line break follows.
    #[inline]
    pub fn known_metadata(&mut self, line_len: usize, metric_type: Option<MetricType>) -> bool {
        if self.rest().get(line_len) != Some(&b'\n') {
            return false;
        }
        self.lexer.i += line_len + 1;
        if let Some(metric_type) = metric_type {
            self.metric_type = metric_type;
        }
        true
    }

    /// Returns the name of the present sample as it stands.
    pub(crate) fn raw_name(&self) -> &'a [u8] {
        self.name.map_or(&[], |name| self.lexer.range(name.from, name.to))
    }

    /// Returns names and values of the present sample's labels as they stand, in their order.
    pub(crate) fn raw_labels(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let bytes = |span: &Span| self.lexer.range(span.from, span.to);
        self.labels.iter().map(move |(name, value)| (bytes(name), bytes(value)))
    }

    /// Returns as much of the present line from its name on as the name in the last metadata line is long. `None` where a set
    /// in braces does not begin with the name.
    pub(crate) fn family_in_series(&self) -> Option<&'a [u8]> {
        let from = self.name?.from;
        // upstream: cuts from the front of the series and panics where a label comes before the name; here it has no start.
        (from <= self.line + 2).then(|| self.lexer.range(from, (from + self.family_len).min(self.lexer.body.len())))
    }

    /// Goes on where `other` stands, on the same body.
    pub(crate) fn move_to(&mut self, other: &Self) {
        self.lexer.clone_from(&other.lexer);
        self.line = other.line;
        self.metric_type = other.metric_type;
    }

    /// Returns the unescaped text of a name or value, `None` when it is not UTF-8. `line` is the present line, if that is.
    #[inline]
    fn text_of(&self, line: Option<&'a str>, span: Span) -> Option<Cow<'a, str>> {
        let (from, to) = (span.from.checked_sub(self.line), span.to.checked_sub(self.line));
        let cut = line.zip(from.zip(to)).and_then(|(line, (from, to))| line.get(from..to));
        let text = cut.or_else(|| std::str::from_utf8(self.lexer.range(span.from, span.to)).ok());
        text.map(|text| if self.is_plain { Cow::Borrowed(text) } else { escape::label(text) })
    }

    #[cold]
    fn bad_name(&self) -> LabelsError {
        LabelsError::NameNotUtf8 { series: quoted::quote(self.lexer.range(self.line, self.lexer.i)) }
    }

    #[inline]
    pub(crate) fn token(&mut self) -> Token {
        match self.format {
            Format::Text => self.lexer.text_token(),
            Format::OpenMetrics => self.lexer.openmetrics_token(),
        }
    }

    /// Reads the name, text and meaning of a metadata line after its keyword.
    pub(crate) fn metadata(&mut self, keyword: Token) -> Result<Event<'a>, ParseError> {
        let token = self.token();
        if token != Token::MetricName {
            return Err(self.unexpected(&format!("expected metric name after {}", keyword.as_str()), token));
        }
        let name = match self.lexer.token() {
            [b'"', inner @ .., b'"'] => inner,
            name => name,
        };
        self.family_len = name.len();
        let token = self.token();
        if token != Token::Text {
            let keyword = keyword.as_str();
            return Err(self.error(match self.format {
                Format::Text => Fault::NoText { keyword, token: token.as_str() },
                Format::OpenMetrics => Fault::NoTextOpenMetrics { keyword },
            }));
        }
        // The first byte is the blank before the text; in OpenMetrics the last is the line break.
        let text = self.lexer.token();
        let text = text.get(1..).unwrap_or_default();
        let text = if self.format == Format::OpenMetrics { text.strip_suffix(b"\n").unwrap_or(text) } else { text };
        let event = match keyword {
            Token::Type => {
                self.metric_type = self.type_word(text)?;
                Event::Type { name, metric_type: self.metric_type }
            }
            Token::Unit => {
                self.unit = text;
                let fits = name.strip_suffix(text).is_some_and(|stem| stem.last() == Some(&b'_'));
                if !text.is_empty() && !fits {
                    let (unit, metric) = (quoted::quote(text), quoted::quote(name));
                    return Err(self.error(Fault::Unit { unit, metric }));
                }
                Event::Unit { name, unit: text }
            }
            _ => match std::str::from_utf8(text) {
                Ok(text) if self.format == Format::Text => Event::Help { name, text: escape::help(text) },
                Ok(text) => Event::Help { name, text: escape::label(text) },
                Err(_) => return Err(self.error(Fault::HelpNotUtf8 { text: quoted::quote(text) })),
            },
        };
        if self.format == Format::Text {
            let token = self.token();
            if token != Token::Linebreak {
                return Err(self.unexpected("linebreak expected after metadata", token));
            }
        }
        Ok(event)
    }

    pub(crate) fn type_word(&self, word: &[u8]) -> Result<MetricType, ParseError> {
        let openmetrics = self.format == Format::OpenMetrics;
        Ok(match word {
            b"counter" => MetricType::Counter,
            b"gauge" => MetricType::Gauge,
            b"histogram" => MetricType::Histogram,
            b"summary" => MetricType::Summary,
            b"untyped" if !openmetrics => MetricType::Unknown,
            b"gaugehistogram" if openmetrics => MetricType::GaugeHistogram,
            b"info" if openmetrics => MetricType::Info,
            b"stateset" if openmetrics => MetricType::StateSet,
            b"unknown" if openmetrics => MetricType::Unknown,
            _ => return Err(self.error(Fault::MetricType { word: quoted::quote(word) })),
        })
    }

    /// Reads a series that starts with `first` (a name or an opening brace), and returns its bytes and the token that
    /// follows.
    pub(crate) fn series(&mut self, first: Token) -> Result<(&'a [u8], Token), ParseError> {
        if first == Token::BraceOpen {
            self.label_set(false)?;
        } else {
            // upstream: blanks before a name become a part of it (promparse.go, Next); kept.
            self.name = Some(Span { from: self.line, to: self.lexer.i });
        }
        let mut series = self.lexer.range(self.line, self.lexer.i);
        let mut token = self.token();
        if first == Token::MetricName && token == Token::BraceOpen {
            self.label_set(false)?;
            series = self.lexer.range(self.line, self.lexer.i);
            token = self.token();
        }
        if self.name.is_none() {
            return Err(self.error(Fault::NoName { line: self.quoted_line() }));
        }
        Ok((series, token))
    }

    /// Reads what stands between braces, the closing one included.
    pub(crate) fn label_set(&mut self, exemplar: bool) -> Result<(), ParseError> {
        let mut token = self.token();
        loop {
            let mut label = Span { from: self.lexer.start, to: self.lexer.i };
            match token {
                Token::BraceClose => return Ok(()),
                Token::LabelName | Token::QuotedString => {}
                _ => return Err(self.unexpected("expected label name", token)),
            }
            let is_quoted = token == Token::QuotedString;
            token = self.token();
            if is_quoted {
                label = Span { from: label.from + 1, to: label.to - 1 };
                // A quoted string with no value is the metric's name.
                if matches!(token, Token::Comma | Token::BraceClose) {
                    if exemplar {
                        return Err(self.unexpected("expected label name", token));
                    }
                    if self.name.is_some() {
                        return Err(self.error(Fault::NameTwice { line: self.quoted_line() }));
                    }
                    self.name = Some(label);
                    if token == Token::BraceClose {
                        return Ok(());
                    }
                    token = self.token();
                    continue;
                }
            }
            if token != Token::Equal {
                return Err(self.unexpected("expected equal", token));
            }
            token = self.token();
            if token != Token::LabelValue {
                return Err(self.unexpected("expected label value", token));
            }
            let shown = self.lexer.token();
            if std::str::from_utf8(shown).is_err() {
                return Err(self.error(Fault::LabelValueNotUtf8 { value: quoted::quote(shown) }));
            }
            let value = Span { from: self.lexer.start + 1, to: self.lexer.i - 1 };
            let list = if exemplar { &mut self.exemplar_labels } else { &mut self.labels };
            list.push((label, value));
            token = self.token();
            if token == Token::Comma {
                token = self.token();
            } else if self.format == Format::OpenMetrics && token != Token::BraceClose {
                return Err(self.unexpected("expected comma or brace close", token));
            }
        }
    }

    /// Takes the present token as a number; `blank` is how many bytes stand before it in the token.
    pub(crate) fn number(&self, blank: usize) -> Result<f64, ParseError> {
        let text = self.lexer.token().get(blank..).unwrap_or_default();
        parse_value(text).map_err(|number| self.bad_number(number))
    }

    #[cold]
    pub(crate) fn bad_number(&self, number: NumberFault) -> ParseError {
        self.error(Fault::Number { number, line: self.quoted_line() })
    }

    pub(crate) fn set_exemplar(&mut self, exemplar: ExemplarValue) {
        self.exemplar = Some(exemplar);
    }

    pub(crate) fn sample(series: &'a [u8], value: f64, timestamp: Option<TimestampMs>) -> Event<'a> {
        Event::Sample(Sample { series, value, timestamp })
    }

    fn quoted_line(&self) -> String {
        quoted::quote(&self.lexer.bytes(self.line, self.lexer.i))
    }

    #[cold]
    pub(crate) fn unexpected(&self, expected: &str, token: Token) -> ParseError {
        let end = self.lexer.len().min(self.lexer.i + 1);
        let got = quoted::quote(&self.lexer.bytes(self.lexer.start, end));
        let line = quoted::quote(&self.lexer.bytes(self.line, end));
        self.error(Fault::Unexpected { expected: expected.to_owned(), got, token: token.as_str(), line })
    }

    #[cold]
    pub(crate) fn error(&self, fault: Fault) -> ParseError {
        ParseError { fault, line: self.line_number(), offset: self.line }
    }

    pub(crate) fn begin_line(&mut self) {
        self.line = self.lexer.i;
    }
}
