//! What the writers write, the readers read back.

use firesteel_expfmt::{Event, Format, Parser, ParserOptions, SampleLabels, write_openmetrics, write_text};
use firesteel_model::{
    Bucket, ClassicHistogram, Exemplar, Labels, Metric, MetricFamily, MetricType, MetricValue, Summary,
};

fn families() -> Vec<MetricFamily> {
    let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
    let exemplar = Exemplar { labels: labels(&[("trace_id", "abc")]), value: 0.25, timestamp_ms: Some(1500) };
    vec![
        MetricFamily {
            name: "http_requests_total".into(),
            help: "All \"requests\"\nby \\code.".into(),
            metric_type: MetricType::Counter,
            metrics: vec![
                Metric {
                    timestamp_ms: Some(1234),
                    created_ms: Some(1000),
                    ..Metric::new(
                        labels(&[("code", "200"), ("path", "a\"b\\c\nd")]),
                        MetricValue::Counter { value: 1027.0, exemplar: Some(exemplar.clone()) },
                    )
                },
                Metric::new(labels(&[]), MetricValue::Counter { value: 0.5, exemplar: None }),
            ],
            ..MetricFamily::default()
        },
        MetricFamily {
            name: "my.gauge".into(),
            help: "Dots.".into(),
            metric_type: MetricType::Gauge,
            metrics: vec![
                Metric::new(labels(&[("a.b", "1")]), MetricValue::Gauge(f64::NEG_INFINITY)),
                Metric::new(labels(&[]), MetricValue::Gauge(1e21)),
            ],
            ..MetricFamily::default()
        },
        MetricFamily {
            name: "lat_seconds".into(),
            help: "Latency.".into(),
            unit: "seconds".into(),
            metric_type: MetricType::Histogram,
            metrics: vec![Metric::new(
                labels(&[("h", "x")]),
                MetricValue::Histogram(ClassicHistogram {
                    count: 7,
                    sum: 3.5,
                    buckets: vec![
                        Bucket { upper_bound: 1.0, cumulative_count: 3, exemplar: Some(exemplar) },
                        Bucket { upper_bound: 2.5, cumulative_count: 6, exemplar: None },
                    ],
                }),
            )],
        },
        MetricFamily {
            name: "q".into(),
            metric_type: MetricType::Summary,
            metrics: vec![Metric::new(
                labels(&[]),
                MetricValue::Summary(Summary { count: 2, sum: 1.5, quantiles: vec![(0.5, 0.75), (1.0, 1.0)] }),
            )],
            ..MetricFamily::default()
        },
        MetricFamily { name: "empty".into(), help: "Not shown.".into(), ..MetricFamily::default() },
    ]
}

const TEXT: &str = r#"# HELP http_requests_total All "requests"\nby \\code.
# TYPE http_requests_total counter
http_requests_total{code="200",path="a\"b\\c\nd"} 1027 1234
http_requests_total 0.5
# HELP "my.gauge" Dots.
# TYPE "my.gauge" gauge
{"my.gauge","a.b"="1"} -Inf
{"my.gauge"} 1e+21
# HELP lat_seconds Latency.
# TYPE lat_seconds histogram
lat_seconds_bucket{h="x",le="1"} 3
lat_seconds_bucket{h="x",le="2.5"} 6
lat_seconds_bucket{h="x",le="+Inf"} 7
lat_seconds_sum{h="x"} 3.5
lat_seconds_count{h="x"} 7
# TYPE q summary
q{quantile="0.5"} 0.75
q{quantile="1"} 1
q_sum 1.5
q_count 2
"#;

const OPENMETRICS: &str = r#"# HELP http_requests All \"requests\"\nby \\code.
# TYPE http_requests counter
http_requests_total{code="200",path="a\"b\\c\nd"} 1027.0 1.234 # {trace_id="abc"} 0.25 1.5
http_requests_created{code="200",path="a\"b\\c\nd"} 1.0
http_requests_total 0.5
# HELP "my.gauge" Dots.
# TYPE "my.gauge" gauge
{"my.gauge","a.b"="1"} -Inf
{"my.gauge"} 1e+21
# HELP lat_seconds Latency.
# TYPE lat_seconds histogram
# UNIT lat_seconds seconds
lat_seconds_bucket{h="x",le="1.0"} 3 # {trace_id="abc"} 0.25 1.5
lat_seconds_bucket{h="x",le="2.5"} 6
lat_seconds_bucket{h="x",le="+Inf"} 7
lat_seconds_sum{h="x"} 3.5
lat_seconds_count{h="x"} 7
# TYPE q summary
q{quantile="0.5"} 0.75
q{quantile="1.0"} 1.0
q_sum 1.5
q_count 2
# EOF
"#;

#[test]
fn text_is_written_and_read() {
    let mut out = Vec::new();
    write_text(&families(), &mut out);
    assert_eq!(String::from_utf8(out.clone()).expect("text"), TEXT);
    assert_eq!(samples(Format::Text, &out), 13);
}

#[test]
fn openmetrics_is_written_and_read() {
    let mut out = Vec::new();
    write_openmetrics(&families(), &mut out);
    assert_eq!(String::from_utf8(out.clone()).expect("text"), OPENMETRICS);
    assert_eq!(samples(Format::OpenMetrics, &out), 14);
}

fn samples(format: Format, body: &[u8]) -> usize {
    let mut parser = Parser::new(format, body, ParserOptions::default());
    let (mut n, mut labels) = (0, SampleLabels::default());
    while let Some(event) = parser.next().expect("what we write is well-formed") {
        if let Event::Sample(_) = event {
            parser.labels(&mut labels).expect("labels");
            n += 1;
        }
    }
    n
}
