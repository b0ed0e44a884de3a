//! Flags that are known but do not act yet. The server refuses to start with them, so that nobody believes to have what
//! is not there; `--allow-unsupported` starts it all the same and says so in the log.

use firesteel_cli::Matches;

/// Returns the flags of this command line that ask for what is not there, each with the reason.
pub(crate) fn flags(m: &Matches) -> Vec<String> {
    const SWITCHES: [(&str, &str); 7] = [
        ("agent", "agent mode is not built yet"),
        ("web.enable-admin-api", "the admin API is not built yet"),
        ("web.enable-remote-write-receiver", "the remote write receiver is not built yet"),
        ("web.enable-otlp-receiver", "the OTLP receiver is not built yet"),
        ("config.auto-reload", "reloading by itself is not built yet; send SIGHUP or POST /-/reload"),
        ("web.config.file", "TLS and passwords for the listeners are not built yet"),
        ("web.user-assets", "user assets are not served yet"),
    ];
    let asked = |name: &str| match m.text(name) {
        "" | "false" => false,
        _ => m.is_given(name),
    };
    let mut found: Vec<String> =
        SWITCHES.iter().filter(|(name, _)| asked(name)).map(|(name, why)| format!("--{name}: {why}")).collect();
    found.extend(
        features(m)
            .filter(|f| IDLE_FEATURES.contains(&f.as_str()))
            .map(|f| format!("--enable-feature={f}: not built yet")),
    );
    found
}

/// Returns the features named on the command line.
pub(crate) fn features(m: &Matches) -> impl Iterator<Item = String> {
    m.texts("enable-feature")
        .into_iter()
        .flat_map(|list| list.split(','))
        .map(|f| f.trim().to_owned())
        .filter(|f| !f.is_empty())
}

/// Features of 3.14 that change what is stored, answered or sent and that this server does not have.
const IDLE_FEATURES: [&str; 17] = [
    "auto-reload-config",
    "concurrent-rule-eval",
    "created-timestamp-zero-ingestion",
    "delayed-compaction",
    "exemplar-storage",
    "fast-startup",
    "histograms-st-encoding",
    "memory-snapshot-on-shutdown",
    "metadata-wal-records",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "search-api",
    "st-storage",
    "st-synthesis",
    "use-start-timestamps",
    "use-uncached-io",
    "xor2-encoding",
];

/// Features that act, or that have nothing left to switch.
const KNOWN_FEATURES: [&str; 11] = [
    "promql-binop-fill-modifiers",
    "promql-delayed-name-removal",
    "promql-duration-expr",
    "promql-experimental-functions",
    "promql-extended-range-selectors",
    "promql-per-step-stats",
    "extra-scrape-metrics",
    "native-histograms",
    "ooo-native-histograms",
    "old-ui",
    "type-and-unit-labels",
];

/// Returns whether 3.14 knows the feature; upstream only warns about others.
pub(crate) fn is_known_feature(name: &str) -> bool {
    IDLE_FEATURES.contains(&name) || KNOWN_FEATURES.contains(&name)
}
