//! What this server makes of each flag: it acts, or it may be given without effect for a reason, or it is refused.

use Fate::{Accepted, Acts, Refused};

/// What becomes of a flag that is given a value other than its default.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Acts,
    /// Nothing depends on it here; why that is so.
    Accepted(&'static str),
    /// The server does not start; what is missing.
    Refused(&'static str),
}

const GO: &str = "the Go runtime's; shown, and nothing here needs it";
const AGENT: &str = "only with --agent, which is refused";

/// Every flag of the table in `flags.rs`, in its order.
pub(crate) const FATES: &[(&str, Fate)] = &[
    ("config.file", Acts),
    ("config.auto-reload", Acts),
    ("config.auto-reload-interval", Accepted("only with --config.auto-reload")),
    ("web.listen-address", Acts),
    ("auto-gomaxprocs", Accepted(GO)),
    ("auto-gomemlimit", Accepted(GO)),
    ("auto-gomemlimit.ratio", Accepted(GO)),
    ("auto-gomemlimit.refresh-interval", Accepted(GO)),
    ("web.config.file", Acts),
    ("web.read-timeout", Acts),
    ("web.max-connections", Acts),
    ("web.max-notifications-subscribers", Acts),
    ("web.external-url", Acts),
    ("web.route-prefix", Acts),
    ("web.user-assets", Refused("user assets are not served yet")),
    ("web.enable-lifecycle", Acts),
    ("web.enable-admin-api", Acts),
    ("web.enable-remote-write-receiver", Acts),
    ("web.remote-write-receiver.accepted-protobuf-messages", Acts),
    ("web.enable-otlp-receiver", Refused("the OTLP receiver is not built yet")),
    ("web.console.templates", Acts),
    ("web.console.libraries", Acts),
    ("web.page-title", Acts),
    ("web.cors.origin", Acts),
    ("storage.tsdb.path", Acts),
    ("storage.tsdb.min-block-duration", Acts),
    ("storage.tsdb.max-block-duration", Acts),
    ("storage.tsdb.max-block-chunk-segment-size", Acts),
    ("storage.tsdb.wal-segment-size", Acts),
    ("storage.tsdb.retention.time", Acts),
    ("storage.tsdb.retention.size", Acts),
    ("storage.tsdb.no-lockfile", Acts),
    ("storage.tsdb.allow-overlapping-compaction", Acts),
    ("storage.tsdb.wal-compression", Acts),
    ("storage.tsdb.wal-compression-type", Acts),
    ("storage.tsdb.head-chunks-write-queue-size", Accepted("head chunks are not written through a queue")),
    ("storage.tsdb.samples-per-chunk", Acts),
    ("storage.tsdb.delayed-compaction.max-percent", Accepted("only with the feature delayed-compaction")),
    ("storage.tsdb.delay-compact-file.path", Acts),
    ("storage.tsdb.block-reload-interval", Acts),
    ("storage.agent.path", Accepted(AGENT)),
    ("storage.agent.wal-segment-size", Accepted(AGENT)),
    ("storage.agent.wal-compression", Accepted(AGENT)),
    ("storage.agent.wal-compression-type", Accepted(AGENT)),
    ("storage.agent.wal-truncate-frequency", Accepted(AGENT)),
    ("storage.agent.retention.min-time", Accepted(AGENT)),
    ("storage.agent.retention.max-time", Accepted(AGENT)),
    ("storage.agent.checkpoint-from-in-memory-series", Accepted(AGENT)),
    ("storage.agent.checkpoint-batch-size", Accepted(AGENT)),
    ("storage.agent.no-lockfile", Accepted(AGENT)),
    ("storage.remote.flush-deadline", Accepted("only with remote_write, which is refused")),
    ("storage.remote.read-sample-limit", Acts),
    ("storage.remote.read-concurrent-limit", Acts),
    ("storage.remote.read-max-bytes-in-frame", Acts),
    ("web.search.max-limit", Accepted("only with the feature search-api, which is refused")),
    ("rules.alert.for-outage-tolerance", Acts),
    ("rules.alert.for-grace-period", Acts),
    ("rules.alert.resend-delay", Acts),
    ("rules.max-concurrent-evals", Accepted("only with the feature concurrent-rule-eval")),
    ("scrape.adjust-timestamps", Acts),
    ("scrape.timestamp-tolerance", Acts),
    ("alertmanager.notification-queue-capacity", Acts),
    ("alertmanager.notification-batch-size", Acts),
    ("alertmanager.drain-notification-queue-on-shutdown", Acts),
    ("query.lookback-delta", Acts),
    ("query.timeout", Acts),
    ("query.max-concurrency", Acts),
    ("query.max-samples", Acts),
    ("scrape.discovery-reload-interval", Acts),
    ("enable-feature", Acts),
    ("agent", Refused("agent mode is not built yet")),
    ("log.level", Acts),
    ("log.format", Acts),
    ("write-documentation", Refused("the flag table is not printed yet")),
    ("storage.tsdb.head-series-limit", Acts),
    ("query.memory-limit", Acts),
    ("query.memory-limit-total", Acts),
    ("allow-unsupported", Acts),
];

#[cfg(test)]
mod tests {
    use firesteel_cli::{FlagDef, FlagKind, Mode};

    use super::*;
    use crate::{Options, PROGRAM};

    /// A command line that gives the flag another value than its default, within what upstream allows.
    fn other_value(flag: &FlagDef) -> String {
        let name = flag.name;
        let value = match (name, &flag.kind) {
            ("enable-feature", _) => "promql-experimental-functions",
            ("web.cors.origin", _) => "https://a.example",
            ("web.external-url", _) => "http://a.example/p",
            ("web.remote-write-receiver.accepted-protobuf-messages", _) => "prometheus.WriteRequest",
            ("storage.tsdb.wal-segment-size", _) => "16MB",
            ("log.level", _) => "warn",
            ("log.format", _) => "json",
            (_, FlagKind::Bool) if flag.defaults == ["true"] => return format!("--no-{name}"),
            (_, FlagKind::Bool) => return format!("--{name}"),
            (_, FlagKind::Text | FlagKind::Checked(_)) => "elsewhere",
            (_, FlagKind::Int | FlagKind::Int64) => "7",
            (_, FlagKind::Float) => "0.7",
            (_, FlagKind::Bytes) => "7MB",
            (_, FlagKind::Duration | FlagKind::GoDuration) => "7s",
            (_, FlagKind::Enum(choices)) => choices.last().copied().unwrap_or(""),
        };
        format!("--{name}={value}")
    }

    fn effect(line: &[String]) -> (String, Vec<String>) {
        let (mut options, log) = Options::parse(line.to_vec()).expect("a good command line");
        options.flags.clear();
        let unsupported = std::mem::take(&mut options.unsupported);
        (format!("{options:?} {log:?}"), unsupported)
    }

    #[test]
    fn every_flag_acts_or_says_why_not() {
        let listed: Vec<&str> = FATES.iter().map(|(name, _)| *name).collect();
        let known: Vec<&str> = PROGRAM.flags.iter().map(|flag| flag.name).collect();
        assert_eq!(listed, known);
        let (plain, none) = effect(&[]);
        assert_eq!(none, [""; 0]);
        for (flag, (name, fate)) in PROGRAM.flags.iter().zip(FATES) {
            if flag.mode == Mode::AgentOnly {
                assert_eq!(*fate, Accepted(AGENT), "{name}");
                continue;
            }
            let (options, unsupported) = effect(&[other_value(flag)]);
            match fate {
                Acts => {
                    assert_ne!(options, plain, "--{name} changes nothing");
                    assert_eq!(unsupported, [""; 0], "{name}");
                }
                Accepted(_) => assert_eq!((options.as_str(), unsupported.len()), (plain.as_str(), 0), "{name}"),
                Refused(why) => assert_eq!(unsupported, [format!("--{name}: {why}")]),
            }
        }
    }

    #[test]
    fn defaults_said_aloud_and_tutorials_are_not_refused() {
        for line in [
            "--config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/prometheus --web.enable-lifecycle \
             --storage.tsdb.retention.time=10d --web.console.libraries=/usr/share/prometheus/console_libraries \
             --web.console.templates=/usr/share/prometheus/consoles --web.listen-address=:9090 --log.level=debug",
            "--no-web.enable-admin-api --storage.tsdb.retention.size=0 --web.config.file= --no-agent",
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(effect(&words).1, [""; 0], "{line}");
        }
    }
}
