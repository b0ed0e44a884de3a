//! Metric families of a body in the text format, as upstream's `expfmt` (common 0.70) gathers them for its tools.
//!
//! The scrape's parser reads lines; a linter wants families: help, type, and the labels of each metric, with the lines
//! of a histogram or summary made one. Faults are in `expfmt`'s words. One oddity is not kept: a `{…}` without a name
//! is refused everywhere, where `expfmt` may give it to the family before.

use std::collections::HashMap;

use firesteel_expfmt::parse_value;
use firesteel_go_compat::quote;
use firesteel_model::ValidationScheme;

/// What `# TYPE` can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Summary,
    Untyped,
    Histogram,
    GaugeHistogram,
}

impl Kind {
    fn parse(word: &str) -> Option<Self> {
        Some(match word.to_uppercase().as_str() {
            "COUNTER" => Self::Counter,
            "GAUGE" => Self::Gauge,
            "SUMMARY" => Self::Summary,
            "UNTYPED" => Self::Untyped,
            "HISTOGRAM" => Self::Histogram,
            "GAUGE_HISTOGRAM" | "GAUGEHISTOGRAM" => Self::GaugeHistogram,
            _ => return None,
        })
    }

    fn has_buckets(self) -> bool {
        matches!(self, Self::Histogram | Self::GaugeHistogram)
    }

    /// Returns the label that tells the lines of one metric apart.
    fn part_label(self) -> Option<&'static str> {
        match self {
            Self::Summary => Some("quantile"),
            Self::Histogram | Self::GaugeHistogram => Some("le"),
            _ => None,
        }
    }
}

/// A metric: labels in the order of its line, and what its lines say.
#[derive(Debug, Default)]
pub(crate) struct Metric {
    pub(crate) labels: Vec<(String, String)>,
    /// Buckets or quantiles: the number of `le` or `quantile`, and the value.
    pub(crate) parts: Vec<(f64, f64)>,
    /// The value, or the sum of observations.
    pub(crate) value: f64,
    /// Observations of a histogram or summary.
    pub(crate) count: f64,
    /// The last time that a line gave, in milliseconds.
    pub(crate) t_ms: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: Option<String>,
    kind: Option<Kind>,
    pub(crate) metrics: Vec<Metric>,
    /// Histograms and summaries: where the metric with these sorted labels is.
    by_labels: HashMap<Vec<(String, String)>, usize>,
}

impl Family {
    pub(crate) fn kind(&self) -> Kind {
        self.kind.unwrap_or(Kind::Untyped)
    }
}

/// A body cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("text format parsing error in line {line}: {why}")]
pub(crate) struct FamiliesError {
    pub(crate) line: usize,
    pub(crate) why: String,
}

/// Reads a body; families without metrics are left out, the others stand in the order of their first lines.
pub(crate) fn metric_families(body: &[u8], names: ValidationScheme) -> Result<Vec<Family>, FamiliesError> {
    let mut reader = Reader { body, at: 0, names, families: Vec::new(), by_name: HashMap::new() };
    let mut line = 0;
    loop {
        line += 1;
        match reader.line() {
            Ok(true) => {}
            Ok(false) => break,
            Err(why) => return Err(FamiliesError { line, why }),
        }
    }
    reader.families.retain(|family| !family.metrics.is_empty());
    Ok(reader.families)
}

type Read<T> = Result<T, String>;

/// Which of a histogram's or summary's own lines a name stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Plain,
    Count,
    Sum,
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    names: ValidationScheme,
    families: Vec<Family>,
    by_name: HashMap<String, usize>,
}

/// What stands before a value.
struct Series {
    family: usize,
    line: Line,
    labels: Vec<(String, String)>,
    /// The number of `le` or `quantile`.
    part: Option<f64>,
}

impl Reader<'_> {
    fn peek(&self) -> Read<u8> {
        self.body.get(self.at).copied().ok_or_else(|| "unexpected end of input stream".to_owned())
    }

    fn skip_blanks(&mut self) {
        while matches!(self.body.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Skips blanks and returns the byte behind them, which is not taken.
    fn next_word(&mut self) -> Read<u8> {
        self.skip_blanks();
        self.peek()
    }

    /// Takes one line; returns false at the end of the body.
    fn line(&mut self) -> Read<bool> {
        self.skip_blanks();
        match self.body.get(self.at) {
            None => return Ok(false),
            Some(b'\n') => self.at += 1,
            Some(b'#') => {
                self.at += 1;
                self.comment()?;
            }
            Some(b'{') => {
                self.at += 1;
                let series = self.labels(None)?;
                self.value(series)?;
            }
            Some(_) => {
                let name = self.name(true)?;
                if name.is_empty() {
                    return Err("invalid metric name".to_owned());
                }
                let named = self.family(name)?;
                self.settle_type(named.0);
                let series = if self.next_word()? == b'{' {
                    self.at += 1;
                    self.labels(Some(named))?
                } else {
                    Series { family: named.0, line: named.1, labels: Vec::new(), part: None }
                };
                self.value(series)?;
            }
        }
        Ok(true)
    }

    fn comment(&mut self) -> Read<()> {
        self.next_word()?;
        let keyword = self.until_blank()?.to_vec();
        let is_help = keyword == b"HELP";
        if self.peek()? != b'\n' && !is_help && keyword != b"TYPE" {
            while self.peek()? != b'\n' {
                self.at += 1;
            }
        }
        if self.peek()? == b'\n' {
            self.at += 1;
            return Ok(());
        }
        self.next_word()?;
        let name = self.name(true)?;
        match self.peek()? {
            b'\n' => {
                self.at += 1;
                return Ok(());
            }
            b' ' | b'\t' => {}
            _ => return Err("invalid metric name in comment".to_owned()),
        }
        let (family, _) = self.family(name)?;
        if self.next_word()? != b'\n' {
            if is_help { self.help(family)? } else { self.type_of(family)? }
        }
        self.at += 1;
        Ok(())
    }

    fn help(&mut self, family: usize) -> Read<()> {
        if self.families[family].help.is_some() {
            return Err(format!("second HELP line for metric name {}", quote(&self.families[family].name)));
        }
        let text = self.until_newline(true)?;
        self.families[family].help = Some(String::from_utf8_lossy(&text).into_owned());
        Ok(())
    }

    fn type_of(&mut self, family: usize) -> Read<()> {
        if self.families[family].kind.is_some() {
            let name = quote(&self.families[family].name);
            return Err(format!("second TYPE line for metric name {name}, or TYPE reported after samples"));
        }
        let word = self.until_newline(false)?;
        let kind = std::str::from_utf8(&word).ok().and_then(Kind::parse);
        self.families[family].kind = Some(kind.ok_or_else(|| format!("unknown metric type {}", quote(&word)))?);
        Ok(())
    }

    fn settle_type(&mut self, family: usize) {
        self.families[family].kind.get_or_insert(Kind::Untyped);
    }

    /// Finds or makes the family of a line with this name.
    fn family(&mut self, name: Vec<u8>) -> Read<(usize, Line)> {
        let name = String::from_utf8(name).map_err(|e| format!("invalid metric name {}", quote(e.as_bytes())))?;
        if !self.names.is_valid_metric_name(&name) {
            return Err(format!("invalid metric name {}", quote(&name)));
        }
        if let Some(&at) = self.by_name.get(&name) {
            return Ok((at, Line::Plain));
        }
        for (suffix, line) in [("_count", Line::Count), ("_sum", Line::Sum), ("_bucket", Line::Plain)] {
            let stem = name.strip_suffix(suffix).filter(|stem| !stem.is_empty());
            if let Some(&at) = stem.and_then(|stem| self.by_name.get(stem)) {
                let kind = self.families[at].kind();
                if kind.has_buckets() || (kind == Kind::Summary && suffix != "_bucket") {
                    return Ok((at, line));
                }
            }
        }
        let at = self.families.len();
        self.by_name.insert(name.clone(), at);
        let (metrics, by_labels) = (Vec::new(), HashMap::new());
        self.families.push(Family { name, help: None, kind: None, metrics, by_labels });
        Ok((at, Line::Plain))
    }

    /// Reads what stands between braces, and the closing one. `named` is the family when the name stood before.
    fn labels(&mut self, named: Option<(usize, Line)>) -> Read<Series> {
        let inside = named.is_none();
        let mut named = named;
        let mut labels: Vec<(String, String)> = Vec::new();
        let mut part = None;
        loop {
            if self.next_word()? == b'}' {
                break;
            }
            let name = self.name(false)?;
            let shown = |reader: &Self| quote(named.map_or("", |(at, _)| &reader.families[at].name)).to_string();
            if name.is_empty() {
                return Err(format!("invalid label name for metric {}", shown(self)));
            }
            let next = self.next_word()?;
            if next != b'=' {
                if !inside {
                    return Err(format!("expected '=' after label name, found {}", quoted_byte(next)));
                }
                if named.is_some() {
                    return Err(format!("multiple metric names for metric {}", shown(self)));
                }
                if next != b',' && next != b'}' {
                    return Err(format!("unexpected end of metric name {}", quoted_byte(next)));
                }
                let found = self.family(name)?;
                self.settle_type(found.0);
                named = Some(found);
                if next == b'}' {
                    break;
                }
                self.at += 1;
                continue;
            }
            self.at += 1;
            let name = String::from_utf8(name).map_err(|e| format!("invalid label name {}", quote(e.as_bytes())))?;
            if name == "__name__" {
                return Err("label name \"__name__\" is reserved".to_owned());
            }
            if !self.names.is_valid_label_name(&name) {
                return Err(format!("invalid label name {}", quote(&name)));
            }
            let kind = named.map_or(Kind::Untyped, |(at, _)| self.families[at].kind());
            let is_part = kind.part_label() == Some(name.as_str());
            if !is_part && labels.iter().any(|(other, _)| *other == name) {
                return Err(format!("duplicate label names for metric {}", shown(self)));
            }
            let value = self.label_value()?;
            if is_part {
                let number = parse_value(value.as_bytes());
                let number =
                    number.map_err(|_| format!("expected float as value for '{name}' label, got {}", quote(&value)))?;
                part = Some(number).filter(|number| !number.is_nan());
            }
            match self.next_word()? {
                b',' => self.at += 1,
                b'}' => {}
                _ => return Err(format!("unexpected end of label value {}", quote(&value))),
            }
            if !is_part {
                labels.push((name, value));
            }
        }
        self.at += 1;
        let (family, line) = named.ok_or("invalid metric name")?;
        Ok(Series { family, line, labels, part })
    }

    fn value(&mut self, series: Series) -> Read<()> {
        self.next_word()?;
        let text = self.until_blank()?;
        let value = parse_value(text).map_err(|_| format!("expected float as value, got {}", quote(text)))?;
        let family = &mut self.families[series.family];
        let kind = family.kind();
        if kind.has_buckets() && value < 0.0 {
            if series.line == Line::Count {
                return Err(format!("negative count for histogram {}", quote(&family.name)));
            }
            if series.line == Line::Plain && series.part.is_some() {
                return Err(format!("negative bucket population for histogram {}", quote(&family.name)));
            }
        }
        let next = family.metrics.len();
        let at = if kind.part_label().is_some() {
            let mut key = series.labels.clone();
            key.sort_unstable();
            *family.by_labels.entry(key).or_insert(next)
        } else {
            next
        };
        if at == next {
            family.metrics.push(Metric { labels: series.labels, ..Metric::default() });
        }
        if let Some(metric) = family.metrics.get_mut(at) {
            match (series.line, series.part) {
                (Line::Count, _) => metric.count = value,
                (Line::Plain, Some(part)) => metric.parts.push((part, value)),
                (Line::Plain, None) if kind.part_label().is_some() => {}
                _ => metric.value = value,
            }
        }
        if self.peek()? != b'\n' {
            let t_ms = self.timestamp()?;
            if let Some(metric) = self.families.get_mut(series.family).and_then(|family| family.metrics.get_mut(at)) {
                metric.t_ms = Some(t_ms);
            }
        }
        self.at += 1;
        Ok(())
    }

    fn timestamp(&mut self) -> Read<i64> {
        self.next_word()?;
        let text = self.until_blank()?;
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
        let number = number.ok_or_else(|| format!("expected integer as timestamp, got {}", quote(text)))?;
        let rest = self.until_newline(false)?;
        if rest.is_empty() { Ok(number) } else { Err(format!("spurious string after timestamp: {}", quote(&rest))) }
    }

    fn until_blank(&mut self) -> Read<&[u8]> {
        let from = self.at;
        while !matches!(self.peek()?, b' ' | b'\t' | b'\n') {
            self.at += 1;
        }
        Ok(self.body.get(from..self.at).unwrap_or_default())
    }

    /// Takes the rest of the line but its break. Without escapes, backslashes are dropped, as `expfmt` does.
    fn until_newline(&mut self, escapes: bool) -> Read<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.peek()? {
                b'\n' => return Ok(text),
                b'\\' if escapes => text.push(self.escape()?),
                b'\\' => self.at += 1,
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// Takes a backslash and what it escapes.
    fn escape(&mut self) -> Read<u8> {
        self.at += 1;
        let byte = match self.peek()? {
            b'n' => b'\n',
            byte @ (b'\\' | b'"') => byte,
            byte => return Err(format!("invalid escape sequence '\\{}'", char::from(byte))),
        };
        self.at += 1;
        Ok(byte)
    }

    /// Takes the name of a metric or a label, in quotes or not; nothing when none starts here.
    fn name(&mut self, metric: bool) -> Read<Vec<u8>> {
        let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'"' || (metric && b == b':');
        let mut name = Vec::new();
        if !starts(self.peek()?) {
            return Ok(name);
        }
        let mut quoted = false;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    quoted = !quoted;
                    if !quoted {
                        self.peek()?;
                        return Ok(name);
                    }
                }
                byte if !quoted && !starts(byte) && !byte.is_ascii_digit() => return Ok(name),
                b'\n' => {
                    let what = if metric { "metric" } else { "label" };
                    return Err(format!("{what} name {} contains unescaped new-line", quote(&name)));
                }
                b'\\' => name.push(self.escape()?),
                byte => {
                    name.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn label_value(&mut self) -> Read<String> {
        let first = self.next_word()?;
        if first != b'"' {
            return Err(format!("expected '\"' at start of label value, found {}", quoted_byte(first)));
        }
        self.at += 1;
        let mut value = Vec::new();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\n' => return Err(format!("label value {} contains unescaped new-line", quote(&value))),
                b'\\' => value.push(self.escape()?),
                byte => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        String::from_utf8(value).map_err(|e| format!("invalid label value {}", quote(e.as_bytes())))
    }
}

/// A byte as Go's `%q` shows one: between single quotes.
fn quoted_byte(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        byte => {
            let shown = quote(char::from(byte).to_string().as_str()).to_string();
            format!("'{}'", shown.trim_matches('"'))
        }
    }
}
