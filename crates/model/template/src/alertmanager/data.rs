//! What notification templates see.

use std::collections::BTreeMap;

use super::kv::kv;
use crate::func::Func;
use crate::gotime;
use crate::types::Type;
use crate::value::Value;

type Pairs = BTreeMap<String, String>;

/// Whether an alert, or one of a group, fires.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    #[default]
    Firing,
    Resolved,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Alert {
    pub status: Status,
    pub labels: Pairs,
    pub annotations: Pairs,
    /// Nanoseconds since the epoch; none is Go's zero time.
    pub starts_at_ns: Option<i64>,
    pub ends_at_ns: Option<i64>,
    pub generator_url: String,
    /// Sixteen hexadecimal digits.
    pub fingerprint: String,
}

/// One notification: what templates see as the dot, and webhooks get.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Data {
    pub receiver: String,
    pub status: Status,
    pub alerts: Vec<Alert>,
    pub notification_reason: String,
    pub group_labels: Pairs,
    pub route_labels: Pairs,
    pub common_labels: Pairs,
    pub common_annotations: Pairs,
    pub external_url: String,
}

static ALERT: Type = Type::record("template.Alert", false).with_json_names(&[
    ("Status", "status"),
    ("Labels", "labels"),
    ("Annotations", "annotations"),
    ("StartsAt", "startsAt"),
    ("EndsAt", "endsAt"),
    ("GeneratorURL", "generatorURL"),
    ("Fingerprint", "fingerprint"),
]);
static ALERTS: Type = Type::slice("template.Alerts", &ALERT).with_methods(alerts_method);
static ALERT_LIST: Type = Type::slice("[]template.Alert", &ALERT);
static DATA: Type = Type::record("template.Data", false).with_json_names(&[
    ("Receiver", "receiver"),
    ("Status", "status"),
    ("Alerts", "alerts"),
    ("NotificationReason", "notification_reason"),
    ("GroupLabels", "groupLabels"),
    ("RouteLabels", "routeLabels"),
    ("CommonLabels", "commonLabels"),
    ("CommonAnnotations", "commonAnnotations"),
    ("ExternalURL", "externalURL"),
]);
static DATA_POINTER: Type = Type::pointer("*template.Data", &DATA);

fn alerts_method(value: &Value, name: &str) -> Option<Func<'static>> {
    let wanted = match name {
        "Firing" => "firing",
        "Resolved" => "resolved",
        _ => return None,
    };
    let own = value.clone();
    Some(Func::new(&[], move |_| {
        let Value::List(list) = own.indirect() else { return Ok(Value::list(Vec::new(), &ALERT_LIST)) };
        let is_wanted = |alert: &&Value| match alert.indirect() {
            Value::Record(record) => {
                record.fields.iter().any(|(field, value)| *field == "Status" && value.as_str() == Some(wanted))
            }
            _ => false,
        };
        Ok(Value::list(list.items.iter().filter(is_wanted).cloned().collect::<Vec<_>>(), &ALERT_LIST))
    }))
}

fn pairs(pairs: &Pairs) -> Value {
    kv(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn time(ns: Option<i64>) -> Value {
    match ns {
        Some(ns) => gotime::time(ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000) as u32),
        None => gotime::zero(),
    }
}

impl Alert {
    fn to_value(&self) -> Value {
        let fields = vec![
            ("Status", self.status.name().into()),
            ("Labels", pairs(&self.labels)),
            ("Annotations", pairs(&self.annotations)),
            ("StartsAt", time(self.starts_at_ns)),
            ("EndsAt", time(self.ends_at_ns)),
            ("GeneratorURL", self.generator_url.as_str().into()),
            ("Fingerprint", self.fingerprint.as_str().into()),
        ];
        Value::record(&ALERT, fields)
    }
}

impl Data {
    /// A `*template.Data`.
    pub fn to_value(&self) -> Value {
        let fields = vec![
            ("Receiver", self.receiver.as_str().into()),
            ("Status", self.status.name().into()),
            ("Alerts", Value::list(self.alerts.iter().map(Alert::to_value).collect::<Vec<_>>(), &ALERTS)),
            ("NotificationReason", self.notification_reason.as_str().into()),
            ("GroupLabels", pairs(&self.group_labels)),
            ("CommonLabels", pairs(&self.common_labels)),
            ("CommonAnnotations", pairs(&self.common_annotations)),
            ("RouteLabels", pairs(&self.route_labels)),
            ("ExternalURL", self.external_url.as_str().into()),
        ];
        Value::pointer(Value::record(&DATA, fields), &DATA_POINTER)
    }
}
