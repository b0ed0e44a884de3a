//! The server's flags: names, defaults and help as 3.14 has them.

use firesteel_cli::FlagDef as F;
use firesteel_cli::FlagKind::{Bool, Bytes, Checked, Duration, Enum, Float, GoDuration, Int, Text};
use firesteel_cli::Mode::{AgentOnly, ServerOnly};
use firesteel_cli::log::LOG_FLAGS;
use firesteel_cli::{ErrorStyle, ProgramDef};

/// The program as its command line sees it.
pub static PROGRAM: ProgramDef = ProgramDef {
    name: "prometheus",
    release: None,
    help: "The Prometheus monitoring server",
    flags: FLAGS,
    commands: &[],
    errors: ErrorStyle::Usage,
};

const FLAGS: &[F] = &[
    F::new("config.file", Text, "Prometheus configuration file path.").default(&["prometheus.yml"]),
    F::new("config.auto-reload", Bool, "Enable automatic configuration file reloading. See also --config.auto-reload-interval.").default(&["false"]),
    F::new("config.auto-reload-interval", Duration, "Specifies the interval for checking and automatically reloading the Prometheus configuration file upon detecting changes. Only used when --config.auto-reload is set.").default(&["30s"]),
    F::new("web.listen-address", Text, "Address to listen on for UI, API, and telemetry. Can be repeated.").default(&["0.0.0.0:9090"]).repeatable(),
    F::new("auto-gomaxprocs", Bool, "Automatically set GOMAXPROCS to match Linux container CPU quota").default(&["true"]),
    F::new("auto-gomemlimit", Bool, "Automatically set GOMEMLIMIT to match Linux container or system memory limit").default(&["true"]),
    F::new("auto-gomemlimit.ratio", Float, "The ratio of reserved GOMEMLIMIT memory to the detected maximum container or system memory").default(&["0.9"]),
    F::new("auto-gomemlimit.refresh-interval", Duration, "Interval at which to re-detect the container or system memory limit and update GOMEMLIMIT accordingly. Useful when the limit can change at runtime, e.g. with a Vertical Pod Autoscaler. Set to 0 to detect the limit only once at startup. Note that a downward change in the limit can cause a temporary increase in garbage collection activity. Only used when --auto-gomemlimit is set.").default(&["0s"]),
    F::new("web.config.file", Text, "[EXPERIMENTAL] Path to configuration file that can enable TLS or authentication.").default(&[""]),
    F::new("web.read-timeout", Duration, "Maximum duration before timing out read of the request, and closing idle connections.").default(&["5m"]),
    F::new("web.max-connections", Int, "Maximum number of simultaneous connections across all listeners.").default(&["512"]),
    F::new("web.max-notifications-subscribers", Int, "Limits the maximum number of subscribers that can concurrently receive live notifications. If the limit is reached, new subscription requests will be denied until existing connections close.").default(&["16"]),
    F::new("web.external-url", Text, "The URL under which Prometheus is externally reachable (for example, if Prometheus is served via a reverse proxy). Used for generating relative and absolute links back to Prometheus itself. If the URL has a path portion, it will be used to prefix all HTTP endpoints served by Prometheus. If omitted, relevant URL components will be derived automatically.").placeholder("<URL>"),
    F::new("web.route-prefix", Text, "Prefix for the internal routes of web endpoints. Defaults to path of --web.external-url.").placeholder("<path>"),
    F::new("web.user-assets", Text, "Path to static asset directory, available at /user.").placeholder("<path>"),
    F::new("web.enable-lifecycle", Bool, "Enable shutdown and reload via HTTP request.").default(&["false"]),
    F::new("web.enable-admin-api", Bool, "Enable API endpoints for admin control actions.").default(&["false"]),
    F::new("web.enable-remote-write-receiver", Bool, "Enable API endpoint accepting remote write requests.").default(&["false"]),
    F::new("web.remote-write-receiver.accepted-protobuf-messages", Checked(check_message), "List of the remote write protobuf messages to accept when receiving the remote writes. Supported values: prometheus.WriteRequest, io.prometheus.write.v2.Request").default(&["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]).repeatable(),
    F::new("web.enable-otlp-receiver", Bool, "Enable API endpoint accepting OTLP write requests.").default(&["false"]),
    F::new("web.console.templates", Text, "Path to the console template directory, available at /consoles.").default(&["consoles"]),
    F::new("web.console.libraries", Text, "Path to the console library directory.").default(&["console_libraries"]),
    F::new("web.page-title", Text, "Document title of Prometheus instance.").default(&["Prometheus Time Series Collection and Processing Server"]),
    F::new("web.cors.origin", Text, "Regex for CORS origin. It is fully anchored. Example: 'https?://(domain1|domain2)\\.com'").default(&[".*"]),
    F::new("storage.tsdb.path", Text, "Base path for metrics storage.").default(&["data/"]).mode(ServerOnly),
    F::new("storage.tsdb.min-block-duration", Duration, "Minimum duration of a data block before being persisted. For use in testing.").default(&["2h"]).hidden().mode(ServerOnly),
    F::new("storage.tsdb.max-block-duration", Duration, "Maximum duration compacted blocks may span. For use in testing. (Defaults to 10% of the retention period.)").placeholder("<duration>").hidden().mode(ServerOnly),
    F::new("storage.tsdb.max-block-chunk-segment-size", Bytes, "The maximum size for a single chunk segment in a block. Example: 512MB").placeholder("<bytes>").hidden().mode(ServerOnly),
    F::new("storage.tsdb.wal-segment-size", Bytes, "Size at which to split the tsdb WAL segment files. Example: 100MB").placeholder("<bytes>").hidden().mode(ServerOnly),
    F::new("storage.tsdb.retention.time", Duration, "[DEPRECATED] How long to retain samples in storage. If neither this flag nor \"storage.tsdb.retention.size\" is set, the retention time defaults to 15d. Units Supported: y, w, d, h, m, s, ms. This flag has been deprecated, use the storage.tsdb.retention.time field in the config file instead.").mode(ServerOnly),
    F::new("storage.tsdb.retention.size", Bytes, "[DEPRECATED] Maximum number of bytes that can be stored for blocks. A unit is required, supported units: B, KB, MB, GB, TB, PB, EB. Ex: \"512MB\". Based on powers-of-2, so 1KB is 1024B. This flag has been deprecated, use the storage.tsdb.retention.size field in the config file instead.").mode(ServerOnly),
    F::new("storage.tsdb.no-lockfile", Bool, "Do not create lockfile in data directory.").default(&["false"]).mode(ServerOnly),
    F::new("storage.tsdb.allow-overlapping-compaction", Bool, "Allow compaction of overlapping blocks. If set to false, TSDB stops vertical compaction and leaves overlapping blocks there. The use case is to let another component handle the compaction of overlapping blocks.").default(&["true"]).hidden().mode(ServerOnly),
    F::new("storage.tsdb.wal-compression", Bool, "Compress the tsdb WAL. If false, the --storage.tsdb.wal-compression-type flag is ignored.").default(&["true"]).hidden().mode(ServerOnly),
    F::new("storage.tsdb.wal-compression-type", Enum(&["snappy", "zstd"]), "Compression algorithm for the tsdb WAL, used when --storage.tsdb.wal-compression is true.").default(&["snappy"]).hidden().mode(ServerOnly),
    F::new("storage.tsdb.head-chunks-write-queue-size", Int, "Size of the queue through which head chunks are written to the disk to be m-mapped, 0 disables the queue completely. Experimental.").default(&["0"]).mode(ServerOnly),
    F::new("storage.tsdb.samples-per-chunk", Int, "Target number of samples per chunk.").default(&["120"]).hidden().mode(ServerOnly),
    F::new("storage.tsdb.delayed-compaction.max-percent", Int, "Sets the upper limit for the random compaction delay, specified as a percentage of the head chunk range. 100 means the compaction can be delayed by up to the entire head chunk range. Only effective when the delayed-compaction feature flag is enabled.").default(&["10"]).hidden().mode(ServerOnly),
    F::new("storage.tsdb.delay-compact-file.path", Text, "Path to a JSON file with uploaded TSDB blocks e.g. Thanos shipper meta file. If set TSDB will only compact 1 level blocks that are marked as uploaded in that file, improving external storage integrations e.g. with Thanos sidecar. 1+ level compactions won't be delayed.").default(&[""]).mode(ServerOnly),
    F::new("storage.tsdb.block-reload-interval", Duration, "Interval at which to check for new or removed blocks in storage. Users who manually backfill or drop blocks must wait up to this duration before changes become available.").default(&["1m"]).hidden().mode(ServerOnly),
    F::new("storage.agent.path", Text, "Base path for metrics storage.").default(&["data-agent/"]).mode(AgentOnly),
    F::new("storage.agent.wal-segment-size", Bytes, "Size at which to split WAL segment files. Example: 100MB").placeholder("<bytes>").hidden().mode(AgentOnly),
    F::new("storage.agent.wal-compression", Bool, "Compress the agent WAL. If false, the --storage.agent.wal-compression-type flag is ignored.").default(&["true"]).mode(AgentOnly),
    F::new("storage.agent.wal-compression-type", Enum(&["snappy", "zstd"]), "Compression algorithm for the agent WAL, used when --storage.agent.wal-compression is true.").default(&["snappy"]).hidden().mode(AgentOnly),
    F::new("storage.agent.wal-truncate-frequency", Duration, "The frequency at which to truncate the WAL and remove old data.").placeholder("<duration>").hidden().mode(AgentOnly),
    F::new("storage.agent.retention.min-time", Duration, "Minimum age samples may be before being considered for deletion when the WAL is truncated").default(&["5m"]).mode(AgentOnly),
    F::new("storage.agent.retention.max-time", Duration, "Maximum age samples may be before being forcibly deleted when the WAL is truncated").default(&["4h"]).mode(AgentOnly),
    F::new("storage.agent.checkpoint-from-in-memory-series", Bool, "Use only in-memory series data when building a checkpoint.").default(&["false"]).mode(AgentOnly),
    F::new("storage.agent.checkpoint-batch-size", Int, "Size of a single WAL log entry chunk to be flushed. Has no effect without --storage.agent.checkpoint-from-in-memory-series flag.").default(&["1000"]).mode(AgentOnly),
    F::new("storage.agent.no-lockfile", Bool, "Do not create lockfile in data directory.").default(&["false"]).mode(AgentOnly),
    F::new("storage.remote.flush-deadline", Duration, "How long to wait flushing sample on shutdown or config reload.").default(&["1m"]).placeholder("<duration>"),
    F::new("storage.remote.read-sample-limit", Int, "Maximum overall number of samples to return via the remote read interface, in a single query. 0 means no limit. This limit is ignored for streamed response types.").default(&["5e7"]).mode(ServerOnly),
    F::new("storage.remote.read-concurrent-limit", Int, "Maximum number of concurrent remote read calls. 0 means no limit.").default(&["10"]).mode(ServerOnly),
    F::new("storage.remote.read-max-bytes-in-frame", Int, "Maximum number of bytes in a single frame for streaming remote read response types before marshalling. Note that client might have limit on frame size as well. 1MB as recommended by protobuf by default.").default(&["1048576"]).mode(ServerOnly),
    F::new("web.search.max-limit", Int, "Hard upper bound on the \"limit\" query parameter accepted by the experimental search API (--enable-feature=search-api). Requests with a higher limit are rejected with HTTP 400. 0 disables the cap.").default(&["10000"]).mode(ServerOnly),
    F::new("rules.alert.for-outage-tolerance", Duration, "Max time to tolerate prometheus outage for restoring \"for\" state of alert.").default(&["1h"]).mode(ServerOnly),
    F::new("rules.alert.for-grace-period", Duration, "Minimum duration between alert and restored \"for\" state. This is maintained only for alerts with configured \"for\" time greater than grace period.").default(&["10m"]).mode(ServerOnly),
    F::new("rules.alert.resend-delay", Duration, "Minimum amount of time to wait before resending an alert to Alertmanager.").default(&["1m"]).mode(ServerOnly),
    F::new("rules.max-concurrent-evals", Int, "Global concurrency limit for independent rules that can run concurrently. When set, \"query.max-concurrency\" may need to be adjusted accordingly.").default(&["4"]).mode(ServerOnly),
    F::new("scrape.adjust-timestamps", Bool, "Adjust scrape timestamps by up to `scrape.timestamp-tolerance` to align them to the intended schedule. See https://github.com/prometheus/prometheus/issues/7846 for more context. Experimental. This flag will be removed in a future release.").default(&["true"]).hidden(),
    F::new("scrape.timestamp-tolerance", GoDuration, "Timestamp tolerance. See https://github.com/prometheus/prometheus/issues/7846 for more context. Experimental. This flag will be removed in a future release.").default(&["2ms"]).hidden(),
    F::new("alertmanager.notification-queue-capacity", Int, "The capacity of the queue for pending Alertmanager notifications.").default(&["10000"]).mode(ServerOnly),
    F::new("alertmanager.notification-batch-size", Int, "The maximum number of notifications per batch to send to the Alertmanager.").default(&["256"]).mode(ServerOnly),
    F::new("alertmanager.drain-notification-queue-on-shutdown", Bool, "Send any outstanding Alertmanager notifications when shutting down. If false, any outstanding Alertmanager notifications will be dropped when shutting down.").default(&["true"]).mode(ServerOnly),
    F::new("query.lookback-delta", Duration, "The maximum lookback duration for retrieving metrics during expression evaluations and federation.").default(&["5m"]).mode(ServerOnly),
    F::new("query.timeout", Duration, "Maximum time a query may take before being aborted.").default(&["2m"]).mode(ServerOnly),
    F::new("query.max-concurrency", Int, "Maximum number of queries executed concurrently.").default(&["20"]).mode(ServerOnly),
    F::new("query.max-samples", Int, "Maximum number of samples a single query can load into memory. Note that queries will fail if they try to load more samples than this into memory, so this also limits the number of samples a query can return.").default(&["50000000"]).mode(ServerOnly),
    F::new("scrape.discovery-reload-interval", Duration, "Interval used by scrape manager to throttle target groups updates.").default(&["5s"]).hidden(),
    F::new("enable-feature", Text, "Comma separated feature names to enable. Valid options: concurrent-rule-eval, created-timestamp-zero-ingestion, delayed-compaction, exemplar-storage, extra-scrape-metrics, histograms-st-encoding, memory-snapshot-on-shutdown, metadata-wal-records, old-ui, otlp-deltatocumulative, otlp-native-delta-ingestion, promql-binop-fill-modifiers, promql-delayed-name-removal, promql-experimental-functions, promql-extended-range-selectors, promql-per-step-stats, search-api, st-storage, st-synthesis, type-and-unit-labels, use-start-timestamps, use-uncached-io, xor2-encoding. See https://prometheus.io/docs/prometheus/latest/feature_flags/ for more details.").repeatable(),
    F::new("agent", Bool, "Run Prometheus in 'Agent mode'."),
    LOG_FLAGS[0],
    LOG_FLAGS[1],
    F::new("write-documentation", Bool, "Generate command line documentation. Internal use.").hidden(),
    F::new("storage.tsdb.head-series-limit", Int, "Firesteel only: series in memory beyond which the job that grows most gets no new ones; existing series go on. 0 means no limit.").default(&["0"]).hidden().mode(ServerOnly),
    F::new("query.memory-limit", Bytes, "Firesteel only: memory that one query may take, its answer included; one that needs more gets a 422 that names its dearest selector. 0 means as much as all may take together.").placeholder("<bytes>").hidden().mode(ServerOnly),
    F::new("query.memory-limit-total", Bytes, "Firesteel only: memory that all queries together may take; when it is gone, the largest query ends. 0 means half of what the machine or the control group has, and no more than what the head and others leave of it.").placeholder("<bytes>").hidden().mode(ServerOnly),
    F::new("allow-unsupported", Bool, "Firesteel only: start although the configuration or a flag asks for something that does not act yet.").hidden(),
];

fn check_message(text: &str) -> Result<(), String> {
    match text {
        "prometheus.WriteRequest" | "io.prometheus.write.v2.Request" => Ok(()),
        _ => Err(format!(
            "unknown type for remote write protobuf message {text}, supported: prometheus.WriteRequest, io.prometheus.write.v2.Request"
        )),
    }
}
