//! From the labels on a line to the labels of a series: the target's labels, metric relabelling, and the limits.

use firesteel_expfmt::SampleLabels;
use firesteel_go_compat::quote;
use firesteel_model::histogram::SCHEMA_MAX;
use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME};

use firesteel_config::RelabelRules;

/// What a job's configuration and a target's labels say about each sample. Made once a loop.
#[derive(Clone, Debug)]
pub struct SampleRules {
    /// Charged with new series.
    pub job: String,
    /// The target's public labels, by name.
    pub target_labels: Vec<(String, String)>,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub track_timestamps_staleness: bool,
    pub metric_relabel: RelabelRules,
    /// 0 is no limit, here and below.
    pub sample_limit: u64,
    pub label_limit: u64,
    pub label_name_length_limit: u64,
    pub label_value_length_limit: u64,
    /// Names must be of the legacy kind, not any UTF-8.
    pub legacy_names: bool,
    /// Make labels of type and unit (feature `type-and-unit-labels`).
    pub type_and_unit_labels: bool,
    /// Hand metadata to the storage (feature `metadata-wal-records`).
    pub append_metadata: bool,
    /// Hand exemplars to the storage (feature `exemplar-storage`).
    pub exemplars: bool,
    /// Hand start timestamps to the storage (features `st-storage` and `created-timestamp-zero-ingestion`).
    pub starts: bool,
    pub native_histograms: bool,
    /// Take what is classic of native histograms, too.
    pub always_classic_histograms: bool,
    /// Turn classic histograms into native ones with custom buckets.
    pub custom_buckets: bool,
    pub bucket_limit: u64,
    /// Finer native histograms are brought down to it.
    pub schema_max: i32,
}

impl Default for SampleRules {
    fn default() -> Self {
        Self {
            job: String::new(),
            target_labels: Vec::new(),
            honor_labels: false,
            honor_timestamps: false,
            track_timestamps_staleness: false,
            metric_relabel: RelabelRules::default(),
            sample_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            legacy_names: false,
            type_and_unit_labels: false,
            append_metadata: false,
            exemplars: false,
            starts: false,
            native_histograms: false,
            always_classic_histograms: false,
            custom_buckets: false,
            bucket_limit: 0,
            schema_max: SCHEMA_MAX,
        }
    }
}

/// Why the labels of a line cannot become a series. The texts are upstream's (`scrape/scrape.go`).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    #[error("missing metric name (__name__ label)")]
    MissingName,
    #[error("invalid metric name or label names: {0}")]
    InvalidNames(String),
    #[error("{0}")]
    Limit(String),
}

impl SampleRules {
    /// Returns the series' labels, or `None` when relabelling drops the sample.
    pub(crate) fn apply(&self, line: &SampleLabels, b: &mut LabelsBuilder) -> Result<Option<Labels>, RuleError> {
        b.reset(&Labels::empty());
        for (name, value) in line.iter() {
            b.set(name, value);
        }
        if self.honor_labels {
            for (name, value) in &self.target_labels {
                // A label that the line shows empty is there as well: it keeps the target's out.
                if line.get(name).is_none() {
                    b.set(name, value);
                }
            }
        } else {
            let mut conflicts: Vec<(&str, &str)> = Vec::new();
            for (name, value) in &self.target_labels {
                if let Some(exposed) = line.get(name).filter(|v| !v.is_empty()) {
                    conflicts.push((name, exposed));
                }
                b.set(name, value);
            }
            conflicts.sort_by_key(|(name, _)| name.len());
            for (name, value) in conflicts {
                let mut free = format!("exported_{name}");
                while !b.get(&free).is_empty() {
                    free.insert_str(0, "exported_");
                }
                b.set(&free, value);
            }
        }
        if !self.metric_relabel.apply(b) || b.is_empty() {
            return Ok(None);
        }
        self.check(b)?;
        Ok(Some(b.build()))
    }

    fn check(&self, b: &LabelsBuilder) -> Result<(), RuleError> {
        let metric = b.get(METRIC_NAME);
        if metric.is_empty() {
            return Err(RuleError::MissingName);
        }
        if self.legacy_names && (!is_legacy(metric, true) || b.iter().any(|(name, _)| !is_legacy(name, false))) {
            return Err(RuleError::InvalidNames(shown(b)));
        }
        // An empty name in quotes is a label without a name.
        if b.iter().any(|(name, _)| name.is_empty()) {
            return Err(RuleError::InvalidNames(shown(b)));
        }
        self.check_limits(metric, b)
    }

    fn check_limits(&self, metric: &str, b: &LabelsBuilder) -> Result<(), RuleError> {
        let metric = cut(metric);
        let limit = self.label_limit;
        let count = b.iter().count();
        if limit > 0 && count as u64 > limit {
            return Err(RuleError::Limit(format!(
                "label_limit exceeded (metric: {metric}, number of labels: {count}, limit: {limit})"
            )));
        }
        if self.label_name_length_limit == 0 && self.label_value_length_limit == 0 {
            return Ok(());
        }
        for (name, value) in b.iter() {
            let (limit, length) = (self.label_name_length_limit, name.len());
            if limit > 0 && length as u64 > limit {
                return Err(RuleError::Limit(format!(
                    "label_name_length_limit exceeded (metric: {metric}, label name: {}, length: {length}, limit: {limit})",
                    cut(name)
                )));
            }
            let (limit, length) = (self.label_value_length_limit, value.len());
            if limit > 0 && length as u64 > limit {
                return Err(RuleError::Limit(format!(
                    "label_value_length_limit exceeded (metric: {metric}, label name: {}, value: {}, length: {length}, limit: {limit})",
                    cut(name),
                    quote(cut(value))
                )));
            }
        }
        Ok(())
    }

    /// Returns the labels of a report series: the target's own, where its `exported_` labels give way, as upstream
    /// does (`mutateReportSampleLabels`).
    pub(crate) fn report_labels(&self, name: &str, b: &mut LabelsBuilder) -> Labels {
        b.reset(&Labels::empty());
        b.set(METRIC_NAME, name);
        for (label, value) in &self.target_labels {
            b.set(&format!("exported_{label}"), "");
            b.set(label, value);
        }
        b.build()
    }
}

/// Go's `%.50s`: the first fifty characters.
fn cut(text: &str) -> &str {
    text.char_indices().nth(50).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

/// Returns the set as upstream's `Labels.String()`.
fn shown(b: &LabelsBuilder) -> String {
    let pair = |(name, value): (&str, &str)| {
        if is_legacy(name, false) {
            format!("{name}={}", quote(value))
        } else {
            format!("{}={}", quote(name), quote(value))
        }
    };
    format!("{{{}}}", b.iter().map(pair).collect::<Vec<_>>().join(", "))
}

fn is_legacy(name: &str, colons: bool) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || (colons && c == b':');
    name.bytes().next().is_some_and(|c| !c.is_ascii_digit()) && name.bytes().all(fits)
}
