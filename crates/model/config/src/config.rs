//! The whole of `prometheus.yml`.

use firesteel_yaml::to_yaml;

use crate::alerting::AlertingConfig;
use crate::otlp::OtlpConfig;
use crate::remote::{RemoteReadConfig, RemoteWriteConfig};
use crate::runtime::RuntimeConfig;
use crate::section::section;
use crate::storage::{RetentionConfig, StorageConfig};
use crate::tracing_config::TracingConfig;
use crate::{Decode, FilePath, GlobalConfig, ScrapeConfig};

section! {
    /// A loaded configuration. Made by [`crate::load`], which fills in defaults and what jobs inherit.
    pub struct Config("prometheus.yml", "config.Config", "config.plain") check crate::whole::check {
        global: GlobalConfig [keep] = GlobalConfig::defaults(),
        runtime: RuntimeConfig = RuntimeConfig::defaults(),
        alerting: AlertingConfig,
        rule_files: Vec<FilePath>,
        scrape_config_files: Vec<FilePath>,
        scrape_configs: Vec<ScrapeConfig>,
        storage: StorageConfig,
        tracing: TracingConfig,
        remote_write: Vec<RemoteWriteConfig>,
        remote_read: Vec<RemoteReadConfig>,
        otlp: OtlpConfig = OtlpConfig::default(),
    }
}

impl Config {
    /// Sets the retention that flags (or the default of 15 days) give, unless the file has a block of its own. The server
    /// calls it before it shows the configuration.
    pub fn fill_retention(&mut self, of_flags: RetentionConfig) {
        self.storage.tsdb.get_or_insert_default().retention.get_or_insert(of_flags);
    }

    /// Returns upstream's refusal of sections that `--agent` does not allow.
    pub fn agent_mode_fault(&self) -> Option<&'static str> {
        if !self.alerting.is_zero() {
            return Some("field alerting is not allowed in agent mode");
        }
        if !self.rule_files.is_empty() {
            return Some("field rule_files is not allowed in agent mode");
        }
        (!self.remote_read.is_empty()).then_some("field remote_read is not allowed in agent mode")
    }

    /// Prints the configuration as `/api/v1/status/config` shows it: defaults filled in, secrets as `<secret>`.
    pub fn to_yaml(&self) -> String {
        to_yaml(&self.encode())
    }
}
