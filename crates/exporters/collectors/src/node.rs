//! All chosen collectors as one source of metrics, with how each of them fared.

use std::sync::Arc;
use std::time::Instant;

use firesteel_cli::Matches;
use firesteel_client::Collect;
use firesteel_model::MetricFamily;
use tracing::{debug, error};

use crate::{COLLECTORS, CollectError, Collector, CollectorDef, FilterError, HostRoots, MetricSink, Settings};

/// Which collectors run over which host, with which of their flags set.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    pub host: HostRoots,
    /// Which collectors run, by name; empty stands for the default set.
    pub enabled: Vec<String>,
    pub settings: Settings,
}

impl NodeOptions {
    /// Reads the flags of [`crate::host_flags`] and [`crate::switches`].
    pub fn from_flags(flags: &Matches) -> Self {
        let defaults_off = flags.bool("collector.disable-defaults");
        let enabled = COLLECTORS.iter().map(|def| def.name).filter(|name| {
            let switch = format!("collector.{name}");
            flags.bool(&switch) && (!defaults_off || flags.is_given(&switch))
        });
        let path = |name: &str| flags.text(name).to_owned();
        Self {
            host: HostRoots::new(path("path.procfs"), path("path.sysfs"), path("path.rootfs"), path("path.udev.data")),
            enabled: enabled.map(str::to_owned).collect(),
            settings: Settings::from_flags(flags),
        }
    }
}

/// A choice of collectors that cannot be made; the texts are node_exporter's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SelectError {
    #[error("missing collector: {0}")]
    Missing(String),
    #[error("disabled collector: {0}")]
    Disabled(String),
}

/// The chosen collectors over one host.
#[derive(Clone)]
pub struct NodeCollector {
    host: HostRoots,
    running: Vec<(&'static str, Arc<dyn Collector>)>,
}

impl NodeCollector {
    /// Builds the collectors; errors on a filter that does not compile.
    pub fn new(options: &NodeOptions) -> Result<Self, FilterError> {
        let on = |def: &&CollectorDef| match options.enabled.as_slice() {
            [] => def.default_enabled,
            enabled => enabled.iter().any(|name| name == def.name),
        };
        let names = COLLECTORS.iter().filter(on).map(|def| def.name).collect();
        let settings = options.settings.clone().with_running(names);
        let running = COLLECTORS.iter().filter(on).map(|def| Ok((def.name, (def.make)(&settings)?)));
        let running = running.collect::<Result<_, FilterError>>()?;
        Ok(Self { host: options.host.clone(), running })
    }

    /// Returns a copy with only the named collectors (`collect[]`).
    pub fn only(&self, names: &[String]) -> Result<Self, SelectError> {
        self.check(names)?;
        let running = self.running.iter().filter(|(n, _)| names.iter().any(|w| w == n)).cloned().collect();
        Ok(Self { host: self.host.clone(), running })
    }

    /// Returns a copy without the named collectors (`exclude[]`).
    pub fn without(&self, names: &[String]) -> Result<Self, SelectError> {
        self.check(names)?;
        let running = self.running.iter().filter(|(n, _)| !names.iter().any(|w| w == n)).cloned().collect();
        Ok(Self { host: self.host.clone(), running })
    }

    /// Returns the names of what runs.
    pub fn names(&self) -> Vec<&'static str> {
        self.running.iter().map(|(name, _)| *name).collect()
    }

    fn check(&self, names: &[String]) -> Result<(), SelectError> {
        for name in names {
            if !COLLECTORS.iter().any(|def| def.name == name) {
                return Err(SelectError::Missing(name.clone()));
            }
            if !self.running.iter().any(|(n, _)| n == name) {
                return Err(SelectError::Disabled(name.clone()));
            }
        }
        Ok(())
    }
}

impl Collect for NodeCollector {
    /// Runs the collectors one after the other: together they take a few milliseconds, and the one that can hang
    /// (filesystem) bounds itself.
    fn collect(&self, families: &mut Vec<MetricFamily>) {
        let mut out = MetricSink::default();
        for (name, collector) in &self.running {
            let start = Instant::now();
            let done = collector.collect(&self.host, &mut out);
            let seconds = start.elapsed().as_secs_f64();
            match &done {
                Ok(()) => debug!(name, duration_seconds = seconds, "collector succeeded"),
                Err(CollectError::NoData) => debug!(name, duration_seconds = seconds, "collector returned no data"),
                Err(err) => error!(name, duration_seconds = seconds, err = %err, "collector failed"),
            }
            let labels = [("collector", *name)];
            out.gauge(
                "scrape_collector_duration_seconds",
                "node_exporter: Duration of a collector scrape.",
                &labels,
                seconds,
            );
            let success = f64::from(u8::from(done.is_ok()));
            out.gauge("scrape_collector_success", "node_exporter: Whether a collector succeeded.", &labels, success);
        }
        families.extend(out.into_families());
    }
}

impl std::fmt::Debug for NodeCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeCollector").field("host", &self.host).field("running", &self.names()).finish()
    }
}
