//! What a parser yields: borrowed views of the body, no allocation but for escapes in help texts.

use std::borrow::Cow;

use firesteel_base::TimestampMs;
use firesteel_model::MetricType;

/// One entry of a body.
#[derive(Clone, PartialEq, Debug)]
pub enum Event<'a> {
    /// A `# HELP` line; escapes are resolved.
    Help { name: &'a [u8], text: Cow<'a, str> },
    /// A `# TYPE` line.
    Type { name: &'a [u8], metric_type: MetricType },
    /// A `# UNIT` line (OpenMetrics only).
    Unit { name: &'a [u8], unit: &'a [u8] },
    /// Another comment of the text format, from its `#`.
    Comment(&'a [u8]),
    /// A sample. Its labels are read on demand with [`crate::Parser::labels`].
    Sample(Sample<'a>),
}

/// A sample line without its labels parsed out.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sample<'a> {
    /// The bytes from the start of the line to the end of the name or label set: equal bytes under the same TYPE are
    /// the same series.
    pub series: &'a [u8],
    /// NaNs are the normal NaN.
    pub value: f64,
    pub timestamp: Option<TimestampMs>,
}

/// The value and time of an exemplar; its labels are written to a [`SampleLabels`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ExemplarValue {
    pub value: f64,
    pub timestamp: Option<TimestampMs>,
}

/// The labels of one sample in the order of the line, `__name__` first, values unescaped and normalised. Reused from
/// line to line. Labels with an empty value are kept: to a target with `honor_labels` they say "none of that".
#[derive(Clone, Debug, Default)]
pub struct SampleLabels {
    text: String,
    /// End of the name and end of the value of each pair.
    ends: Vec<(u32, u32)>,
}

impl SampleLabels {
    /// Returns the pairs in the order of the line.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut from = 0;
        self.ends.iter().map(move |&(name_end, value_end)| {
            let name = self.text.get(from..name_end as usize).unwrap_or_default();
            let value = self.text.get(name_end as usize..value_end as usize).unwrap_or_default();
            from = value_end as usize;
            (name, value)
        })
    }

    /// Returns the value of `name` if the line has it, even when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Returns the first name that stands twice.
    pub fn duplicate(&self) -> Option<&str> {
        self.iter().enumerate().find_map(|(at, (name, _))| self.iter().take(at).any(|(n, _)| n == name).then_some(name))
    }

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Adds the metric's name, of two parts.
    pub(crate) fn push_name(&mut self, name: &str, suffix: &str) {
        self.text.push_str(firesteel_model::METRIC_NAME);
        let name_end = self.text.len() as u32;
        self.text.push_str(name);
        self.text.push_str(suffix);
        self.ends.push((name_end, self.text.len() as u32));
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name_end = self.text.len() as u32;
        self.text.push_str(value);
        self.ends.push((name_end, self.text.len() as u32));
    }
}
