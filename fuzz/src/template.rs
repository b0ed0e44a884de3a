//! Templates: any text is a fault or writes something, within bounds of size, steps and time.

use std::time::Duration;

use firesteel_model::Labels;
use firesteel_template::Limits;
use firesteel_template::Value;
use firesteel_template::alertmanager::{Alert, Data, Templates};
use firesteel_template::prometheus::{
    AlertTemplate, ConsoleData, Expander, QuerySource, Sample, SampleValue, alert_data, check_alert_template,
    expand_console,
};

const LIMITS: Limits = Limits { output_bytes: 1 << 16, steps: 5_000, time: Duration::from_secs(1) };

/// What `query` finds.
struct Two;

impl QuerySource for Two {
    fn query(&self, expr: &str, at_ms: i64) -> Result<Vec<Sample>, String> {
        if expr.is_empty() {
            return Err("unexpected end of input".to_owned());
        }
        let sample = |instance, v| Sample {
            labels: Labels::from_pairs([("instance", instance), ("job", "<j>")]),
            value: SampleValue::Float(v),
        };
        Ok(vec![sample("a:1", at_ms as f64), sample("b:2", f64::NAN)])
    }
}

/// The bytes are a template: of an alert, of a console with itself as a library, and of a notification.
pub fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let with = Expander { now_ms: 1_700_000_000_123, external_url: "http://x/y", source: &Two };
    let _ = check_alert_template("A", text);
    let labels = [("instance", "a:1"), ("job", "<j>")];
    let dot = alert_data(labels, &Value::string_map([("dc", "eu")]), "http://x/y", &SampleValue::Float(0.5));
    let _ = AlertTemplate::new("A", text).with_limits(LIMITS).expand(&dot, &with);
    let console = ConsoleData {
        params: vec![("a".to_owned(), "b'<".to_owned())],
        path: "x.html".to_owned(),
        external_labels: Vec::new(),
    };
    let libraries = [("x.lib".to_owned(), text.to_owned())];
    let _ = expand_console("x.html", text, &libraries, &console, &with, LIMITS);
    let mut templates = Templates::new().with_limits(LIMITS);
    if templates.add("x.tmpl", text).is_ok() {
        let alert = Alert { labels: [("alertname".to_owned(), "A".to_owned())].into(), ..Alert::default() };
        let data = Data {
            alerts: vec![alert.clone(), alert],
            route_labels: [("a".to_owned(), text.to_owned())].into(),
            ..Data::default()
        };
        let _ = templates.render_text(text, &data, 1_700_000_000_123_000_000);
        let _ = templates.render_html(text, &data, 1_700_000_000_123_000_000);
    }
}
