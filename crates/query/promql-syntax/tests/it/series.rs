//! Series descriptions of test scripts.

use firesteel_promql_syntax::{
    CounterResetHint, HistogramChange, HistogramLiteral, HistogramRun, SeriesItem, parse_metric, parse_metric_selector,
    parse_series_desc,
};

fn check(input: &str, labels: &str, items: &[SeriesItem]) {
    let series = parse_series_desc(input).unwrap_or_else(|error| panic!("{input}: {error}"));
    let shown: Vec<String> = series.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown.join(","), labels, "{input}");
    // Compared as text, because the staleness marker is a NaN.
    assert_eq!(format!("{:?}", series.items), format!("{items:?}"), "{input}");
}

fn refused(input: &str, message: &str) {
    assert_eq!(parse_series_desc(input).expect_err(input).to_string(), message, "{input}");
}

const fn float(value: f64, increment: f64, count: u64) -> SeriesItem {
    SeriesItem::Float { value, increment, count }
}

#[test]
fn floats_gaps_and_repetitions() {
    check("up", "__name__=up", &[]);
    check(r#"up{job="a"} 1"#, "__name__=up,job=a", &[float(1.0, 0.0, 1)]);
    check(r#"{job="a",} 1 -2.5 +3"#, "job=a", &[float(1.0, 0.0, 1), float(-2.5, 0.0, 1), float(3.0, 0.0, 1)]);
    check(r#"{"a.b", "c d"="e"} 1"#, "__name__=a.b,c d=e", &[float(1.0, 0.0, 1)]);
    check("up 1x3 1+2x3 -1-2x0", "__name__=up", &[float(1.0, 0.0, 4), float(1.0, 2.0, 4), float(-1.0, -2.0, 1)]);
    check("up _ _x4 _x0", "__name__=up", &[1, 4, 0].map(|count| SeriesItem::Omitted { count }));
    check(
        "up Inf -Inf 0x2",
        "__name__=up",
        &[float(f64::INFINITY, 0.0, 1), float(f64::NEG_INFINITY, 0.0, 1), float(0.0, 0.0, 3)],
    );
    check("up stale", "__name__=up", &[float(f64::NAN, 0.0, 1)]);
    check("sum 1", "__name__=sum", &[float(1.0, 0.0, 1)]);
}

#[test]
fn histograms() {
    let base = HistogramLiteral {
        schema: 1,
        sum: -2.5,
        count: 3.0,
        zero_count: 4.0,
        zero_threshold: 0.5,
        buckets: vec![1.0, 2.0, f64::INFINITY],
        offset: -1,
        negative_buckets: vec![-3.0],
        negative_offset: 2,
        custom_values: vec![5.0, 10.0],
        counter_reset_hint: Some(CounterResetHint::Gauge),
    };
    let step = HistogramLiteral { schema: 1, ..HistogramLiteral::default() };
    let run =
        |base: HistogramLiteral, change, count| SeriesItem::Histogram(Box::new(HistogramRun { base, change, count }));
    let text = "{{schema:1 sum:-2.5 count:3 z_bucket:4 z_bucket_w:0.5 buckets:[1 2 Inf] offset:-1 n_buckets:[-3] n_offset:2 \
                custom_values:[5 10] counter_reset_hint:gauge}}";
    check(&format!("h {text}"), "__name__=h", &[run(base.clone(), None, 1)]);
    check(&format!("h {text}x3"), "__name__=h", &[run(base.clone(), None, 4)]);
    check(
        &format!("h {text}+{{{{schema:1}}}}x2 {{{{}}}}"),
        "__name__=h",
        &[run(base.clone(), Some((HistogramChange::Add, step.clone())), 3), run(HistogramLiteral::default(), None, 1)],
    );
    check(
        &format!("h {text}-{{{{ schema:1}}}}x2").replace("{{ ", "{{"),
        "__name__=h",
        &[run(base, Some((HistogramChange::Subtract, step)), 3)],
    );
}

#[test]
fn faults_in_upstreams_words() {
    refused("up 1 x", "1:6: parse error: unexpected \"x\" in series values");
    refused("up old", "1:4: parse error: unexpected identifier \"old\" in series values, expected number or \"stale\"");
    refused(
        "up 1x1.5",
        "1:6: parse error: invalid repetition in series values: strconv.ParseUint: parsing \"1.5\": invalid syntax",
    );
    refused("up{job} 1", "1:7: parse error: unexpected \"}\" in label set, expected \"=\"");
    refused("h {{schema}}", "1:5: parse error: missing `:` for histogram descriptor");
    refused("h {{scheme:1}}", "1:5: parse error: bad histogram descriptor found: \"scheme\"");
    refused("h {{sum:1 sum:2}}", "1:1: parse error: duplicate key \"sum\" in histogram");
    refused(
        "h {{sum:1 2}}",
        "1:11: parse error: unexpected number \"2\" in histogram description, expected histogram \
             description key, e.g. buckets:[5 10 7]",
    );
    refused("h {{buckets:[1 ?]}}", "1:16: parse error: invalid character in buckets description: '?'");
    refused(
        "h {{schema:2}}+{{schema:1}}x1",
        "1:30: parse error: error combining histograms: cannot merge from schema 1 to 2",
    );
}

#[test]
fn a_selector_or_a_metric_alone() {
    assert_eq!(parse_metric_selector(r#"up{a!~"b"}"#).expect("a selector").len(), 2);
    assert_eq!(parse_metric_selector("{}").expect("legal here").len(), 0);
    let error = parse_metric_selector("up[5m]").expect_err("no range here");
    assert_eq!(error.to_string(), "1:3: parse error: unexpected \"[\"");
    assert_eq!(parse_metric(r#"up{a="b"}"#).expect("a metric").len(), 2);
    assert!(parse_metric("up 1").is_err());
}
