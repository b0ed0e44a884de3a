//! The schema of every YAML file: what may stand where, its defaults, what must hold, and how it prints.
//!
//! Plain data: how anything is run is not here. [`load`] reads a `prometheus.yml`; all faults of the file come back at
//! once as diagnostics with places. [`Config::unsupported`] tells which sections are known but do not act yet.
#![forbid(unsafe_code)]

mod advice;
mod alerting;
mod any_value;
mod byte_size;
mod config;
mod decode;
mod empty_item;
mod expand;
mod file_path;
mod global;
pub mod http;
mod label_set;
mod load;
mod naming;
mod otlp;
mod regex_fault;
mod relabel;
mod relabel_check;
mod relabel_rules;
pub mod remote;
mod rule_check;
mod rule_tests;
mod rules;
mod rules_of_choice;
mod runtime;
mod scrape;
mod scrape_files;
mod scrape_protocol;
pub mod sd;
mod secret;
mod section;
mod sigv4;
mod storage;
mod target_file;
mod target_group;
mod tracing_config;
mod unsupported;
mod url;
mod web;
mod web_check;
mod whole;

pub use advice::advise;
pub use alerting::{AlertingConfig, AlertmanagerConfig};
pub use any_value::AnyValue;
pub use byte_size::ByteSize;
pub use config::Config;
pub use decode::Decode;
pub use file_path::FilePath;
pub use firesteel_yaml::{Diagnostic, ReportFormat, Severity, apply_fixes, report};
pub use global::GlobalConfig;
pub use http::HttpClientConfig;
pub use label_set::LabelSet;
pub use load::{Defaults, Loaded, load, load_http_config, load_with};
pub use naming::ValidationScheme;
pub use otlp::OtlpConfig;
pub use relabel::{LabelName, Modulus, RegexText, RelabelAction, RelabelConfig};
pub use relabel_rules::RelabelRules;
pub use rule_check::{LoadedRules, RuleChecks, TextFault, load_rules};
pub use rule_tests::{
    AlertTest, ExpectedAlert, ExpectedSample, ExprTest, InputSeries, LoadedRuleTests, RuleTestFile, RuleTestGroup,
    load_rule_tests,
};
pub use rules::{PlacedText, Rule, RuleGroup, RuleGroups};
pub use runtime::RuntimeConfig;
pub use scrape::{ScrapeConfig, ScrapeConfigFile};
pub use scrape_files::matching_files;
pub use scrape_protocol::ScrapeProtocol;
pub use sd::SdConfigs;
pub use secret::Secret;
pub use sigv4::SigV4Config;
pub use storage::{
    ChunkEncodingConfig, DEFAULT_MAX_EXEMPLARS, ExemplarsConfig, RetentionConfig, StorageConfig, TsdbConfig,
};
pub use target_file::load_target_groups;
pub use target_group::TargetGroup;
pub use tracing_config::TracingConfig;
pub use url::Url;
pub use web::{ClientAuth, GoDuration, WebConfig, WebHttpConfig, WebRateLimit, WebTlsConfig, load_web_config};
