//! The body of `POST /api/v2/alerts`.

use bytes::Bytes;
use firesteel_base::TimestampNs;
use firesteel_go_compat::Instant;
use firesteel_model::{Alert, Labels};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// What Go's time zero is written as: nobody knows the end.
const NO_TIME: &str = "0001-01-01T00:00:00.000Z";

/// One alert in the shape of Alertmanager's OpenAPI, fields in upstream's order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert<'a> {
    #[serde(serialize_with = "object", skip_serializing_if = "Labels::is_empty")]
    annotations: &'a Labels,
    ends_at: String,
    starts_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    #[serde(serialize_with = "object")]
    labels: &'a Labels,
}

impl<'a> From<&'a Alert> for PostableAlert<'a> {
    fn from(alert: &'a Alert) -> Self {
        Self {
            annotations: &alert.annotations,
            ends_at: alert.ends_at.map_or_else(|| NO_TIME.to_owned(), millis),
            starts_at: millis(alert.starts_at),
            generator_url: &alert.generator_url,
            labels: &alert.labels,
        }
    }
}

/// Returns the alerts as JSON.
pub(crate) fn body(alerts: &[Alert]) -> serde_json::Result<Bytes> {
    let all: Vec<PostableAlert<'_>> = alerts.iter().map(PostableAlert::from).collect();
    serde_json::to_vec(&all).map(Bytes::from)
}

fn object<S: Serializer>(labels: &&Labels, out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(Some(labels.len()))?;
    for (name, value) in *labels {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// Returns a time with three digits after the point, as `strfmt.DateTime` writes it; what is finer is cut off.
fn millis(at: TimestampNs) -> String {
    let (seconds, rest) = (at.0.div_euclid(1_000_000_000), at.0.rem_euclid(1_000_000_000));
    let whole = Instant::from_unix_ms(seconds.saturating_mul(1000)).to_rfc3339();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), rest / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_upstream_writes_it() {
        let alert = Alert {
            labels: Labels::from_pairs([("alertname", "Disk"), ("path", "/\"a\"")]),
            annotations: Labels::from_pairs([("summary", "full")]),
            starts_at: TimestampNs(1_700_000_000_012_999_999),
            ends_at: Some(TimestampNs(1_700_000_060_000_000_000)),
            generator_url: "http://h/graph?g0.expr=up&g0.tab=1".into(),
        };
        let bare = Alert { annotations: Labels::empty(), ends_at: None, generator_url: "".into(), ..alert.clone() };
        let labels = r#""labels":{"alertname":"Disk","path":"/\"a\""}"#;
        let want = format!(
            concat!(
                r#"[{{"annotations":{{"summary":"full"}},"endsAt":"2023-11-14T22:14:20.000Z","#,
                r#""startsAt":"2023-11-14T22:13:20.012Z","generatorURL":"http://h/graph?g0.expr=up&g0.tab=1",{labels}}},"#,
                r#"{{"endsAt":"0001-01-01T00:00:00.000Z","startsAt":"2023-11-14T22:13:20.012Z",{labels}}}]"#
            ),
            labels = labels
        );
        assert_eq!(body(&[alert, bare]).expect("JSON"), want);
    }
}
