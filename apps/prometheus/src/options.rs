//! What the command line makes of a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use firesteel_cli::{Halt, Matches, Mode};
use firesteel_config::{ByteSize, Defaults, RetentionConfig};
use firesteel_net::server::{Cors, Listener};
use firesteel_notifier::NotifierOptions;
use firesteel_promql::{EngineFeatures, EngineOptions, MemoryLimits};
use firesteel_promql_syntax::ParserOptions;
use firesteel_re2::AnchoredRegex;
use firesteel_remote::{MessageKind, ReadOptions, ReceiverOptions};
use firesteel_rules::RuleSettings;
use firesteel_scrape::ScrapeOptions;
use firesteel_tsdb_wal::Compression;

use crate::flags::PROGRAM;
use crate::{ConfigSource, host, unsupported};

/// Upstream's bound on the delay of compactions, when the one that is given makes no sense.
const DEFAULT_DELAY_PERCENT: u8 = 10;
/// Upstream's size of a block's chunk segment.
const DEFAULT_BLOCK_SEGMENT_BYTES: u64 = 512 << 20;
/// Upstream's default retention.
const DEFAULT_RETENTION: Duration = Duration::from_secs(15 * 24 * 3600);
/// Upstream's bound on retention.
const LONGEST_RETENTION: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Settings of one server. [`Options::parse`] makes them; a program that hosts the server may change them.
#[derive(Debug)]
pub struct Options {
    pub config: ConfigSource,
    /// How often the files of the configuration are looked at; `None`: only when told to.
    pub auto_reload: Option<Duration>,
    pub data_dir: PathBuf,
    /// Addresses to listen on; not used for what `listeners` holds already.
    pub listen: Vec<String>,
    /// Sockets bound by the hosting program.
    pub listeners: Vec<Listener>,
    /// Routes that the hosting program adds at the root.
    pub extra: Option<Router>,
    /// Answer only requests whose `Host` is one of these.
    pub allowed_hosts: Option<Arc<[String]>>,
    pub cors: Cors,
    /// TLS, users and headers of the listeners.
    pub web_config: Option<PathBuf>,
    pub external_url: String,
    pub route_prefix: String,
    pub page_title: String,
    pub console_templates: PathBuf,
    pub console_libraries: PathBuf,
    pub lifecycle: bool,
    pub admin: bool,
    pub max_connections: usize,
    pub max_notification_subscribers: usize,
    pub read_timeout: Duration,
    pub max_concurrency: i64,
    pub engine: EngineOptions,
    pub parser: ParserOptions,
    pub scrape: ScrapeOptions,
    pub notifier: NotifierOptions,
    /// The external URL comes later, from the listeners.
    pub rules: RuleSettings,
    /// Rule files of the hosting program, beside those of the configuration: names and texts.
    pub embedded_rules: Vec<(String, String)>,
    pub receiver: ReceiverOptions,
    pub remote_read: ReadOptions,
    /// What holds where the file says nothing, and other defaults of the file.
    pub defaults: Defaults,
    pub starts: Starts,
    pub no_lockfile: bool,
    pub wal_compression: Compression,
    pub wal_segment_bytes: u64,
    pub samples_per_chunk: u16,
    pub min_block_duration: Duration,
    /// `None`: from the retention.
    pub max_block_duration: Option<Duration>,
    pub block_segment_bytes: u64,
    pub block_reload_interval: Duration,
    pub overlapping_compaction: bool,
    /// `memory-snapshot-on-shutdown`.
    pub memory_snapshot: bool,
    /// Up to this share of a block's range compactions are put off; `None`: not at all.
    pub compaction_delay_percent: Option<u8>,
    pub delay_compact_file: Option<PathBuf>,
    /// Series of the head beyond which the job that grows most gets no new ones; 0 = no limit.
    pub head_series_limit: u64,
    pub allow_unsupported: bool,
    /// The flags themselves, for the API.
    pub flags: Vec<(&'static str, String)>,
    pub(crate) unsupported: Vec<String>,
    pub(crate) unknown_features: Vec<String>,
}

impl Options {
    /// Reads the command line behind the program's name; the halt says what to print and how to exit.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<(Self, LogChoice), Halt> {
        let m = PROGRAM.parse(words)?;
        let log = LogChoice { level: m.text("log.level").to_owned(), format: m.text("log.format").to_owned() };
        Ok((Self::from_matches(&m)?, log))
    }

    fn from_matches(m: &Matches) -> Result<Self, Halt> {
        check(m)?;
        let pattern = m.text("web.cors.origin");
        let cors = if pattern == ".*" {
            Cors::Any
        } else {
            let regex = AnchoredRegex::new(pattern)
                .map_err(|e| Halt::error(format!("could not compile CORS regex string {pattern:?}: {e}\n"), 2))?;
            Cors::Matching(Arc::new(regex))
        };
        let features: Vec<String> = unsupported::features(m).collect();
        let has = |name: &str| features.iter().any(|f| f == name);
        let parse_starts = has("st-storage") || has("created-timestamp-zero-ingestion");
        Ok(Self {
            config: ConfigSource::File(m.text("config.file").into()),
            auto_reload: (m.bool("config.auto-reload") || has("auto-reload-config"))
                .then(|| m.duration("config.auto-reload-interval")),
            data_dir: m.text("storage.tsdb.path").into(),
            listen: m.texts("web.listen-address").into_iter().map(str::to_owned).collect(),
            listeners: Vec::new(),
            extra: None,
            allowed_hosts: None,
            cors,
            web_config: Some(PathBuf::from(m.text("web.config.file"))).filter(|path| !path.as_os_str().is_empty()),
            external_url: m.text("web.external-url").to_owned(),
            route_prefix: m.text("web.route-prefix").to_owned(),
            page_title: m.text("web.page-title").to_owned(),
            console_templates: m.text("web.console.templates").into(),
            console_libraries: m.text("web.console.libraries").into(),
            lifecycle: m.bool("web.enable-lifecycle"),
            admin: m.bool("web.enable-admin-api"),
            max_connections: usize::try_from(m.int("web.max-connections")).unwrap_or(0),
            max_notification_subscribers: usize::try_from(m.int("web.max-notifications-subscribers")).unwrap_or(0),
            read_timeout: m.duration("web.read-timeout"),
            max_concurrency: m.int("query.max-concurrency"),
            engine: EngineOptions {
                lookback: m.duration("query.lookback-delta"),
                timeout: m.duration("query.timeout"),
                max_samples: usize::try_from(m.int("query.max-samples")).unwrap_or(0),
                memory: memory_limits(m, host::memory()),
                // The API's gate stands in front: a query never waits on a thread.
                max_concurrent: 0,
                features: EngineFeatures {
                    delayed_name_removal: has("promql-delayed-name-removal"),
                    use_start_timestamps: has("use-start-timestamps"),
                    type_and_unit_labels: has("type-and-unit-labels"),
                    per_step_stats: has("promql-per-step-stats"),
                },
                ..EngineOptions::default()
            },
            parser: ParserOptions {
                experimental_functions: has("promql-experimental-functions"),
                extended_range_selectors: has("promql-extended-range-selectors"),
                binop_fill_modifiers: has("promql-binop-fill-modifiers"),
            },
            scrape: ScrapeOptions {
                discovery_reload_interval: m.duration("scrape.discovery-reload-interval"),
                align_timestamps: m.bool("scrape.adjust-timestamps"),
                timestamp_tolerance: m.duration("scrape.timestamp-tolerance"),
                type_and_unit_labels: has("type-and-unit-labels"),
                exemplars: has("exemplar-storage"),
                append_metadata: has("metadata-wal-records"),
                starts: parse_starts,
                ..ScrapeOptions::default()
            },
            notifier: NotifierOptions {
                queue_capacity: usize::try_from(m.int("alertmanager.notification-queue-capacity")).unwrap_or(0),
                batch_max: match usize::try_from(m.int("alertmanager.notification-batch-size")) {
                    Ok(0) | Err(_) => NotifierOptions::default().batch_max,
                    Ok(max) => max,
                },
                drain_on_shutdown: m.bool("alertmanager.drain-notification-queue-on-shutdown"),
                ..NotifierOptions::default()
            },
            embedded_rules: Vec::new(),
            rules: RuleSettings {
                outage_tolerance: m.duration("rules.alert.for-outage-tolerance"),
                for_grace_period: m.duration("rules.alert.for-grace-period"),
                resend_delay: m.duration("rules.alert.resend-delay"),
                lookback: m.duration("query.lookback-delta"),
                concurrent_evals: has("concurrent-rule-eval")
                    .then(|| usize::try_from(m.int("rules.max-concurrent-evals")).unwrap_or(0)),
                ..RuleSettings::default()
            },
            receiver: ReceiverOptions {
                enabled: m.bool("web.enable-remote-write-receiver"),
                accepted: m
                    .texts("web.remote-write-receiver.accepted-protobuf-messages")
                    .into_iter()
                    .filter_map(MessageKind::by_name)
                    .collect(),
                type_and_unit_labels: has("type-and-unit-labels"),
                metadata: has("metadata-wal-records"),
                starts: parse_starts,
            },
            remote_read: ReadOptions {
                sample_limit: m.int("storage.remote.read-sample-limit"),
                concurrent_limit: m.int("storage.remote.read-concurrent-limit"),
                frame_bytes: m.int("storage.remote.read-max-bytes-in-frame"),
            },
            defaults: Defaults {
                extra_scrape_metrics: has("extra-scrape-metrics"),
                protobuf_first: parse_starts,
                retention: Some(retention(m)),
                exemplars: has("exemplar-storage"),
            },
            starts: Starts {
                stored: has("st-storage"),
                as_zero: has("created-timestamp-zero-ingestion"),
                xor2: has("xor2-encoding"),
                in_histograms: has("histograms-st-encoding"),
            },
            no_lockfile: m.bool("storage.tsdb.no-lockfile"),
            wal_compression: match (m.bool("storage.tsdb.wal-compression"), m.text("storage.tsdb.wal-compression-type"))
            {
                (false, _) => Compression::None,
                (true, "zstd") => Compression::Zstd,
                (true, _) => Compression::Snappy,
            },
            wal_segment_bytes: match m.bytes("storage.tsdb.wal-segment-size") {
                0 => 128 << 20,
                n => n as u64,
            },
            samples_per_chunk: u16::try_from(m.int("storage.tsdb.samples-per-chunk")).unwrap_or(120),
            min_block_duration: m.duration("storage.tsdb.min-block-duration"),
            max_block_duration: m.duration_opt("storage.tsdb.max-block-duration").filter(|d| !d.is_zero()),
            block_segment_bytes: match m.bytes("storage.tsdb.max-block-chunk-segment-size") {
                0 => DEFAULT_BLOCK_SEGMENT_BYTES,
                n => n as u64,
            },
            block_reload_interval: m.duration("storage.tsdb.block-reload-interval"),
            memory_snapshot: has("memory-snapshot-on-shutdown"),
            compaction_delay_percent: has("delayed-compaction")
                .then(|| u8::try_from(m.int("storage.tsdb.delayed-compaction.max-percent")).ok())
                .map(|percent| percent.filter(|p| (1..=100).contains(p)).unwrap_or(DEFAULT_DELAY_PERCENT)),
            overlapping_compaction: m.bool("storage.tsdb.allow-overlapping-compaction"),
            delay_compact_file: Some(m.text("storage.tsdb.delay-compact-file.path"))
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            head_series_limit: u64::try_from(m.int("storage.tsdb.head-series-limit")).unwrap_or(0),
            allow_unsupported: m.bool("allow-unsupported"),
            flags: m.flag_values(),
            unsupported: unsupported::flags(m),
            unknown_features: features.into_iter().filter(|f| !unsupported::is_known_feature(f)).collect(),
        })
    }
}

/// What features say of start timestamps and of the chunks that have room for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Starts {
    /// `st-storage`.
    pub stored: bool,
    /// `created-timestamp-zero-ingestion`.
    pub as_zero: bool,
    /// `xor2-encoding`: what holds where `storage.tsdb.chunk_encoding.floats` says nothing.
    pub xor2: bool,
    /// `histograms-st-encoding`.
    pub in_histograms: bool,
}

/// How the log is to look.
#[derive(Clone, Debug)]
pub struct LogChoice {
    pub level: String,
    pub format: String,
}

/// What the flags say about keeping data: 15 days when they say nothing.
fn retention(m: &Matches) -> RetentionConfig {
    let size = m.bytes("storage.tsdb.retention.size");
    let time = match m.duration_opt("storage.tsdb.retention.time") {
        Some(time) if !time.is_zero() => time.min(LONGEST_RETENTION),
        _ if size != 0 => Duration::ZERO,
        _ => DEFAULT_RETENTION,
    };
    RetentionConfig { time, size: ByteSize(size), ..RetentionConfig::default() }
}

/// Checks that go beyond single values, with upstream's texts and exit codes.
fn check(m: &Matches) -> Result<(), Halt> {
    let features: Vec<String> = unsupported::features(m).collect();
    let has = |name: &str| features.iter().any(|f| f == name);
    if has("otlp-deltatocumulative") && has("otlp-native-delta-ingestion") {
        let why = "cannot enable otlp-deltatocumulative and otlp-native-delta-ingestion features at the same time";
        return Err(Halt::error(format!("Error parsing feature list: {why}\n"), 1));
    }
    let most = m.int("web.search.max-limit");
    if most < 0 {
        let text = format!("--web.search.max-limit must be non-negative; got {most} (use 0 to disable the cap)\n");
        return Err(Halt::error(text, 1));
    }
    let agent = m.bool("agent");
    let (foreign, can) = if agent { (Mode::ServerOnly, "can not") } else { (Mode::AgentOnly, "can only") };
    let given = m.given_of_mode(foreign);
    if !given.is_empty() {
        let names: Vec<String> = given.iter().map(|name| format!("{name:?}")).collect();
        return Err(Halt::error(
            format!("The following flag(s) {can} be used in agent mode: [{}]", names.join(" ")),
            3,
        ));
    }
    if agent && m.int("storage.agent.checkpoint-batch-size") <= 0 {
        return Err(Halt::error("--storage.agent.checkpoint-batch-size must be greater than 0.\n", 1));
    }
    let segment = m.bytes("storage.tsdb.wal-segment-size");
    if segment != 0 && !(10 << 20..=256 << 20).contains(&segment) {
        return Err(Halt::error("flag 'storage.tsdb.wal-segment-size' must be set between 10MB and 256MB\n", 1));
    }
    let segment = m.bytes("storage.tsdb.max-block-chunk-segment-size");
    if segment != 0 && segment < 1 << 20 {
        let text = "flag 'storage.tsdb.max-block-chunk-segment-size' must be set over 1MB\n";
        return Err(Halt::error(text, 1));
    }
    let ratio = m.float("auto-gomemlimit.ratio");
    if !(ratio > 0.0 && ratio <= 1.0) {
        let text = "--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1.";
        return Err(Halt::error(text, 1));
    }
    Ok(())
}

/// Returns how many bytes queries may take: what the flags say, else half of what there is, and no more than what the head
/// and others leave of it.
fn memory_limits(m: &Matches, there_is: Option<u64>) -> MemoryLimits {
    let given = |name| u64::try_from(m.bytes(name)).unwrap_or(0);
    let (query, all) = (given("query.memory-limit"), given("query.memory-limit-total"));
    let all_bytes = if all > 0 { all } else { there_is.map_or(0, |bytes| bytes / 2) };
    let spare = (all == 0).then_some(host::spare_memory as fn() -> Option<u64>);
    MemoryLimits { query_bytes: if query > 0 { query } else { all_bytes }, all_bytes, spare }
}

#[cfg(test)]
mod tests;
