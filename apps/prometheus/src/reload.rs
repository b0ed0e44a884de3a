//! Putting a configuration in force: at the start and at every reload, as one written list of steps.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use firesteel_api::{Notice, Notifications};
use firesteel_config::{Config, Defaults, Diagnostic};
use firesteel_go_compat::format_go_duration;
use firesteel_promql_syntax::ParserOptions;
use tracing::{error, info, warn};

use crate::ConfigSource;
use crate::config_source::place;
use crate::metrics::ServerMetrics;
use crate::notifying::Notifying;
use crate::ruling::Ruling;
use crate::scraping::Scraping;
use crate::storing::{
    LateDb, exemplars_max, out_of_order_window, retention, stale_series_threshold, tell_retention, xor2,
};
use crate::wire::Queries;

/// Why the configuration on disk was refused, while it is.
pub(crate) type Refused = Arc<ArcSwapOption<String>>;

/// What a configuration is given to.
pub(crate) struct Reloader {
    pub(crate) source: ConfigSource,
    pub(crate) defaults: Defaults,
    pub(crate) allow_unsupported: bool,
    /// Feature `exemplar-storage`.
    pub(crate) exemplars: bool,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) scraping: Arc<Scraping>,
    pub(crate) notifying: Arc<Notifying>,
    pub(crate) notifications: Notifications,
    pub(crate) rules: Arc<Ruling>,
    pub(crate) external_url: String,
    pub(crate) parser: ParserOptions,
    pub(crate) db: Arc<LateDb>,
    pub(crate) queries: Arc<Queries>,
    pub(crate) metrics: ServerMetrics,
    pub(crate) refused: Refused,
}

impl Reloader {
    /// Reads the configuration and applies it. When it cannot be read, the old one stays in force untouched.
    ///
    /// Errors with one line for whoever asked.
    pub(crate) async fn reload(&self) -> Result<(), String> {
        info!(filename = self.source.name(), "Loading configuration file");
        let (source, defaults) = (self.source.clone(), self.defaults.clone());
        let loading = tokio::task::spawn_blocking(move || source.load(&defaults)).await.map_err(|e| e.to_string())?;
        let loaded = loading.map_err(|e| {
            self.source.log(&e);
            let name = self.source.name();
            let faults = if e.faults.is_empty() { String::new() } else { format!("\n{}", e.faults) };
            format!("couldn't load configuration (--config.file={name:?}): {}{faults}", e.text)
        });
        let checked = loaded.and_then(|(config, idle)| self.refuse_unsupported(&idle).map(|()| config));
        let outcome = match checked {
            Ok(config) => self.apply(config).await,
            Err(e) => Err(e),
        };
        match &outcome {
            Ok(()) => {
                self.metrics.config_ok.set(1.0);
                self.metrics.config_at.set_to_current_time();
                self.refused.store(None);
                self.notifications.remove(Notice::ConfigurationUnsuccessful);
            }
            Err(err) => {
                self.metrics.config_ok.set(0.0);
                self.refused.store(Some(Arc::new(err.clone())));
                self.notifications.add(Notice::ConfigurationUnsuccessful);
                error!(err, "Error reloading config");
            }
        }
        outcome.map_err(|err| format!("{err}{}", self.still_in_force()))
    }

    /// Says since when the configuration that goes on acting is there; nothing at the start, when there is none.
    fn still_in_force(&self) -> String {
        let at = self.metrics.config_at.value();
        if at == 0.0 {
            return String::new();
        }
        let at = firesteel_go_compat::Instant::from_unix_ms((at * 1000.0) as i64).to_rfc3339();
        format!("\nerror[FS0304]: The running configuration (loaded {at}) stays in force.")
    }

    /// Refuses sections that are known but do not act, unless told to go on.
    fn refuse_unsupported(&self, found: &[Diagnostic]) -> Result<(), String> {
        if self.allow_unsupported {
            for d in found {
                warn!(place = %place(d), "{} (going on: --allow-unsupported)", d.message);
            }
            return Ok(());
        }
        if found.is_empty() {
            return Ok(());
        }
        Err(found.iter().map(|d| format!("{}: {}", place(d), d.message)).collect::<Vec<_>>().join("; "))
    }

    /// Applies a checked configuration: every step runs even if an earlier one failed.
    pub(crate) async fn apply(&self, config: Config) -> Result<(), String> {
        let began = Instant::now();
        let mut stored = true;
        if let Some(db) = self.db.get() {
            let retention = retention(&config);
            if db.retention() != retention {
                db.set_retention(retention);
                tell_retention(&retention);
            }
            db.set_stale_series_threshold(stale_series_threshold(&config));
            if let Err(err) = db.set_out_of_order_window(out_of_order_window(&config)) {
                error!(%err, "Failed to open the log of out-of-order samples");
            }
            if let Err(err) = db.set_xor2(xor2(&config, db.options().xor2)) {
                error!(%err, "Failed to apply configuration");
                stored = false;
            }
            if self.exemplars {
                db.set_exemplars_max(exemplars_max(&config));
            }
        }
        let log = self.queries.log.open(config.global.query_log_file.as_path());
        let log_took = began.elapsed();
        let scrape = self.scraping.apply(&config).await;
        let scrape_took = began.elapsed().saturating_sub(log_took);
        let notify = self.notifying.0.apply(&config).map_err(|e| e.to_string());
        let notify_took = began.elapsed().saturating_sub(log_took + scrape_took);
        let rules = self.rules.apply(&config, &self.external_url, self.parser).await;
        let rules_took = began.elapsed().saturating_sub(log_took + scrape_took + notify_took);
        self.config.store(Arc::new(config));
        let outcome = log.and(scrape).and(notify).and(rules);
        if let Err(err) = &outcome {
            error!(err, "Failed to apply configuration");
        }
        if outcome.is_err() || !stored {
            let name = self.source.name();
            return Err(format!(
                "one or more errors occurred while applying the new configuration (--config.file={name:?})"
            ));
        }
        info!(
            query_engine = go(log_took),
            scrape = go(scrape_took),
            notify = go(notify_took),
            rules = go(rules_took),
            filename = self.source.name(),
            totalDuration = go(began.elapsed()),
            "Completed loading of configuration file"
        );
        Ok(())
    }
}

fn go(took: std::time::Duration) -> String {
    format_go_duration(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX))
}
