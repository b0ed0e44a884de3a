//! Every rule of the corpus over the metrics of the corpus: recorded pages of node_exporter, Kubernetes and applications.

use std::path::Path;
use std::time::Duration;

use firesteel_expfmt::{Event, Format, Parser, SampleLabels};
use firesteel_model::{LabelsBuilder, MetricType};
use firesteel_promql_syntax::ParserOptions;
use firesteel_rules::{LoadOptions, load_groups};
use firesteel_storage::{AppendOptions, Appendable as _, SampleBatch, SeriesMeta};
use firesteel_testkit::corpus;

use crate::world::{World, after, options};

/// Under which job somebody scrapes a page, as rules know it.
fn job(file: &str) -> &str {
    let known = [
        ("node_exporter", "node-exporter"),
        ("cadvisor", "kubelet"),
        ("ksm", "kube-state-metrics"),
        ("api-server", "apiserver"),
        ("scheduler", "kube-scheduler"),
        ("etcd", "etcd"),
        ("alertmanager", "alertmanager"),
        ("blackbox", "blackbox"),
        ("mysqld", "mysql"),
        ("redis", "redis"),
        ("haproxy", "haproxy"),
        ("nginx", "nginx"),
    ];
    known.iter().find(|(part, _)| file.contains(part)).map_or(file, |(_, job)| job)
}

/// Stores a page as if it were scraped every 30 seconds, five times: counters grow.
fn store(world: &World, name: &str, format: Format, body: &[u8]) -> usize {
    let mut appender = world.db.appender();
    let (mut labels, mut builder, mut rows) = (SampleLabels::default(), LabelsBuilder::new(), SampleBatch::default());
    let mut parser = Parser::new(format, body, firesteel_expfmt::ParserOptions::default());
    let mut rejected = Vec::new();
    // Some bodies are broken on purpose further down: what stands before counts.
    while let Ok(Some(event)) = parser.next() {
        let Event::Sample(sample) = event else { continue };
        let value = sample.value;
        if parser.labels(&mut labels).is_err() || labels.duplicate().is_some() {
            continue;
        }
        let grows = matches!(parser.metric_type(), MetricType::Counter | MetricType::Histogram | MetricType::Summary);
        builder.reset(&firesteel_model::Labels::empty());
        for (name, value) in labels.iter() {
            builder.set(name, value);
        }
        for (label, value) in [("job", job(name)), ("instance", name), ("cluster", "c"), ("namespace", "default")] {
            if labels.get(label).is_none() {
                builder.set(label, value);
            }
        }
        let Ok(series) = appender.series(&builder.build(), &SeriesMeta::default()) else { continue };
        for i in 0..5_u64 {
            let v = if grows { value * (1.0 + i as f64 / 100.0) + i as f64 } else { value };
            rows.push(series, after(30 * i).to_ms(), v);
        }
    }
    appender.append(&rows, AppendOptions::default(), &mut rejected);
    // A series that stands twice in a page is refused the second time, as in a scrape.
    appender.commit().expect("commits");
    rows.len()
}

fn metrics(world: &World) -> usize {
    let Some(dir) = corpus("exposition") else { return 0 };
    let index = std::fs::read_to_string(dir.join("index.tsv")).expect("the index");
    let mut samples = 0;
    for row in index.lines().skip(1) {
        let Some((file, rest)) = row.split_once('\t') else { continue };
        let format = match (file.split('/').next(), rest.split('\t').next().map(|t| firesteel_expfmt::choose(t, None)))
        {
            (Some("text"), _) => Format::Text,
            (Some("openmetrics"), Some(Ok(_))) => Format::OpenMetrics,
            _ => continue,
        };
        let body = std::fs::read(dir.join(file)).expect("the index names files that are there");
        let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".txt");
        // Of a time when pods had no `uid`, by which today's rules match.
        if name.starts_with("k8s-old-ksm") {
            continue;
        }
        samples += store(world, name, format, &body);
    }
    samples
}

#[test]
fn every_rule_evaluates_over_recorded_metrics() {
    let Some(dir) = corpus("rules") else { return };
    let world = World::new();
    let samples = metrics(&world);
    assert!(samples > 50_000, "{samples} samples");
    let table = std::fs::read_to_string(dir.join("verdicts.tsv")).expect("the table");
    let (mut rules, mut yielded, mut alerts, mut slow) = (0, 0, 0, Vec::new());
    let mut faults = String::new();
    let mut at = after(150);
    for row in table.lines().skip(1) {
        let Some((file, "good")) = row.split_once('\t').map(|(f, r)| (f, r.split('\t').next().unwrap_or_default()))
        else {
            continue;
        };
        // `lag` and ranges under aggregations are of another language than PromQL.
        if file == "good/victoriametrics/alerts-vmanomaly.yml" {
            continue;
        }
        let options = LoadOptions { ignore_unknown_fields: true, parser: ParserOptions::ALL, ..options() };
        let groups = match load_groups(&[dir.join(Path::new(file))], &options) {
            Ok(groups) => groups,
            Err(e) => {
                faults += &format!("{file}: {e}\n");
                continue;
            }
        };
        for group in &groups {
            // Twice: what was recorded the first time is read the second time. Many files record the same series, each
            // at times of its own.
            for _ in 0..2 {
                at = at.after(Duration::from_millis(20));
                world.set(at);
                yielded += group.eval(&world.cx, at).samples;
            }
            for rule in group.rules() {
                let status = rule.core().status();
                if !status.last_error.is_empty() {
                    faults += &format!("{file}, {}, {}: {}\n", group.name(), rule.core().name(), status.last_error);
                }
                rules += 1;
                alerts += rule.alerting().map_or(0, |alerting| alerting.active_alerts().len());
                slow.push((status.took, rule.core().name().to_owned(), rule.core().query().to_string()));
            }
        }
    }
    if std::env::var_os("FIRESTEEL_FIGURES").is_some() {
        slow.sort();
        println!("{samples} samples; {rules} rules yielded {yielded} samples, {alerts} alerts");
        for (took, name, query) in slow.iter().rev().take(10) {
            println!("{:>9.3} ms  {name}  {query}", took.as_secs_f64() * 1e3);
        }
    }
    assert!(faults.is_empty(), "{faults}");
    assert!(rules > 900 && yielded > 400 && alerts > 50, "{rules} rules yielded {yielded} samples, {alerts} alerts");
}
