//! A whole page of the text format as families, as upstream's client library reads it (`common/expfmt/text_parse.go`):
//! what is pushed to a gateway or lies in a text file.
//!
//! It is stricter than the scraper's [`crate::Parser`]: a family has one HELP and one TYPE, the TYPE before its samples,
//! and the page ends with a newline. Error texts are upstream's.

use std::collections::HashMap;

use firesteel_go_compat::{is_print, quote};
use firesteel_model::{
    Bucket, ClassicHistogram, FloatCounts, Labels, Metric, MetricFamily, MetricType, MetricValue, RichHistogram,
    Summary, ValidationScheme, push_packed,
};

use crate::float::parse_float;

/// The first fault of a page.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("text format parsing error in line {line}: {text}")]
pub struct TextFamiliesError {
    /// From 1.
    pub line: usize,
    /// What is wrong, without the place.
    pub text: String,
}

/// Reads a page into families in the order of their first line; those without samples are left out.
///
/// Labels with an empty value are kept. Lines of the same summary or histogram become one metric. A family without TYPE
/// has [`MetricType::Unknown`], one without HELP an empty help. A histogram with a count that is no whole number becomes a
/// [`RichHistogram`].
pub fn text_to_families(page: &[u8], names: ValidationScheme) -> Result<Vec<MetricFamily>, TextFamiliesError> {
    let mut reader = Reader::new(page, names);
    while reader.line()? {}
    Ok(reader.families.into_iter().filter(|f| !f.family.metrics.is_empty()).map(|f| f.family).collect())
}

/// Labels in the order of the line.
type Pairs = Vec<(String, String)>;

struct Open {
    family: MetricFamily,
    has_help: bool,
    has_type: bool,
}

/// What the name of a line says about a summary or histogram.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    Count,
    Sum,
}

struct Reader<'a> {
    page: &'a [u8],
    at: usize,
    line: usize,
    names: ValidationScheme,
    families: Vec<Open>,
    by_name: HashMap<String, usize>,
    /// Where the metric of a summary or histogram stands in its family, by family and sorted labels.
    composed: HashMap<(usize, Pairs), usize>,
}

impl<'a> Reader<'a> {
    fn new(page: &'a [u8], names: ValidationScheme) -> Self {
        Self { page, at: 0, line: 0, names, families: Vec::new(), by_name: HashMap::new(), composed: HashMap::new() }
    }

    #[cold]
    fn error(&self, text: impl Into<String>) -> TextFamiliesError {
        TextFamiliesError { line: self.line, text: text.into() }
    }

    /// The byte in hand. Only a page that ends with a newline ends well.
    fn byte(&self) -> Result<u8, TextFamiliesError> {
        self.page.get(self.at).copied().ok_or_else(|| self.error("unexpected end of input stream"))
    }

    fn skip_blanks(&mut self) -> Result<u8, TextFamiliesError> {
        loop {
            match self.byte()? {
                b' ' | b'\t' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    /// Takes bytes up to a blank or newline.
    fn word(&mut self) -> Result<&'a [u8], TextFamiliesError> {
        let start = self.at;
        while !matches!(self.byte()?, b' ' | b'\t' | b'\n') {
            self.at += 1;
        }
        Ok(self.page.get(start..self.at).unwrap_or_default())
    }

    /// Reads a line; false at the end of the page.
    fn line(&mut self) -> Result<bool, TextFamiliesError> {
        self.line += 1;
        while matches!(self.page.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        match self.page.get(self.at) {
            None => return Ok(false),
            Some(b'\n') => self.at += 1,
            Some(b'#') => self.comment()?,
            Some(b'{') => self.sample(None)?,
            Some(_) => {
                let name = self.name("metric")?;
                if name.is_empty() {
                    return Err(self.error("invalid metric name"));
                }
                let family = self.family(&name)?;
                self.skip_blanks()?;
                self.sample(Some(family))?;
            }
        }
        Ok(true)
    }

    fn comment(&mut self) -> Result<(), TextFamiliesError> {
        self.at += 1;
        self.skip_blanks()?;
        let keyword = self.word()?;
        if !matches!(keyword, b"HELP" | b"TYPE") {
            while self.byte()? != b'\n' {
                self.at += 1;
            }
            self.at += 1;
            return Ok(());
        }
        self.skip_blanks()?;
        let name = self.name("metric")?;
        match self.byte()? {
            b'\n' => {
                self.at += 1;
                return Ok(());
            }
            b' ' | b'\t' => {}
            _ => return Err(self.error("invalid metric name in comment")),
        }
        let (family, _) = self.family(&name)?;
        if self.skip_blanks()? == b'\n' {
            self.at += 1;
            return Ok(());
        }
        if keyword == b"HELP" { self.help(family) } else { self.type_line(family) }
    }

    fn help(&mut self, family: usize) -> Result<(), TextFamiliesError> {
        if self.open(family).has_help {
            let text = format!("second HELP line for metric name {}", quote(&self.open(family).family.name));
            return Err(self.error(text));
        }
        let mut help = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                b'\\' => help.push(self.escaped()?),
                byte => help.push(byte),
            }
            self.at += 1;
        }
        self.at += 1;
        let open = self.open(family);
        open.has_help = true;
        open.family.help = String::from_utf8_lossy(&help).into_owned();
        Ok(())
    }

    /// Reads the byte behind a backslash, and leaves it in hand.
    fn escaped(&mut self) -> Result<u8, TextFamiliesError> {
        self.at += 1;
        match self.byte()? {
            b'n' => Ok(b'\n'),
            byte @ (b'\\' | b'"') => Ok(byte),
            byte => Err(self.error(format!("invalid escape sequence '\\{}'", char::from(byte)))),
        }
    }

    fn type_line(&mut self, family: usize) -> Result<(), TextFamiliesError> {
        if self.open(family).has_type {
            let name = &self.open(family).family.name;
            let text = format!("second TYPE line for metric name {}, or TYPE reported after samples", quote(name));
            return Err(self.error(text));
        }
        let mut word = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                // upstream: a backslash is passed over (text_parse.go, readTokenUntilNewline); kept.
                b'\\' => {}
                byte => word.push(byte),
            }
            self.at += 1;
        }
        self.at += 1;
        let metric_type = match word.to_ascii_lowercase().as_slice() {
            b"counter" => MetricType::Counter,
            b"gauge" => MetricType::Gauge,
            b"summary" => MetricType::Summary,
            b"untyped" => MetricType::Unknown,
            b"histogram" => MetricType::Histogram,
            b"gauge_histogram" | b"gaugehistogram" => MetricType::GaugeHistogram,
            _ => return Err(self.error(format!("unknown metric type {}", quote(&word)))),
        };
        let open = self.open(family);
        open.has_type = true;
        open.family.metric_type = metric_type;
        Ok(())
    }

    fn open(&mut self, family: usize) -> &mut Open {
        &mut self.families[family]
    }

    /// Takes a name, bare or quoted; what stops it is left in hand. `what` is "metric", which may hold colons, or "label".
    fn name(&mut self, what: &str) -> Result<Vec<u8>, TextFamiliesError> {
        let colon = what == "metric";
        let starts = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'"') || colon && byte == b':';
        let mut name = Vec::new();
        if !starts(self.byte()?) {
            return Ok(name);
        }
        let mut quoted = false;
        loop {
            match self.byte()? {
                b'"' if quoted => {
                    self.at += 1;
                    self.byte()?;
                    return Ok(name);
                }
                b'"' => quoted = true,
                b'\n' => {
                    return Err(self.error(format!("{what} name {} contains unescaped new-line", quote(&name))));
                }
                b'\\' => name.push(self.escaped()?),
                byte => name.push(byte),
            }
            self.at += 1;
            let next = self.byte()?;
            if !(quoted || starts(next) || next.is_ascii_digit()) {
                return Ok(name);
            }
        }
    }

    /// Finds or opens the family that a name belongs to, and what it says of it.
    fn family(&mut self, name: &[u8]) -> Result<(usize, Role), TextFamiliesError> {
        let Some(name) = std::str::from_utf8(name).ok().filter(|name| self.names.is_valid_metric_name(name)) else {
            return Err(self.error(format!("invalid metric name {}", quote(name))));
        };
        if let Some(&family) = self.by_name.get(name) {
            return Ok((family, Role::Plain));
        }
        let endings = [("_count", Role::Count), ("_sum", Role::Sum), ("_bucket", Role::Plain)];
        for (ending, role) in endings {
            let Some(family) = name.strip_suffix(ending).and_then(|base| self.by_name.get(base)) else { continue };
            let fits = match self.families[*family].family.metric_type {
                MetricType::Summary => ending != "_bucket",
                MetricType::Histogram | MetricType::GaugeHistogram => true,
                _ => false,
            };
            if fits {
                return Ok((*family, role));
            }
        }
        let family = self.families.len();
        let new = MetricFamily { name: name.to_owned(), ..MetricFamily::default() };
        self.families.push(Open { family: new, has_help: false, has_type: false });
        self.by_name.insert(name.to_owned(), family);
        Ok((family, Role::Plain))
    }

    /// Reads labels, value and time; `named` is `None` when the name stands within the braces.
    fn sample(&mut self, named: Option<(usize, Role)>) -> Result<(), TextFamiliesError> {
        let mut found = named;
        let (mut pairs, mut limit) = (Pairs::new(), f64::NAN);
        if self.byte()? == b'{' {
            self.at += 1;
            self.labels(named.is_some(), &mut found, &mut pairs, &mut limit)?;
            self.skip_blanks()?;
        }
        let Some((family, role)) = found else { return Err(self.error("invalid metric name")) };
        // From its first sample on its type is fixed.
        self.open(family).has_type = true;
        let word = self.word()?;
        let Ok(value) = parse_float(word) else {
            return Err(self.error(format!("expected float as value, got {}", quote(word))));
        };
        let metric = self.metric(family, pairs);
        self.set(family, metric, role, limit, value)?;
        if self.byte()? != b'\n' {
            self.skip_blanks()?;
            let word = self.word()?;
            let Some(time) = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()) else {
                return Err(self.error(format!("expected integer as timestamp, got {}", quote(word))));
            };
            self.families[family].family.metrics[metric].timestamp_ms = Some(time);
            let start = self.at;
            while self.byte()? != b'\n' {
                self.at += 1;
            }
            let rest = self.page.get(start..self.at).unwrap_or_default();
            if !rest.is_empty() {
                return Err(self.error(format!("spurious string after timestamp: {}", quote(rest))));
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Reads up to and with the closing brace. `limit` becomes the value of `quantile` or `le` where the type has it.
    fn labels(
        &mut self,
        is_named: bool,
        found: &mut Option<(usize, Role)>,
        pairs: &mut Pairs,
        limit: &mut f64,
    ) -> Result<(), TextFamiliesError> {
        let shown = |reader: &Self, found: &Option<(usize, Role)>| {
            let name = found.map_or("", |(family, _)| reader.families[family].family.name.as_str());
            quote(name).to_string()
        };
        loop {
            if self.skip_blanks()? == b'}' {
                self.at += 1;
                return Ok(());
            }
            let name = self.name("label")?;
            if name.is_empty() {
                return Err(self.error(format!("invalid label name for metric {}", shown(self, found))));
            }
            let next = self.skip_blanks()?;
            if next != b'=' {
                if is_named {
                    return Err(self.error(format!("expected '=' after label name, found {}", quoted_byte(next))));
                }
                if found.is_some() {
                    return Err(self.error(format!("multiple metric names for metric {}", shown(self, found))));
                }
                if !matches!(next, b',' | b'}') {
                    return Err(self.error(format!("unexpected end of metric name {}", quoted_byte(next))));
                }
                *found = Some(self.family(&name)?);
                self.at += 1;
                if next == b'}' {
                    return Ok(());
                }
                continue;
            }
            self.at += 1;
            if name == b"__name__" {
                return Err(self.error("label name \"__name__\" is reserved"));
            }
            let Some(name) = String::from_utf8(name.clone()).ok().filter(|n| self.names.is_valid_label_name(n)) else {
                return Err(self.error(format!("invalid label name {}", quote(&name))));
            };
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(self.error(format!("duplicate label names for metric {}", shown(self, found))));
            }
            let value = self.label_value()?;
            let metric_type = found.map(|(family, _)| self.families[family].family.metric_type);
            let is_limit = match metric_type {
                Some(MetricType::Summary) => name == "quantile",
                Some(MetricType::Histogram | MetricType::GaugeHistogram) => name == "le",
                _ => false,
            };
            if is_limit {
                *limit = parse_float(value.as_bytes()).map_err(|_| {
                    self.error(format!("expected float as value for '{name}' label, got {}", quote(&value)))
                })?;
            }
            match self.skip_blanks()? {
                b',' | b'}' if is_limit => {}
                b',' | b'}' => pairs.push((name, value)),
                _ => return Err(self.error(format!("unexpected end of label value {}", quote(&value)))),
            }
            if self.byte()? == b',' {
                self.at += 1;
            }
        }
    }

    fn label_value(&mut self) -> Result<String, TextFamiliesError> {
        let first = self.skip_blanks()?;
        if first != b'"' {
            return Err(self.error(format!("expected '\"' at start of label value, found {}", quoted_byte(first))));
        }
        let mut value = Vec::new();
        loop {
            self.at += 1;
            match self.byte()? {
                b'"' => break,
                b'\n' => return Err(self.error(format!("label value {} contains unescaped new-line", quote(&value)))),
                b'\\' => value.push(self.escaped()?),
                byte => value.push(byte),
            }
        }
        self.at += 1;
        String::from_utf8(value).map_err(|e| self.error(format!("invalid label value {}", quote(e.as_bytes()))))
    }

    /// Returns the place of the metric that a line with these labels belongs to.
    fn metric(&mut self, family: usize, pairs: Pairs) -> usize {
        let open = &mut self.families[family].family;
        let value = match open.metric_type {
            MetricType::Counter => MetricValue::Counter { value: 0.0, exemplar: None },
            MetricType::Gauge => MetricValue::Gauge(0.0),
            MetricType::Summary => MetricValue::Summary(Summary::default()),
            MetricType::Histogram | MetricType::GaugeHistogram => MetricValue::Histogram(ClassicHistogram::default()),
            _ => MetricValue::Untyped(0.0),
        };
        let place = open.metrics.len();
        let mut sorted = pairs;
        sorted.sort();
        let labels = packed(&sorted);
        if matches!(value, MetricValue::Summary(_) | MetricValue::Histogram(_)) {
            let known = *self.composed.entry((family, sorted)).or_insert(place);
            if known != place {
                return known;
            }
        }
        open.metrics.push(Metric::new(labels, value));
        place
    }

    fn set(
        &mut self,
        family: usize,
        metric: usize,
        role: Role,
        limit: f64,
        number: f64,
    ) -> Result<(), TextFamiliesError> {
        let value = &mut self.families[family].family.metrics[metric].value;
        let is_count = role == Role::Count || (role == Role::Plain && !limit.is_nan());
        if let MetricValue::Histogram(histogram) = value
            && is_count
            && number != (number as u64) as f64
        {
            *value = MetricValue::RichHistogram(Box::new(with_floats(std::mem::take(histogram))));
        }
        let fault = match value {
            MetricValue::Counter { value, .. } | MetricValue::Gauge(value) | MetricValue::Untyped(value) => {
                *value = number;
                None
            }
            MetricValue::Summary(summary) => {
                match role {
                    Role::Count => summary.count = number as u64,
                    Role::Sum => summary.sum = number,
                    Role::Plain if limit.is_nan() => {}
                    Role::Plain => summary.quantiles.push((limit, number)),
                }
                None
            }
            MetricValue::Histogram(histogram) => match role {
                Role::Sum => {
                    histogram.sum = number;
                    None
                }
                Role::Count if number < 0.0 => Some("negative count for histogram"),
                Role::Count => {
                    histogram.count = number as u64;
                    None
                }
                Role::Plain if limit.is_nan() => None,
                Role::Plain if number < 0.0 => Some("negative bucket population for histogram"),
                Role::Plain => {
                    let cumulative_count = number as u64;
                    histogram.buckets.push(Bucket { upper_bound: limit, cumulative_count, exemplar: None });
                    None
                }
            },
            MetricValue::RichHistogram(histogram) => {
                let RichHistogram { classic, float_counts, .. } = &mut **histogram;
                let floats = float_counts.get_or_insert_default();
                match role {
                    Role::Count if number < 0.0 => Some("negative count for histogram"),
                    Role::Plain if number < 0.0 => Some("negative bucket population for histogram"),
                    Role::Sum => {
                        classic.sum = number;
                        None
                    }
                    Role::Count => {
                        floats.count = number;
                        None
                    }
                    Role::Plain if limit.is_nan() => None,
                    Role::Plain => {
                        classic.buckets.push(Bucket { upper_bound: limit, ..Bucket::default() });
                        floats.buckets.push(number);
                        None
                    }
                }
            }
        };
        match fault {
            None => Ok(()),
            Some(fault) => Err(self.error(format!("{fault} {}", quote(&self.families[family].family.name)))),
        }
    }
}

/// Returns the histogram with its counts as floats.
fn with_floats(mut classic: ClassicHistogram) -> RichHistogram {
    let buckets =
        classic.buckets.iter_mut().map(|bucket| std::mem::take(&mut bucket.cumulative_count) as f64).collect();
    let count = std::mem::take(&mut classic.count) as f64;
    RichHistogram { classic, float_counts: Some(FloatCounts { count, buckets }), ..RichHistogram::default() }
}

/// Packs sorted labels; unlike [`Labels::from_pairs`] it keeps those with an empty value.
fn packed(sorted: &[(String, String)]) -> Labels {
    let mut bytes = Vec::new();
    for (name, value) in sorted {
        push_packed(&mut bytes, name);
        push_packed(&mut bytes, value);
    }
    Labels::from_packed(&bytes)
}

/// Shows a byte as Go's `%q` shows the character of that number.
fn quoted_byte(byte: u8) -> String {
    let character = char::from(byte);
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        7 => "'\\a'".to_owned(),
        8 => "'\\b'".to_owned(),
        11 => "'\\v'".to_owned(),
        12 => "'\\f'".to_owned(),
        _ if is_print(character) => format!("'{character}'"),
        0..0x80 => format!("'\\x{byte:02x}'"),
        _ => format!("'\\u{byte:04x}'"),
    }
}

#[cfg(test)]
mod tests;
