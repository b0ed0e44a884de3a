//! `global`: what holds for all jobs and rules unless they say otherwise.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::naming::ValidationScheme;
use crate::rules_of_choice::wrong;
use crate::section::section;
use crate::{ByteSize, FilePath, LabelSet, ScrapeProtocol};

section! {
    /// After loading: intervals are above zero, `scrape_timeout <= scrape_interval`, the validation scheme is set.
    pub struct GlobalConfig("`global`", "config.GlobalConfig", "config.plain") check check {
        scrape_interval: Duration,
        scrape_timeout: Duration,
        /// `None` when not given, so that a job can tell.
        scrape_protocols: Option<Vec<ScrapeProtocol>>,
        evaluation_interval: Duration,
        rule_query_offset: Duration,
        query_log_file: FilePath,
        scrape_failure_log_file: FilePath,
        /// Environment variables in the values are replaced.
        external_labels: LabelSet,
        body_size_limit: ByteSize,
        sample_limit: u64,
        target_limit: u64,
        label_limit: u64,
        label_name_length_limit: u64,
        label_value_length_limit: u64,
        keep_dropped_targets: u64,
        metric_name_validation_scheme: ValidationScheme,
        /// Empty: follows from the validation scheme.
        metric_name_escaping_scheme: String,
        scrape_native_histograms: Option<bool>,
        convert_classic_histograms_to_nhcb: bool,
        always_scrape_classic_histograms: bool,
        extra_scrape_metrics: Option<bool>,
    }
}

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl GlobalConfig {
    /// Returns upstream's `DefaultGlobalConfig`: what holds when the block is absent or empty.
    pub(crate) fn defaults() -> Self {
        let mut global = Self { metric_name_escaping_scheme: "allow-utf-8".to_owned(), ..Self::default() };
        global.fill();
        global
    }

    /// Puts defaults where nothing, or zero, was given.
    pub(crate) fn fill(&mut self) {
        let or = |value: &mut Duration, default: Duration| {
            if value.is_zero() {
                *value = default;
            }
        };
        or(&mut self.scrape_interval, DEFAULT_INTERVAL);
        or(&mut self.scrape_timeout, DEFAULT_TIMEOUT.min(self.scrape_interval));
        or(&mut self.evaluation_interval, DEFAULT_INTERVAL);
        self.scrape_native_histograms.get_or_insert(false);
        self.extra_scrape_metrics.get_or_insert(false);
        if self.metric_name_validation_scheme == ValidationScheme::Unset {
            self.metric_name_validation_scheme = ValidationScheme::Utf8;
        }
    }
}

fn check(global: &mut GlobalConfig, node: &Node, reader: &mut Reader<'_>) {
    // Upstream reads the block into an empty one: a timeout that is not given follows the interval that is.
    if node.entry("scrape_timeout").is_none() {
        global.scrape_timeout = Duration::ZERO;
    }
    let interval = if global.scrape_interval.is_zero() { DEFAULT_INTERVAL } else { global.scrape_interval };
    if global.scrape_timeout > interval {
        let shown = firesteel_go_compat::format_duration(interval);
        wrong(
            node,
            reader,
            "scrape_timeout",
            "FS0140",
            format!("timeout {} > interval {shown}", firesteel_go_compat::format_duration(global.scrape_timeout)),
            "global scrape timeout greater than scrape interval",
        )
        .label(format!("lower it to {shown} or less, or raise `scrape_interval`"));
    }
    crate::scrape::check_protocols(global.scrape_protocols.as_deref(), node, reader, "for global config");
    let legacy = global.metric_name_validation_scheme == ValidationScheme::Legacy;
    let Some(block) = node.get("external_labels") else { return };
    for (key, _) in block.pairs() {
        let Some(name) = key.text() else { continue };
        if crate::naming::is_legacy_label_name(name) || name == "<<" {
            continue;
        }
        if legacy {
            let quoted = firesteel_go_compat::quote(name.as_bytes());
            reader
                .error(key.span, "FS0133", format!("`{name}` cannot be a label's name under the legacy naming scheme"))
                .label("letters, digits and _ only, no digit first")
                .upstream(format!("{quoted} is not a valid label name"));
        } else {
            let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            reader
                .warning(key.span, "FS0204", format!("the label `{name}` must be quoted in every query"))
                .label(format!("legal since 3.0 as {{\"{name}\"=\"…\"}}; prefer {plain}"));
        }
    }
}
