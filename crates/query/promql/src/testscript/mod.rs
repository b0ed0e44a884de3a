//! Test scripts: `load` series, `eval` expressions, compare. The language is upstream's promqltest (3.14).
//!
//! ```text
//! load 5m
//!   requests_total{job="api"}  0+10x10
//!
//! eval instant at 50m rate(requests_total[50m])
//!   {job="api"} 0.03333333333333333
//! ```
//!
//! [`Script::parse`] reads a script, [`Script::run`] runs it on a storage of its own. An eval that needs what the engine
//! does not evaluate yet is reported as such, never as passed.

mod compare;
mod input;
mod literal;
mod nhcb;
mod number;
mod parse;
mod run;
mod starts;
mod storage;
mod variants;

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Labels};
use firesteel_re2::AnchoredRegex;

pub use input::{InputValue, parse_input_series};
pub use storage::TestStorage;

/// A script that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("error in line {line}: {message}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    pub message: String,
}

/// A test script, read and checked.
#[derive(Debug)]
pub struct Script {
    commands: Vec<Command>,
}

/// What became of a script's evals, in order.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub evals: Vec<EvalReport>,
}

impl Report {
    /// Returns how many evals passed.
    pub fn n_passed(&self) -> usize {
        self.evals.iter().filter(|eval| eval.verdict == Verdict::Passed).count()
    }

    /// Returns how many evals need what is not there yet.
    pub fn n_unsupported(&self) -> usize {
        self.evals.iter().filter(|eval| matches!(eval.verdict, Verdict::Unsupported(_))).count()
    }
}

/// What became of one eval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvalReport {
    /// Where the eval stands, counted from 1.
    pub line: usize,
    pub expr: String,
    pub verdict: Verdict,
}

/// The outcome of an eval.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Passed,
    /// What differs.
    Failed(String),
    /// What the engine or the runner does not know yet.
    Unsupported(String),
}

#[derive(Debug)]
enum Command {
    Clear,
    Load(Load),
    Eval(Eval),
}

#[derive(Debug, Default)]
struct Load {
    gap: Duration,
    /// `load_with_nhcb`: classic histograms are stored as native ones too.
    with_nhcb: bool,
    /// A line for a series that was there replaces the earlier one.
    series: Vec<LoadedSeries>,
}

/// A series to be stored, its values by position.
#[derive(Debug)]
struct LoadedSeries {
    labels: Labels,
    points: Vec<Point>,
    /// Start timestamps relative to the samples' times; empty when none are given.
    starts: Vec<Option<i64>>,
}

/// One position of a series.
#[derive(Clone, PartialEq, Debug)]
enum Point {
    Omitted,
    Float(f64),
    /// `hint`: whether the counter reset hint was written out, so that it is compared.
    Histogram {
        h: Arc<FloatHistogram>,
        hint: bool,
    },
}

#[derive(Debug)]
struct Eval {
    line: usize,
    expr: String,
    when: When,
    expected: Vec<ExpectedSeries>,
    expected_scalar: Option<f64>,
    expected_string: Option<String>,
    ordered: bool,
    fail: bool,
    warn: bool,
    info: bool,
    fail_message: Vec<TextMatch>,
    warnings: Vec<TextMatch>,
    infos: Vec<TextMatch>,
    no_warn: bool,
    no_info: bool,
}

#[derive(Clone, Copy, Debug)]
enum When {
    Instant(TimestampMs),
    /// An instant query whose answer is a range vector.
    RangeVector(Steps),
    Range(Steps),
}

#[derive(Clone, Copy, Debug)]
struct Steps {
    start: TimestampMs,
    end: TimestampMs,
    step_ms: i64,
}

#[derive(Debug)]
struct ExpectedSeries {
    labels: Labels,
    points: Vec<Point>,
}

/// How a message is compared.
#[derive(Clone, Debug)]
enum TextMatch {
    Any,
    Equal(String),
    /// Searched anywhere in the text; the pattern as written beside it.
    Search(AnchoredRegex, String),
}

impl TextMatch {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Equal(expected) => text == expected,
            Self::Search(regex, _) => regex.is_match(text),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Any => "anything",
            Self::Equal(text) | Self::Search(_, text) => text,
        }
    }
}
