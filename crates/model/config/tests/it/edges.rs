//! Odd corners of the format, with the verdicts Prometheus 3.14.0 gave to the same texts.

use std::path::Path;

use firesteel_config::load;

#[test]
fn verdicts_are_upstreams() {
    let cases: [(&str, Option<&str>); 8] = [
        ("", None),
        ("~", None),
        ("global:\nscrape_configs:\nstorage:\n  tsdb:\notlp:\nalerting:\n", None),
        (
            "global: {scrape_timeout: 20s}\nscrape_configs:\n- {job_name: a, scheme: , scrape_protocols: ~, proxy_url: \"\", tls_config: ~}\n",
            None,
        ),
        (
            "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - {source_labels: [\"\"], target_label: x}\n",
            Some("\"\" is not a valid label name"),
        ),
        ("remote_write:\n- url: http://x/\n  queue_config:\n", Some("remote write queue max_shards must be positive")),
        ("scrape_configs:\n- &d\n  job_name: a\n- <<: *d\n  job_name: b\n", None),
        ("scrape_configs:\n- ~\n", Some("empty or null scrape config section")),
    ];
    for (text, want) in cases {
        let loaded = load(Path::new("prometheus.yml"), text);
        match (want, loaded.upstream_error()) {
            (None, None) => assert!(loaded.config.is_some(), "{text}"),
            (Some(want), Some(error)) => {
                assert!(loaded.diagnostics.iter().any(|d| d.upstream.as_deref() == Some(want)), "{text}: {error}");
            }
            (want, error) => panic!("{text}: expected {want:?}, got {error:?}"),
        }
    }
}

#[test]
fn what_does_not_act_is_named_with_its_place() {
    let text = "scrape_configs:\n- job_name: a\n  vultr_sd_configs:\n  - {}\nremote_write:\n- url: http://x/\n";
    let loaded = load(Path::new("prometheus.yml"), text);
    assert!(loaded.config.is_some(), "known sections are accepted");
    let mut places: Vec<_> = loaded.unsupported.iter().map(|d| (d.line, d.column)).collect();
    places.sort_unstable();
    assert_eq!(places, [(3, 3), (5, 1)]);
    // Of AWS, instances are found; what else there is has its place named.
    let role = |name: &str| format!("scrape_configs:\n- job_name: a\n  aws_sd_configs:\n  - role: {name}\n");
    let places = |text: &str| {
        let loaded = load(Path::new("prometheus.yml"), text);
        loaded.unsupported.iter().map(|d| (d.line, d.column)).collect::<Vec<_>>()
    };
    assert_eq!(places(&role("ec2")), []);
    assert_eq!(places(&role("rds")), [(4, 11)]);
    let signed = "alerting:\n  alertmanagers:\n  - sigv4: {region: r}\n    static_configs: [{targets: ['a:1']}]\n";
    assert_eq!(places(signed), []);
}
