//! The words of the language, and how error messages name them.

use firesteel_go_compat::quote;

use crate::{
    operators::{AggregateOp, BinaryOp},
    span::Span,
};

/// A word with its place. The text of an error is kept by the lexer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The lexer failed here; nothing follows.
    Error,
    Eof,
    Comment,
    Identifier,
    /// An identifier with a colon in it.
    MetricIdentifier,
    String,
    Number,
    Duration,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    /// `=`.
    Equal,
    /// `=~`.
    EqualRegex,
    /// `!~`.
    NotEqualRegex,
    At,
    Op(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Preprocessor(Preprocessor),
    /// `_` among the values of a series.
    Blank,
    /// `x` among the values of a series.
    Times,
    /// A run of blanks among the values of a series.
    Space,
    OpenHistogram,
    CloseHistogram,
    HistogramKey,
    ResetHint,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keyword {
    Bool,
    By,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Ignoring,
    Offset,
    Smoothed,
    Anchored,
    On,
    Without,
}

/// Words that become numbers before a query runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Preprocessor {
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

/// Returns what the word is in any case, if it is more than a name.
pub(crate) fn keyword(word: &str) -> Option<Kind> {
    // No keyword is longer, and most identifiers are.
    const LONGEST: usize = "count_values".len();
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    if let Some(op) = AggregateOp::ALL.iter().find(|op| op.as_str() == lower) {
        return Some(Kind::Aggregate(*op));
    }
    Some(match lower.as_str() {
        "and" => Kind::Op(BinaryOp::And),
        "or" => Kind::Op(BinaryOp::Or),
        "unless" => Kind::Op(BinaryOp::Unless),
        "atan2" => Kind::Op(BinaryOp::Atan2),
        "offset" => Kind::Keyword(Keyword::Offset),
        "smoothed" => Kind::Keyword(Keyword::Smoothed),
        "anchored" => Kind::Keyword(Keyword::Anchored),
        "by" => Kind::Keyword(Keyword::By),
        "without" => Kind::Keyword(Keyword::Without),
        "on" => Kind::Keyword(Keyword::On),
        "ignoring" => Kind::Keyword(Keyword::Ignoring),
        "group_left" => Kind::Keyword(Keyword::GroupLeft),
        "group_right" => Kind::Keyword(Keyword::GroupRight),
        "fill" => Kind::Keyword(Keyword::Fill),
        "fill_left" => Kind::Keyword(Keyword::FillLeft),
        "fill_right" => Kind::Keyword(Keyword::FillRight),
        "bool" => Kind::Keyword(Keyword::Bool),
        "start" => Kind::Preprocessor(Preprocessor::Start),
        "end" => Kind::Preprocessor(Preprocessor::End),
        "step" => Kind::Preprocessor(Preprocessor::Step),
        "range" => Kind::Preprocessor(Preprocessor::Range),
        "max_of" => Kind::Preprocessor(Preprocessor::MaxOf),
        "min_of" => Kind::Preprocessor(Preprocessor::MinOf),
        "inf" | "nan" => Kind::Number,
        _ => return None,
    })
}

impl Kind {
    /// Returns whether the word can stand as a bare metric name.
    pub(crate) const fn is_metric_name(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) | Self::Preprocessor(_) => true,
            Self::Op(op) => op.is_set(),
            Self::Keyword(keyword) => !matches!(
                keyword,
                Keyword::Bool | Keyword::GroupLeft | Keyword::GroupRight | Keyword::Ignoring | Keyword::On
            ),
            _ => false,
        }
    }

    /// Returns whether the word can stand in a list of labels without quotes.
    pub(crate) const fn is_grouping_label(self) -> bool {
        match self {
            Self::Keyword(keyword) => !matches!(keyword, Keyword::Without),
            Self::Op(op) => op.is_set() || matches!(op, BinaryOp::Atan2),
            _ => self.is_metric_name(),
        }
    }

    /// Returns whether an expression can begin with the word.
    pub(crate) const fn starts_expression(self) -> bool {
        matches!(
            self,
            Self::Number
                | Self::Duration
                | Self::String
                | Self::LeftParen
                | Self::LeftBrace
                | Self::Op(BinaryOp::Add | BinaryOp::Sub)
        ) || self.is_metric_name()
    }

    /// Describes the word as upstream's messages do; `text` is how it was written.
    pub(crate) fn describe(self, text: &str) -> String {
        match self {
            Self::Eof => "end of input".to_owned(),
            Self::Error => format!("error {text}"),
            Self::Comment => format!("comment {}", shortened(text)),
            Self::Identifier => format!("identifier {}", quote(text)),
            Self::MetricIdentifier => format!("metric identifier {}", quote(text)),
            Self::String => format!("string {}", shortened(text)),
            Self::Number => format!("number {}", shortened(text)),
            Self::Duration => format!("duration {}", shortened(text)),
            Self::Keyword(_) => format!("<{text}>"),
            Self::Op(_) | Self::EqualRegex | Self::NotEqualRegex | Self::At => format!("<op:{text}>"),
            Self::Aggregate(_) => format!("<aggr:{text}>"),
            // upstream has no names for the words inside histogram literals (promql/parser/lex.go, ItemTypeStr).
            Self::HistogramKey | Self::ResetHint => format!("\"<Item>\" {}", shortened(text)),
            _ => shortened(text),
        }
    }
}

/// Go's `%q`, or `%.10q...` of a long text: the length is counted in bytes, the cut in characters.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text).to_string();
    }
    let cut = text.char_indices().nth(10).map_or(text.len(), |(at, _)| at);
    format!("{}...", quote(&text[..cut]))
}
