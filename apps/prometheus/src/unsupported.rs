//! Flags that are known but do not act yet. The server refuses to start with them, so that nobody believes to have what
//! is not there; `--allow-unsupported` starts it all the same and says so in the log.

use firesteel_cli::Matches;

use crate::flag_fate::{FATES, Fate};

/// Returns the flags of this command line that ask for what is not there, each with the reason. Saying a default aloud
/// asks for nothing.
pub(crate) fn flags(m: &Matches) -> Vec<String> {
    let refused = FATES.iter().filter_map(|(name, fate)| match fate {
        Fate::Refused(why) if m.is_given(name) && !matches!(m.text(name), "" | "false" | "0") => {
            Some(format!("--{name}: {why}"))
        }
        _ => None,
    });
    let idle = features(m).filter(|f| IDLE_FEATURES.contains(&f.as_str()));
    refused.chain(idle.map(|f| format!("--enable-feature={f}: not built yet"))).collect()
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
const IDLE_FEATURES: [&str; 6] = [
    "fast-startup",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "search-api",
    "st-synthesis",
    "use-uncached-io",
];

/// Features that act, or that have nothing left to switch.
const KNOWN_FEATURES: [&str; 22] = [
    "auto-reload-config",
    "concurrent-rule-eval",
    "created-timestamp-zero-ingestion",
    "delayed-compaction",
    "promql-binop-fill-modifiers",
    "promql-delayed-name-removal",
    "promql-duration-expr",
    "promql-experimental-functions",
    "promql-extended-range-selectors",
    "promql-per-step-stats",
    "exemplar-storage",
    "histograms-st-encoding",
    "st-storage",
    "xor2-encoding",
    "extra-scrape-metrics",
    "memory-snapshot-on-shutdown",
    "metadata-wal-records",
    "native-histograms",
    "ooo-native-histograms",
    "old-ui",
    "type-and-unit-labels",
    "use-start-timestamps",
];

/// Returns whether 3.14 knows the feature; upstream only warns about others.
pub(crate) fn is_known_feature(name: &str) -> bool {
    IDLE_FEATURES.contains(&name) || KNOWN_FEATURES.contains(&name)
}
