//! The whole of `prometheus.yml`.

use firesteel_yaml::{Diagnostic, to_yaml};

use crate::section::section;
use crate::{Decode, FilePath, GlobalConfig, ScrapeConfig};

section! {
    /// A loaded configuration. Made by [`crate::load`], which fills in defaults and what jobs inherit.
    pub struct Config("prometheus.yml", "config.Config", "config.plain") {
        global: GlobalConfig = GlobalConfig::defaults(),
        rule_files: Vec<FilePath>,
        scrape_config_files: Vec<FilePath>,
        scrape_configs: Vec<ScrapeConfig>,
    }
}

impl Config {
    /// Prints the configuration as `/api/v1/status/config` shows it: defaults filled in, secrets as `<secret>`.
    pub fn to_yaml(&self) -> String {
        to_yaml(&self.encode())
    }

    /// Returns the sections that are known but do not act yet, each with its place. The server refuses to start with
    /// them unless told to go on.
    pub fn unsupported(&self) -> Vec<Diagnostic> {
        Vec::new()
    }
}
