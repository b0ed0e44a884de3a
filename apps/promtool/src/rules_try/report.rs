//! What a trial found, for a person or a machine.

use firesteel_base::TimestampMs;
use firesteel_go_compat::{Instant, format_duration_ms};
use firesteel_model::Labels;
use serde_json::{Value as Json, json};

use super::spans::{Compared, Span, Spans, compare};
use crate::Console;

/// One rule and what came of it.
#[derive(Debug)]
pub(super) struct RuleTrial {
    pub(super) file: String,
    pub(super) group: String,
    /// From 1.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) is_alert: bool,
    pub(super) interval_ms: i64,
    /// Evaluations that failed, and the last error.
    pub(super) failures: usize,
    pub(super) error: String,
    pub(super) evaluations: usize,
    pub(super) fired: Spans,
    pub(super) stored: Spans,
}

impl RuleTrial {
    /// Comparisons in order of time, with the alerts' labels.
    fn compared(&self) -> Vec<(&Labels, Compared)> {
        let mut all: Vec<&Labels> = self.fired.keys().chain(self.stored.keys()).collect();
        all.sort();
        all.dedup();
        let spans = |of: &Spans, labels: &Labels| of.get(labels).cloned().unwrap_or_default();
        let mut out = Vec::new();
        for labels in all {
            let compared = compare(&spans(&self.fired, labels), &spans(&self.stored, labels), 2 * self.interval_ms);
            out.extend(compared.into_iter().map(|one| (labels, one)));
        }
        out.sort_by_key(|(_, one)| one.from());
        out
    }

    fn kind(&self) -> &'static str {
        if self.is_alert { "alert" } else { "record" }
    }
}

fn time(ms: i64) -> String {
    Instant::from_unix_ms(ms).to_rfc3339()
}

/// How long a span is, with the evaluation that ends it.
fn length(span: Span, interval_ms: i64) -> i64 {
    span.to - span.from + interval_ms
}

/// Labels without the alert's name, which stands above.
fn shown(labels: &Labels) -> String {
    let pairs: Vec<(String, String)> = labels
        .iter()
        .filter(|(name, _)| *name != "alertname")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Labels::from_pairs(pairs).to_string()
}

/// `3 times, 1h5m in all`
fn sum(spans: &Spans, interval_ms: i64) -> String {
    let all: Vec<Span> = spans.values().flatten().copied().collect();
    let times = if all.len() == 1 { "once".to_owned() } else { format!("{} times", all.len()) };
    if all.is_empty() {
        return "never".to_owned();
    }
    let whole: i64 = all.iter().map(|span| length(*span, interval_ms)).sum();
    format!("{times}, {} in all", format_duration_ms(whole))
}

/// Writes for a person; at most `limit` spans a rule, 0 for all.
pub(super) fn show(
    trials: &[RuleTrial],
    (from, to): (TimestampMs, TimestampMs),
    limit: usize,
    console: &mut Console<'_>,
) {
    console.say(format_args!("From {} to {}", time(from.0), time(to.0)));
    for trial in trials {
        let RuleTrial { file, group, place, name, .. } = trial;
        console.say(format_args!("\n{file}: group \"{group}\", rule {place}: {} {name}", trial.kind()));
        if trial.failures > 0 {
            let (failures, evaluations, error) = (trial.failures, trial.evaluations, &trial.error);
            console.say(format_args!("  failed in {failures} of {evaluations} evaluations: {error}"));
        }
        if !trial.is_alert {
            console.say(format_args!("  evaluated {} times", trial.evaluations));
            continue;
        }
        let (new, old) = (sum(&trial.fired, trial.interval_ms), sum(&trial.stored, trial.interval_ms));
        console.say(format_args!("  would have fired {new}; fired {old}"));
        let compared = trial.compared();
        let most = if limit == 0 { compared.len() } else { limit };
        for (labels, one) in compared.iter().take(most) {
            let line = |sign: char, span: Span| {
                let long = format_duration_ms(length(span, trial.interval_ms));
                format!("  {sign} {} for {long} {}", time(span.from), shown(labels))
            };
            match *one {
                Compared::Same(span) => console.say(line('=', span)),
                Compared::Added(span) => console.say(line('+', span)),
                Compared::Gone(span) => console.say(line('-', span)),
                Compared::Shifted { new, old } => {
                    let was = format_duration_ms(length(old, trial.interval_ms));
                    console.say(format_args!("{} (was {} for {was})", line('~', new), time(old.from)));
                }
            }
        }
        if compared.len() > most {
            console.say(format_args!("  … and {} more", compared.len() - most));
        }
    }
}

/// Writes for a machine.
pub(super) fn json(trials: &[RuleTrial], (from, to): (TimestampMs, TimestampMs)) -> Json {
    let span = |span: Span, interval: i64| json!({"from": time(span.from), "seconds": length(span, interval) / 1000});
    let one = |trial: &RuleTrial| {
        let spans: Vec<Json> = trial
            .compared()
            .into_iter()
            .map(|(labels, compared)| {
                let of = |span_| span(span_, trial.interval_ms);
                let (what, new, old) = match compared {
                    Compared::Same(new) => ("same", of(new), Json::Null),
                    Compared::Added(new) => ("added", of(new), Json::Null),
                    Compared::Gone(old) => ("gone", Json::Null, of(old)),
                    Compared::Shifted { new, old } => ("shifted", of(new), of(old)),
                };
                let labels: serde_json::Map<String, Json> =
                    labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
                json!({"what": what, "labels": labels, "new": new, "stored": old})
            })
            .collect();
        json!({
            "file": trial.file, "group": trial.group, "rule": trial.place, "type": trial.kind(), "name": trial.name,
            "evaluations": trial.evaluations, "failures": trial.failures, "lastError": trial.error,
            "spans": spans,
        })
    };
    json!({"from": time(from.0), "to": time(to.0), "rules": trials.iter().map(one).collect::<Vec<_>>()})
}
