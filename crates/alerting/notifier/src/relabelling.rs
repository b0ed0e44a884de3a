//! What becomes of an alert before it is sent: external labels, then rules.

use std::borrow::Cow;

use firesteel_config::RelabelRules;
use firesteel_model::{Alert, Labels, LabelsBuilder};

/// Adds external labels that an alert lacks and applies the rules; an alert that a rule drops is left out.
pub(crate) fn relabelled<'a>(alerts: &'a [Alert], external: &Labels, rules: &RelabelRules) -> Cow<'a, [Alert]> {
    if external.is_empty() && rules.is_empty() {
        return Cow::Borrowed(alerts);
    }
    let mut b = LabelsBuilder::new();
    let one = |alert: &Alert| {
        b.reset(&alert.labels);
        for (name, value) in external {
            if alert.labels.value(name).is_empty() {
                b.set(name, value);
            }
        }
        rules.apply(&mut b).then(|| Alert { labels: b.build(), ..alert.clone() })
    };
    Cow::Owned(alerts.iter().filter_map(one).collect())
}

#[cfg(test)]
mod tests {
    use firesteel_config::{Decode as _, LabelName, RegexText, RelabelAction, RelabelConfig, ValidationScheme};

    use super::*;
    use crate::example::alert;

    fn rule(action: RelabelAction, source: &str, regex: &str) -> RelabelConfig {
        RelabelConfig {
            action,
            source_labels: vec![LabelName(source.to_owned())],
            regex: RegexText { pattern: regex.to_owned(), given: true },
            target_label: "copy".to_owned(),
            ..RelabelConfig::fresh()
        }
    }

    #[test]
    fn external_labels_come_before_rules() {
        let external = Labels::from_pairs([("cluster", "eu"), ("team", "ops")]);
        let rules = [rule(RelabelAction::Replace, "cluster", "(.*)"), rule(RelabelAction::Drop, "alertname", "Noise")];
        let rules = RelabelRules::new(&rules, ValidationScheme::Utf8).expect("good rules");
        let alerts = [alert(&[("alertname", "A"), ("team", "db")]), alert(&[("alertname", "Noise")])];
        let got: Vec<Labels> = relabelled(&alerts, &external, &rules).iter().map(|a| a.labels.clone()).collect();
        let want = [("alertname", "A"), ("cluster", "eu"), ("copy", "eu"), ("team", "db")];
        assert_eq!(got, [Labels::from_pairs(want)]);
    }
}
