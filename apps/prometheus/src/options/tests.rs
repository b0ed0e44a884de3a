//! Defaults, refusals and what does not act, from whole command lines.

use std::time::Duration;

use super::*;

fn parse(line: &str) -> Result<Options, Halt> {
    Options::parse(line.split_whitespace().map(str::to_owned)).map(|(options, _)| options)
}

#[test]
fn defaults_are_upstreams() {
    let o = parse("").expect("no flags");
    assert_eq!(o.listen, ["0.0.0.0:9090"]);
    assert_eq!(o.data_dir, PathBuf::from("data/"));
    assert_eq!((o.max_connections, o.max_concurrency, o.engine.max_samples), (512, 20, 50_000_000));
    assert_eq!(o.defaults.retention.map(|r| r.time), Some(DEFAULT_RETENTION));
    let flags: std::collections::HashMap<_, _> = o.flags.into_iter().collect();
    for (name, want) in [
        ("query.lookback-delta", "5m"),
        ("storage.remote.read-sample-limit", "50000000"),
        ("storage.tsdb.retention.time", "0s"),
        ("storage.tsdb.wal-segment-size", "0B"),
        ("scrape.timestamp-tolerance", "2ms"),
        (
            "web.remote-write-receiver.accepted-protobuf-messages",
            "prometheus.WriteRequest,io.prometheus.write.v2.Request",
        ),
        ("agent", "false"),
        ("log.level", "info"),
    ] {
        assert_eq!(flags[name], want, "{name}");
    }
}

#[test]
fn refusals() {
    let cases = [
        (
            "--storage.tsdb.wal-segment-size=1MB",
            1,
            "flag 'storage.tsdb.wal-segment-size' must be set between 10MB and 256MB\n",
        ),
        (
            "--storage.agent.path=x",
            3,
            "The following flag(s) can only be used in agent mode: [\"--storage.agent.path\"]",
        ),
        ("--agent --query.timeout=1m", 3, "The following flag(s) can not be used in agent mode: [\"--query.timeout\"]"),
        (
            "--web.search.max-limit=-1",
            1,
            "--web.search.max-limit must be non-negative; got -1 (use 0 to disable the cap)\n",
        ),
        ("--auto-gomemlimit.ratio=0", 1, "--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1."),
        (
            "--alertmanager.timeout=1s",
            2,
            "Error parsing command line arguments: unknown long flag '--alertmanager.timeout'\n",
        ),
        (
            "--storage.tsdb.retention=1d",
            2,
            "Error parsing command line arguments: unknown long flag '--storage.tsdb.retention'\n",
        ),
    ];
    for (line, code, text) in cases {
        let halt = parse(line).expect_err(line);
        assert_eq!((halt.code, halt.stderr.as_str()), (code, text), "{line}");
    }
}

#[test]
fn only_the_switch_reloads_by_itself() {
    let every = |words: &str| parse(words).expect("known flags").auto_reload;
    assert_eq!(every("--config.auto-reload-interval=5s"), None);
    assert_eq!(every("--config.auto-reload --config.auto-reload-interval=5s"), Some(Duration::from_secs(5)));
    assert_eq!(every("--enable-feature=auto-reload-config"), Some(Duration::from_secs(30)), "its old name");
}

#[test]
fn what_does_not_act_is_named() {
    let o = parse("--agent --no-web.enable-admin-api --enable-feature=search-api,foo").expect("known flags");
    assert_eq!(o.unsupported, ["--agent: agent mode is not built yet", "--enable-feature=search-api: not built yet"]);
    assert_eq!(o.unknown_features, ["foo"]);
}
