//! One job: its targets and their loops. A task of its own owns them; the manager and the API see a shared view.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use firesteel_config::{RelabelRules, ScrapeConfig, ScrapeProtocol, ValidationScheme};
use firesteel_discovery::{SetTargets, SetWatch, TargetGroup};
use firesteel_expfmt::MediaType;
use firesteel_model::Labels;
use firesteel_net::Dialers;
use firesteel_net::client::{ClientOptions, HttpClient};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tracing::error;

use crate::cache::TargetCache;
use crate::failure_log::FailureLogSlot;
use crate::fetch::{body_limit, headers};
use crate::histogram_rows::schema_of_factor;
use crate::manager::{ScrapeError, Shared};
use crate::sample_rules::SampleRules;
use crate::scrape_loop::{LoopHandle, LoopSetup};
use crate::target::{Made, Target, make_target};

/// What others see of a pool.
#[derive(Debug, Default)]
pub(crate) struct PoolView {
    /// Targets in force with their labels before relabelling, by URL.
    pub(crate) active: Vec<(Arc<Target>, Labels)>,
    pub(crate) dropped: Vec<Labels>,
    pub(crate) dropped_count: usize,
}

enum Command {
    Reload(Arc<ScrapeConfig>, oneshot::Sender<Result<(), ScrapeError>>),
    Stop(oneshot::Sender<()>),
}

/// The manager's hold on a pool.
pub(crate) struct PoolHandle {
    pub(crate) config: Arc<ScrapeConfig>,
    pub(crate) view: Arc<Mutex<PoolView>>,
    pub(crate) failure_log: FailureLogSlot,
    commands: mpsc::Sender<Command>,
}

impl PoolHandle {
    /// Starts a pool, whose targets `found` brings.
    pub(crate) fn start(
        config: Arc<ScrapeConfig>,
        shared: &Arc<Shared>,
        found: SetWatch,
        failure_log: FailureLogSlot,
    ) -> Result<Self, ScrapeError> {
        shared.metrics.pools.inc();
        let metrics = &shared.metrics;
        let prepared = Prepared::new(&config, &metrics.dialers).inspect_err(|_| metrics.pools_failed.inc())?;
        let (commands, requests) = mpsc::channel(4);
        let view = Arc::<Mutex<PoolView>>::default();
        let pool = Pool {
            name: config.job_name.as_str().into(),
            config: Arc::clone(&config),
            prepared,
            shared: Arc::clone(shared),
            view: Arc::clone(&view),
            failure_log: Arc::clone(&failure_log),
            groups: Vec::new(),
            revision: 0,
            first_words: 0,
            loops: BTreeMap::new(),
            unix_clients: BTreeMap::new(),
            forced_error: Arc::new(ArcSwapOption::empty()),
        };
        shared.tasks.spawn(pool.run(requests, found));
        Ok(Self { config, view, failure_log, commands })
    }

    /// Returns what a reload needs, so that the manager's lock is not held meanwhile.
    pub(crate) fn reloader(&self) -> PoolReloader {
        PoolReloader(self.commands.clone())
    }

    /// Ends the pool; returns when its loops scrape no more.
    pub(crate) async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            // An error means that the pool is gone already.
            let _gone = stopped.await;
        }
    }
}

/// Sends a pool another configuration.
pub(crate) struct PoolReloader(mpsc::Sender<Command>);

impl PoolReloader {
    /// Puts another configuration in force; what is returned ends when the old loops scrape no more.
    pub(crate) async fn reload(
        self,
        config: Arc<ScrapeConfig>,
    ) -> Result<oneshot::Receiver<Result<(), ScrapeError>>, ScrapeError> {
        let (done, result) = oneshot::channel();
        self.0.send(Command::Reload(config, done)).await.map_err(|_gone| ScrapeError::Stopped)?;
        Ok(result)
    }
}

/// What is made of a configuration once.
struct Prepared {
    client: Arc<HttpClient>,
    relabel: RelabelRules,
    metric_relabel: RelabelRules,
}

impl Prepared {
    fn new(config: &ScrapeConfig, dialers: &Dialers) -> Result<Self, ScrapeError> {
        let regex = |error| ScrapeError::Regex { job: config.job_name.clone(), error };
        let scheme = config.metric_name_validation_scheme;
        Ok(Self {
            client: Arc::new(client(config, None, dialers)?),
            relabel: RelabelRules::new(&config.relabel_configs, scheme).map_err(regex)?,
            metric_relabel: RelabelRules::new(&config.metric_relabel_configs, scheme).map_err(regex)?,
        })
    }
}

fn client(config: &ScrapeConfig, unix_socket: Option<&str>, dialers: &Dialers) -> Result<HttpClient, ScrapeError> {
    let options = ClientOptions {
        user_agent: concat!("Prometheus/", "3.14.0").to_owned(),
        unix_socket: unix_socket.map(Into::into),
        dialer: Some(dialers.named(&config.job_name)),
        ..ClientOptions::default()
    };
    HttpClient::new(&config.http, options).map_err(|error| ScrapeError::Client { job: config.job_name.clone(), error })
}

struct Pool {
    name: Arc<str>,
    config: Arc<ScrapeConfig>,
    prepared: Prepared,
    shared: Arc<Shared>,
    view: Arc<Mutex<PoolView>>,
    failure_log: FailureLogSlot,
    groups: Vec<Arc<TargetGroup>>,
    /// Of the configuration in force: what was found for a later one waits for its reload.
    revision: u64,
    /// How many providers the groups know.
    first_words: u64,
    /// By the target's hash.
    loops: BTreeMap<u64, LoopHandle>,
    /// Connections are pooled by host; targets behind sockets need a client each.
    unix_clients: BTreeMap<String, Arc<HttpClient>>,
    forced_error: Arc<ArcSwapOption<String>>,
}

impl Pool {
    async fn run(mut self, mut requests: mpsc::Receiver<Command>, mut found: SetWatch) {
        self.take(&found.current(), true);
        self.sync(None).await;
        // What changes is applied at most once an interval; the first word of a provider at once.
        let pause = self.shared.options.discovery_reload_interval;
        let mut last_sync = Instant::now();
        let mut due: Option<Instant> = None;
        let mut is_followed = true;
        loop {
            let sync_at = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = self.shared.shutdown.cancelled() => break,
                command = requests.recv() => match command {
                    Some(Command::Reload(config, done)) => {
                        // The manager waits for it; if it does not, the result is of no use.
                        let _unwanted = done.send(self.reload(config, &found.current()).await);
                    }
                    Some(Command::Stop(done)) => {
                        self.stop_loops().await;
                        self.shared.metrics.forget_pool(&self.name);
                        let _unwanted = done.send(());
                        break;
                    }
                    None => break,
                },
                goes_on = found.changed(), if is_followed => {
                    is_followed = goes_on;
                    let knew = self.first_words;
                    if goes_on && self.take(&found.current(), false) {
                        let at = if self.first_words > knew { Instant::now() } else { last_sync + pause };
                        due = Some(due.map_or(at, |due| due.min(at)));
                    }
                }
                () = tokio::time::sleep_until(sync_at), if due.is_some() => {
                    due = None;
                    self.sync(None).await;
                    last_sync = Instant::now();
                }
            }
        }
    }

    /// Takes what was found, unless it is for a configuration that is not in force yet and not being put in force.
    fn take(&mut self, found: &SetTargets, is_reload: bool) -> bool {
        let fits = is_reload || found.revision == self.revision;
        if fits {
            self.groups.clone_from(&found.groups);
            (self.revision, self.first_words) = (found.revision, found.first_words);
        }
        fits
    }

    async fn reload(&mut self, config: Arc<ScrapeConfig>, found: &SetTargets) -> Result<(), ScrapeError> {
        let start = Instant::now();
        self.shared.metrics.pool_reloads.inc();
        let metrics = &self.shared.metrics;
        self.prepared = Prepared::new(&config, &metrics.dialers).inspect_err(|_| metrics.pool_reloads_failed.inc())?;
        let old = std::mem::replace(&mut self.config, config);
        self.unix_clients.clear();
        self.take(found, true);
        self.sync(Some(is_cache_reusable(&old, &self.config))).await;
        let interval = firesteel_go_compat::format_go_duration(self.config.scrape_interval.as_nanos() as i64);
        self.shared.metrics.reload_length.with(&[&interval]).observe(start.elapsed().as_secs_f64());
        Ok(())
    }

    /// Makes targets of the groups, starts loops for new ones and stops those of others. With `restart` all loops start
    /// anew under the present configuration, with their caches if it says true.
    async fn sync(&mut self, restart: Option<bool>) {
        let start = Instant::now();
        let metrics = self.shared.metrics.clone();
        let (targets, view) = self.targets();
        let wanted: BTreeSet<u64> = targets.iter().map(|t| t.hash).collect();
        let gone: Vec<u64> = self.loops.keys().copied().filter(|hash| !wanted.contains(hash)).collect();
        // All are told before any is waited for.
        let gone: Vec<LoopHandle> = gone.iter().filter_map(|hash| self.loops.remove(hash)).collect();
        for handle in &gone {
            handle.stop();
        }
        if let Some(reuse) = restart {
            for handle in self.loops.values() {
                handle.stop_for_another(reuse);
            }
        }
        let limit = self.config.target_limit;
        let over = limit > 0 && wanted.len() as u64 > limit;
        if over {
            metrics.exceeded_target_limit.inc();
        }
        let error = format!("target_limit exceeded (number of targets: {}, limit: {limit})", wanted.len());
        self.forced_error.store(over.then(|| Arc::new(error)));
        let mut active = Vec::with_capacity(targets.len());
        for target in targets {
            let discovered = target.discovered.clone();
            let hash = target.hash;
            let running = match (self.loops.remove(&hash), restart) {
                (Some(handle), None) => handle,
                (Some(handle), Some(reuse)) => {
                    let target = Arc::clone(&handle.target);
                    let left = handle.stopped().await;
                    let cache = if reuse { left } else { TargetCache::new() };
                    self.start_loop(target, cache)
                }
                (None, _) => self.start_loop(Arc::new(target), TargetCache::new()),
            };
            active.push((Arc::clone(&running.target), discovered));
            self.loops.insert(hash, running);
        }
        active.sort_by(|(a, _), (b, _)| a.url.cmp(&b.url));
        metrics.pool_targets.with(&[&self.name]).set(active.len() as f64);
        metrics.pool_target_limit.with(&[&self.name]).set(limit as f64);
        // A pool has no table of symbols here, nor has upstream's in its usual build, which shows 0 as well.
        metrics.pool_symbols.with(&[&self.name]).set(0.0);
        *self.view.lock() = PoolView { active, ..view };
        // A target that comes back shall not meet its own old loop.
        for handle in gone {
            let _cache = handle.stopped().await;
        }
        metrics.synced(&self.name, start.elapsed());
    }

    /// Returns the targets of all groups without duplicates, and the view of those that were dropped.
    fn targets(&self) -> (Vec<Target>, PoolView) {
        let (mut targets, mut view, mut seen) = (Vec::new(), PoolView::default(), BTreeSet::new());
        let keep = self.config.keep_dropped_targets;
        for group in &self.groups {
            for (at, own) in group.targets.iter().enumerate() {
                match make_target(&self.config, &self.prepared.relabel, own, &group.labels) {
                    Ok(Made::Target(target)) => {
                        if seen.insert(target.hash) {
                            targets.push(*target);
                        }
                    }
                    Ok(Made::Dropped(labels)) => {
                        view.dropped_count += 1;
                        if keep == 0 || (view.dropped.len() as u64) < keep {
                            view.dropped.push(labels);
                        }
                    }
                    Err(why) => {
                        let err = format!("instance {at} in group {}: {why}", group.source);
                        error!(scrape_pool = %self.name, err, "Creating target failed");
                        self.shared.metrics.sync_failed.with(&[&self.name]).inc();
                    }
                }
            }
        }
        (targets, view)
    }

    fn start_loop(&mut self, target: Arc<Target>, cache: TargetCache) -> LoopHandle {
        let config = &self.config;
        let options = &self.shared.options;
        let rules = SampleRules {
            job: config.job_name.clone(),
            target_labels: target.public_labels().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            honor_labels: config.honor_labels,
            honor_timestamps: config.honor_timestamps,
            track_timestamps_staleness: config.track_timestamps_staleness,
            metric_relabel: self.prepared.metric_relabel.clone(),
            sample_limit: config.sample_limit,
            label_limit: config.label_limit,
            label_name_length_limit: config.label_name_length_limit,
            label_value_length_limit: config.label_value_length_limit,
            legacy_names: config.metric_name_validation_scheme == ValidationScheme::Legacy,
            type_and_unit_labels: options.type_and_unit_labels,
            append_metadata: options.append_metadata,
            exemplars: options.exemplars,
            starts: options.starts,
            native_histograms: target
                .bool_label("__scrape_native_histograms__", config.scrape_native_histograms.unwrap_or(false)),
            always_classic_histograms: target.bool_label(
                "__always_scrape_classic_histograms__",
                config.always_scrape_classic_histograms.unwrap_or(false),
            ),
            custom_buckets: target.bool_label(
                "__convert_classic_histograms_to_nhcb__",
                config.convert_classic_histograms_to_nhcb.unwrap_or(false),
            ),
            bucket_limit: config.native_histogram_bucket_limit,
            schema_max: schema_of_factor(config.native_histogram_min_bucket_factor),
        };
        let setup = LoopSetup {
            pool: Arc::clone(&self.name),
            client: self.client_for(&target),
            headers: headers(&self.config, target.timeout),
            rules: Arc::new(rules),
            body_limit: body_limit(&self.config),
            fallback: self.config.fallback_scrape_protocol.map(media_type),
            extra_metrics: self.config.extra_scrape_metrics.unwrap_or(false),
            forced_error: Arc::clone(&self.forced_error),
            failure_log: Arc::clone(&self.failure_log),
            shared: Arc::clone(&self.shared),
            target,
        };
        LoopHandle::start(setup, cache)
    }

    fn client_for(&mut self, target: &Target) -> Arc<HttpClient> {
        let Some(path) = target.labels.get("__unix_socket__") else { return Arc::clone(&self.prepared.client) };
        if let Some(known) = self.unix_clients.get(path) {
            return Arc::clone(known);
        }
        // The same settings have just made the pool's own client.
        let dialers = &self.shared.metrics.dialers;
        let made =
            client(&self.config, Some(path), dialers).map_or_else(|_| Arc::clone(&self.prepared.client), Arc::new);
        self.unix_clients.insert(path.to_owned(), Arc::clone(&made));
        made
    }

    async fn stop_loops(&mut self) {
        let loops = std::mem::take(&mut self.loops);
        for handle in loops.values() {
            handle.stop();
        }
        for handle in loops.into_values() {
            let _cache = handle.stopped().await;
        }
        *self.view.lock() = PoolView::default();
    }
}

fn media_type(protocol: ScrapeProtocol) -> MediaType {
    match protocol {
        ScrapeProtocol::PrometheusProto => MediaType::Protobuf,
        ScrapeProtocol::PrometheusText0_0_4 | ScrapeProtocol::PrometheusText1_0_0 => MediaType::Text,
        ScrapeProtocol::OpenMetricsText0_0_1 | ScrapeProtocol::OpenMetricsText1_0_0 => MediaType::OpenMetrics,
    }
}

/// Returns whether what lines stand for is the same under both configurations (upstream: `reusableCache`).
fn is_cache_reusable(old: &ScrapeConfig, new: &ScrapeConfig) -> bool {
    let mut like_new = old.clone();
    like_new.scrape_interval = new.scrape_interval;
    like_new.scrape_timeout = new.scrape_timeout;
    like_new.sample_limit = new.sample_limit;
    like_new.http = new.http.clone();
    like_new == *new
}
