//! All pools: starts, reloads and stops them as the configuration says, and shows them to the API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use firesteel_client::Registry;
use firesteel_config::{Config, ScrapeConfig};
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions};
use firesteel_model::Labels;
use firesteel_net::client::{Answer, ClientError};
use firesteel_re2::RegexError;
use firesteel_storage::Appendable;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::failure_log::{FailureLog, FailureLogs};
use crate::fnv::fnv1a;
use crate::metadata_cache::MetadataCache;
use crate::metrics::ScrapeMetrics;
use crate::pool::PoolHandle;
use crate::target::Target;
use crate::workers::Workers;

/// Body buffers kept between scrapes.
const BUFFERS_KEPT: usize = 16;
/// A buffer that one huge page blew up is not kept.
const BUFFER_BYTES_KEPT: usize = 16 << 20;

/// What flags say about scraping.
#[derive(Clone, Debug)]
pub struct ScrapeOptions {
    /// `--scrape.discovery-reload-interval`: changes of targets are applied at most this often.
    pub discovery_reload_interval: Duration,
    /// `--scrape.adjust-timestamps`: times near their slot are set to it.
    pub align_timestamps: bool,
    /// `--scrape.timestamp-tolerance`: how near that is; at most 1 % of the interval.
    pub timestamp_tolerance: Duration,
    /// First scrapes do not wait for their place in the interval.
    pub scrape_at_once: bool,
    /// Feature `metadata-wal-records`.
    pub append_metadata: bool,
    /// Feature `type-and-unit-labels`.
    pub type_and_unit_labels: bool,
    /// Feature `exemplar-storage`.
    pub exemplars: bool,
    /// Features `st-storage` and `created-timestamp-zero-ingestion`: start timestamps are read and handed on, and
    /// `_created` lines of OpenMetrics are no samples.
    pub starts: bool,
    /// Threads that fetch and ingest; 0 stands for half the cores, the others are for queries.
    pub threads: usize,
}

impl Default for ScrapeOptions {
    fn default() -> Self {
        Self {
            discovery_reload_interval: Duration::from_secs(5),
            align_timestamps: true,
            timestamp_tolerance: Duration::from_millis(2),
            scrape_at_once: false,
            append_metadata: false,
            type_and_unit_labels: false,
            exemplars: false,
            starts: false,
            threads: 0,
        }
    }
}

/// Scraping cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    #[error("error creating HTTP client: {error} (job {job})")]
    Client { job: String, error: ClientError },
    #[error("{error} (job {job})")]
    Regex { job: String, error: RegexError },
    /// A file of `scrape_config_files` cannot be read or is faulty.
    #[error("{first}")]
    ConfigFiles { first: String },
    /// Upstream's text (`util/logging/file.go`).
    #[error("can't create json log file: open {}: {error}", path.display())]
    FailureLog { path: std::path::PathBuf, error: String },
    #[error("start scrape threads: {0}")]
    Threads(std::io::Error),
    #[error("scraping has stopped")]
    Stopped,
}

/// What all loops share.
pub(crate) struct Shared {
    pub(crate) options: ScrapeOptions,
    pub(crate) storage: Arc<dyn Appendable>,
    pub(crate) metrics: ScrapeMetrics,
    pub(crate) workers: Workers,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    seed: AtomicU64,
    buffers: Mutex<Vec<Answer>>,
}

impl Shared {
    /// Returns the number that tells servers of one configuration apart in time.
    pub(crate) fn offset_seed(&self) -> u64 {
        self.seed.load(Ordering::Relaxed)
    }

    /// Returns a buffer for a body, empty but with room from its last use.
    pub(crate) fn take_buffer(&self) -> Answer {
        self.buffers.lock().pop().unwrap_or_default()
    }

    pub(crate) fn give_buffer(&self, buffer: Answer) {
        let mut buffers = self.buffers.lock();
        if buffers.len() < BUFFERS_KEPT && buffer.held_bytes() <= BUFFER_BYTES_KEPT {
            buffers.push(buffer);
        }
    }
}

/// Scrapes what the configuration names, until stopped.
pub struct ScrapeManager {
    shared: Arc<Shared>,
    discovery: DiscoveryManager,
    pools: Arc<Mutex<BTreeMap<String, PoolHandle>>>,
    /// One configuration at a time.
    applying: tokio::sync::Mutex<()>,
}

impl fmt::Debug for ScrapeManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeManager").field("pools", &self.pools()).finish_non_exhaustive()
    }
}

/// A pool as the API shows it.
#[derive(Clone, Debug)]
pub struct PoolSnapshot {
    pub name: String,
    /// Targets in force with their labels before relabelling, by URL.
    pub active: Vec<(Arc<Target>, Labels)>,
    /// Labels of targets that relabelling dropped, as far as they are kept.
    pub dropped: Vec<Labels>,
    pub dropped_count: usize,
}

impl ScrapeManager {
    /// Starts the threads of scraping; scraping begins with the first configuration. Must live within a tokio runtime.
    pub fn new(options: ScrapeOptions, storage: Arc<dyn Appendable>, registry: &Registry) -> Result<Self, ScrapeError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = if options.threads == 0 { (cores / 2).max(1) } else { options.threads };
        let shared = Shared {
            options,
            storage,
            metrics: ScrapeMetrics::new(registry),
            workers: Workers::start(threads).map_err(ScrapeError::Threads)?,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            seed: AtomicU64::new(0),
            buffers: Mutex::default(),
        };
        let discovery = DiscoveryManager::new(DiscoveryOptions::default(), registry);
        let pools = Arc::default();
        registry.register(Arc::new(MetadataCache(Arc::downgrade(&pools))));
        Ok(Self { shared: Arc::new(shared), discovery, pools, applying: tokio::sync::Mutex::default() })
    }

    /// Puts a configuration in force. Pools whose configuration is the same go on untouched. Goes on past a pool that
    /// cannot be set up, which keeps what it had, and returns the first such error.
    pub async fn apply(&self, config: &Config) -> Result<(), ScrapeError> {
        let external = firesteel_model::Labels::from_pairs(&config.global.external_labels.0);
        let jobs = config.all_scrape_configs().map_err(|faults| ScrapeError::ConfigFiles {
            first: faults.first().map(|fault| format!("{}: {}", fault.file, fault.message)).unwrap_or_default(),
        })?;
        self.apply_jobs(jobs.into_iter().map(Arc::new).collect(), &external).await
    }

    /// As [`Self::apply`], from jobs alone.
    pub async fn apply_jobs(&self, jobs: Vec<Arc<ScrapeConfig>>, external_labels: &Labels) -> Result<(), ScrapeError> {
        let _one_at_a_time = self.applying.lock().await;
        let logs = FailureLogs::open(&jobs)?;
        self.shared.seed.store(offset_seed(external_labels), Ordering::Relaxed);
        let mut first_error = Ok(());
        let wanted: BTreeSet<&str> = jobs.iter().map(|config| config.job_name.as_str()).collect();
        // A pool takes what is found for its new configuration only when it is reloaded.
        let _logged = self.discovery.apply(jobs.iter().map(|job| (job.job_name.clone(), &job.discovery)));
        // The API goes on seeing pools while they are reloaded.
        let gone: Vec<PoolHandle> = {
            let mut pools = self.pools.lock();
            let names: Vec<String> = pools.keys().filter(|name| !wanted.contains(name.as_str())).cloned().collect();
            names.iter().filter_map(|name| pools.remove(name)).collect()
        };
        // All are told before any is waited for: a target that hangs in one holds up no other.
        let mut reloads = Vec::new();
        for config in &jobs {
            let name = &config.job_name;
            let running = self.pools.lock().get(name).map(|pool| {
                pool.failure_log.store(logs.of(config));
                (Arc::clone(&pool.config), pool.reloader())
            });
            match running {
                Some((same, _)) if same == *config => {}
                Some((_, reloader)) => reloads.push((config, reloader.reload(Arc::clone(config)).await)),
                None => match self.start_pool(config, logs.of(config)) {
                    Ok(pool) => drop(self.pools.lock().insert(name.clone(), pool)),
                    Err(err) => {
                        tracing::error!(%err, scrape_pool = name, "error creating new scrape pool");
                        first_error = first_error.and(Err(err));
                    }
                },
            }
        }
        for (config, done) in reloads {
            let name = &config.job_name;
            let result = match done {
                Ok(done) => done.await.unwrap_or(Err(ScrapeError::Stopped)),
                Err(stopped) => Err(stopped),
            };
            match result {
                Ok(()) => {
                    if let Some(pool) = self.pools.lock().get_mut(name) {
                        pool.config = Arc::clone(config);
                    }
                }
                Err(err) => {
                    tracing::error!(%err, scrape_pool = name, "error reloading scrape pool");
                    first_error = first_error.and(Err(err));
                }
            }
        }
        for pool in gone {
            pool.stop().await;
        }
        first_error
    }

    fn start_pool(&self, config: &Arc<ScrapeConfig>, log: Option<Arc<FailureLog>>) -> Result<PoolHandle, ScrapeError> {
        let found = self.discovery.watch(&config.job_name).ok_or(ScrapeError::Stopped)?;
        PoolHandle::start(Arc::clone(config), &self.shared, found, Arc::new(ArcSwapOption::new(log)))
    }

    /// Returns the names of the pools, sorted.
    pub fn pools(&self) -> Vec<String> {
        self.pools.lock().keys().cloned().collect()
    }

    /// Returns the configuration of a pool.
    pub fn config_of(&self, pool: &str) -> Option<Arc<ScrapeConfig>> {
        self.pools.lock().get(pool).map(|pool| pool.config.clone())
    }

    /// Returns all pools with their targets, sorted by name.
    pub fn targets(&self) -> Vec<PoolSnapshot> {
        let snapshot = |(name, pool): (&String, &PoolHandle)| {
            let view = pool.view.lock();
            PoolSnapshot {
                name: name.clone(),
                active: view.active.clone(),
                dropped: view.dropped.clone(),
                dropped_count: view.dropped_count,
            }
        };
        self.pools.lock().iter().map(snapshot).collect()
    }

    /// Stops all scraping without staleness markers, as for a server that will be back; returns when all loops have
    /// ended and what they had in hand is stored.
    pub async fn stop(&self) {
        self.discovery.stop().await;
        self.shared.shutdown.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        self.pools.lock().clear();
    }
}

/// Upstream: FNV-1a of the host's name and the external labels, so that two servers scrape at different times.
fn offset_seed(external_labels: &Labels) -> u64 {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let pairs: Vec<String> =
        external_labels.iter().map(|(n, v)| format!("{n}={}", firesteel_go_compat::quote(v))).collect();
    fnv1a(&[host.trim().as_bytes(), format!("{{{}}}", pairs.join(", ")).as_bytes()])
}
