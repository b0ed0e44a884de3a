//! What the templates of the golden tables see; the Go program that answered them had the same.

use std::collections::BTreeMap;

use firesteel_model::{FloatHistogram, Labels, Span};
use firesteel_template::alertmanager::{Alert, Data, Status};
use firesteel_template::prometheus::{QuerySource, Sample, SampleValue};
use firesteel_template::types::{ANYS, INT, INT32, INT64, STRING, UINT8, UINT64};
use firesteel_template::{Func, Value, gotime};

pub(crate) const NOW_MS: i64 = 1_700_000_000_123;
pub(crate) const EXTERNAL_URL: &str = "http://prom.example:9090/sub/path";

/// The dot of all tables but that of alerts.
pub(crate) fn data() -> Value {
    let labels = [("job", "node"), ("instance", "host.example.com:9100"), ("empty", "")];
    let any = vec![Value::int(1), "x".into(), Value::Float(2.5), Value::NilInterface, Value::Bool(true)];
    let nested = [
        ("a", Value::any_map([("b", Value::int(1))])),
        ("list", Value::list(vec![Value::string("p"), Value::string("q")], &ANYS)),
        ("nil", Value::NilInterface),
    ];
    let repeat = Func::new(&[&STRING, &INT], |args| match args {
        [Value::String(text, _), Value::Int(times, _)] => {
            usize::try_from(*times).map(|times| text.repeat(times).into()).map_err(|_| "negative".to_owned())
        }
        _ => Ok(Value::Nil),
    });
    Value::any_map([
        ("Labels", Value::string_map(labels)),
        ("Int", Value::int(42)),
        ("Neg", Value::int(-7)),
        ("Zero", Value::int(0)),
        ("F", Value::Float(1234.5678)),
        ("F0", Value::Float(0.0)),
        ("Big", Value::Float(1e21)),
        ("Small", Value::Float(1e-7)),
        ("NaN", Value::Float(f64::NAN)),
        ("Inf", Value::Float(f64::INFINITY)),
        ("NegInf", Value::Float(f64::NEG_INFINITY)),
        ("U", Value::Uint(7, &UINT64)),
        ("I64", Value::Int(9, &INT64)),
        ("R", Value::Int('x' as i64, &INT32)),
        ("B", Value::Uint(200, &UINT8)),
        ("S", "hello <b>\"w\"</b> & 'é'\n\ttab".into()),
        ("Word", "word".into()),
        ("E", "".into()),
        ("Num", "12.5".into()),
        ("T", Value::Bool(true)),
        ("N", Value::Bool(false)),
        ("List", Value::strings(["a", "b", "c"])),
        ("Empty", Value::strings::<&str>([])),
        ("Any", Value::list(any, &ANYS)),
        ("Nested", Value::any_map(nested)),
        ("Nil", Value::NilInterface),
        ("Dur", gotime::duration(5_401_500_000_000)),
        ("Time", gotime::time(1_677_906_367, 89_000_000)),
        ("Func", Value::Func(repeat.into())),
        ("Html", Value::html("<i>safe</i>")),
        ("Url", "javascript:alert(1)".into()),
        ("Good", "http://x.y/a b?c=d&e=f".into()),
        ("Css", "expression(alert(1))".into()),
        ("Color", "#fff".into()),
    ])
}

/// Queries that the templates ask.
pub(crate) struct Answers;

impl QuerySource for Answers {
    fn query(&self, expr: &str, at_ms: i64) -> Result<Vec<Sample>, String> {
        let sample = |labels: &[(&str, &str)], value| Sample {
            labels: Labels::from_pairs(labels.iter().copied()),
            value: SampleValue::Float(value),
        };
        Ok(match expr {
            "bad" => return Err("parse error: bad query".to_owned()),
            "none" => Vec::new(),
            "time" => vec![sample(&[], at_ms as f64 / 1000.0)],
            "hist" => vec![Sample {
                labels: Labels::from_pairs([("__name__", "h")]),
                value: SampleValue::Histogram(Box::new(histogram())),
            }],
            _ => vec![
                sample(&[("__name__", "up"), ("__value__", "v1"), ("instance", "b:1"), ("job", "x")], 3.25),
                sample(&[("__name__", "up"), ("instance", "a:2"), ("job", "y")], 1.0),
                sample(&[("__name__", "up"), ("instance", "c:3")], 2e9),
            ],
        })
    }
}

fn histogram() -> FloatHistogram {
    FloatHistogram {
        count: 3.0,
        sum: 4.5,
        zero_threshold: 0.001,
        zero_count: 1.0,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_buckets: vec![1.0, 1.0],
        ..FloatHistogram::default()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What notification templates see.
pub(crate) fn notification_data() -> Data {
    let alert = |status, instance, annotations: &[(&str, &str)], from: i64, to: Option<i64>, url: &str, last| Alert {
        status,
        labels: pairs(&[("alertname", "Down"), ("instance", instance)]),
        annotations: pairs(annotations),
        starts_at_ns: Some(from * 1_000_000),
        ends_at_ns: to.map(|to| to * 1_000_000),
        generator_url: url.to_owned(),
        fingerprint: format!("00000000000000{last}"),
    };
    let a_url = "http://p/graph?g0.expr=up+%3D%3D+0";
    let (firing, resolved) = (Status::Firing, Status::Resolved);
    Data {
        receiver: "team\\.x".to_owned(),
        status: firing,
        notification_reason: "first".to_owned(),
        external_url: "http://am.example:9093/x".to_owned(),
        group_labels: pairs(&[("alertname", "Down"), ("cluster", "eu")]),
        route_labels: pairs(&[
            ("team", "core"),
            ("greeting", "hi {{ routeLabels \"team\" }} {{ .Status }}"),
            ("loop", "{{ routeLabels \"pool\" }}"),
            ("pool", "{{ routeLabels \"loop\" }}"),
            ("bad", "{{ .Nope }}"),
        ]),
        common_labels: pairs(&[("alertname", "Down"), ("cluster", "eu"), ("Zone", "z"), ("severity", "page")]),
        common_annotations: pairs(&[("summary", "it's <down> & out"), ("runbook", "http://r/x?a=b&c=d")]),
        alerts: vec![
            alert(firing, "a:1", &[("summary", "a \"is\" down")], 1_700_000_000_123, None, a_url, "aa"),
            alert(resolved, "b:2", &[], 1_700_000_060_000, Some(1_700_003_660_000), "http://p/y", "bb"),
            alert(firing, "c:3", &[("summary", "c")], 1_700_000_120_000, Some(1_700_003_720_000), "", "cc"),
        ],
    }
}
