//! `scrape_configs`: a job and how it is scraped.

mod check;
mod targets;

pub(crate) use check::{check_protocols, inherit};
pub(crate) use targets::check_static_targets;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http::HttpClientConfig;
use crate::naming::ValidationScheme;
use crate::sd::SdConfigs;
use crate::section::section;
use crate::{ByteSize, Decode as _, FilePath, RelabelConfig, ScrapeProtocol};

section! {
    /// A job. After loading everything inherited from `global` is filled in: intervals, limits, protocols, tri-states.
    pub struct ScrapeConfig("a scrape job", "*config.ScrapeConfig", "config.ScrapeConfig") check check::check, misplaced check::MISPLACED {
        /// Unique, not empty.
        job_name: String [keep],
        honor_labels: bool,
        honor_timestamps: bool [keep] = true,
        track_timestamps_staleness: bool [keep],
        /// Query parameters; each may have several values.
        params: BTreeMap<String, Vec<String>>,
        scrape_interval: Duration,
        /// At most `scrape_interval`.
        scrape_timeout: Duration,
        /// `Some` and not empty after loading.
        scrape_protocols: Option<Vec<ScrapeProtocol>>,
        fallback_scrape_protocol: Option<ScrapeProtocol>,
        scrape_native_histograms: Option<bool>,
        always_scrape_classic_histograms: Option<bool>,
        convert_classic_histograms_to_nhcb: Option<bool>,
        scrape_failure_log_file: FilePath,
        metrics_path: String = "/metrics".to_owned(),
        scheme: String = "http".to_owned(),
        /// Whether to ask for gzip.
        enable_compression: bool [keep] = true,
        body_size_limit: ByteSize,
        sample_limit: u64,
        target_limit: u64,
        label_limit: u64,
        label_name_length_limit: u64,
        label_value_length_limit: u64,
        native_histogram_bucket_limit: u64,
        native_histogram_min_bucket_factor: f64,
        keep_dropped_targets: u64,
        metric_name_validation_scheme: ValidationScheme,
        /// `allow-utf-8`, `underscores`, `dots` or `values`; not empty after loading.
        metric_name_escaping_scheme: String,
        extra_scrape_metrics: Option<bool>,
        http: HttpClientConfig [inline],
        relabel_configs: Vec<RelabelConfig>,
        metric_relabel_configs: Vec<RelabelConfig>,
        /// `static_configs` and every `*_sd_configs`.
        discovery: SdConfigs [inline],
    }
}

impl ScrapeConfig {
    /// Prints the job as `/api/v1/scrape_pools/config` shows it, secrets as `<secret>`.
    pub fn to_yaml(&self) -> String {
        firesteel_yaml::to_yaml(&self.encode())
    }
}

section! {
    /// A file of `scrape_config_files`.
    pub struct ScrapeConfigFile("a scrape configuration file", "config.ScrapeConfigs", "config.ScrapeConfigs") {
        scrape_configs: Vec<ScrapeConfig>,
    }
}
