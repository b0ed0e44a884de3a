//! Why a body is refused: upstream's texts, with the line added for those who show it.

/// The first fault of a body. `Display` is upstream's text to the letter, but that quoted pieces of the body end after
/// [`ParseError::QUOTED_MAX`] bytes: a line of 10 MB does not become an error of 10 MB.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{fault}")]
pub struct ParseError {
    /// What is wrong.
    pub fault: Fault,
    /// The line of the body, from 1.
    pub line: usize,
    /// The byte of the body, from 0.
    pub offset: usize,
}

/// What can be wrong with a body. Strings are already quoted as Go's `%q` does.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("{expected}, got {got} ({token:?}) while parsing: {line}")]
    Unexpected { expected: String, got: String, token: &'static str, line: String },
    #[error("expected text in {keyword}, got {token}")]
    NoText { keyword: &'static str, token: &'static str },
    #[error("expected text in {keyword}")]
    NoTextOpenMetrics { keyword: &'static str },
    #[error("invalid metric type {word}")]
    MetricType { word: String },
    #[error("help text {text} is not a valid utf8 string")]
    HelpNotUtf8 { text: String },
    #[error("unit {unit} not a suffix of metric {metric}")]
    Unit { unit: String, metric: String },
    #[error("metric name already set while parsing: {line}")]
    NameTwice { line: String },
    #[error("metric name not set while parsing: {line}")]
    NoName { line: String },
    #[error("invalid UTF-8 label value: {value}")]
    LabelValueNotUtf8 { value: String },
    #[error("{number} while parsing: {line}")]
    Number { number: NumberFault, line: String },
    #[error("invalid {what}timestamp {value}")]
    TimestampNotFinite { what: &'static str, value: &'static str },
    #[error("data does not end with # EOF")]
    NoEof,
    #[error("unexpected data after # EOF")]
    DataAfterEof,
}

/// Why a number is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NumberFault {
    #[error("unsupported character in float")]
    Character,
    #[error("strconv.ParseFloat: parsing {text}: invalid syntax")]
    FloatSyntax { text: String },
    #[error("strconv.ParseFloat: parsing {text}: value out of range")]
    FloatRange { text: String },
    #[error("strconv.ParseInt: parsing {text}: value out of range")]
    IntRange { text: String },
}

impl ParseError {
    /// How much of the body an error quotes in one piece.
    pub const QUOTED_MAX: usize = 512;
}

/// The labels of a sample cannot be a label set.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// A quoted name is not UTF-8; upstream finds it when it validates the set.
    #[error("invalid metric name or label names: {series}")]
    NameNotUtf8 { series: String },
    /// Upstream's storage finds it (`tsdb/head_append.go`).
    #[error("label name \"{name}\" is not unique: invalid sample")]
    Duplicate { name: String },
}
