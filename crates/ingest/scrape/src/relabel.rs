//! Relabelling rules, compiled: what they do to a label set (upstream: `model/relabel/relabel.go`).

use std::sync::Arc;

use firesteel_config::{RelabelAction, RelabelConfig};
use firesteel_model::LabelsBuilder;
use firesteel_re2::{AnchoredRegex, RegexError};

use crate::md5::md5;

/// A list of rules, applied in order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RelabelRules(Arc<[Rule]>);

#[derive(Debug)]
struct Rule {
    config: RelabelConfig,
    regex: AnchoredRegex,
}

impl RelabelRules {
    /// Compiles the rules of a configuration.
    pub fn new(configs: &[RelabelConfig]) -> Result<Self, RegexError> {
        let compile = |config: &RelabelConfig| {
            Ok(Rule { config: config.clone(), regex: AnchoredRegex::wrapped(&config.regex.pattern)? })
        };
        Ok(Self(configs.iter().map(compile).collect::<Result<Vec<_>, _>>()?.into()))
    }

    /// Applies the rules; returns false when one drops the set.
    pub fn apply(&self, b: &mut LabelsBuilder) -> bool {
        self.0.iter().all(|rule| rule.apply(b))
    }
}

impl Rule {
    fn apply(&self, b: &mut LabelsBuilder) -> bool {
        let config = &self.config;
        let value = config.source_labels.iter().map(|l| b.get(&l.0)).collect::<Vec<_>>().join(&config.separator);
        let matches = |text: &str| self.regex.is_match(text);
        match config.action {
            RelabelAction::Empty => {}
            RelabelAction::Keep => return matches(&value),
            RelabelAction::Drop => return !matches(&value),
            RelabelAction::KeepEqual => return b.get(&config.target_label) == value,
            RelabelAction::DropEqual => return b.get(&config.target_label) != value,
            RelabelAction::Replace => self.replace(&value, b),
            RelabelAction::Lowercase => drop(b.set(&config.target_label, &value.to_lowercase())),
            RelabelAction::Uppercase => drop(b.set(&config.target_label, &value.to_uppercase())),
            RelabelAction::HashMod => {
                let [.., a, b2, c, d, e, f, g, h] = md5(value.as_bytes());
                let hash = u64::from_be_bytes([a, b2, c, d, e, f, g, h]);
                b.set(&config.target_label, &hash.checked_rem(config.modulus.0).unwrap_or(0).to_string());
            }
            RelabelAction::LabelMap => {
                let mapped: Vec<(String, String)> = b
                    .iter()
                    .filter_map(|(name, value)| {
                        self.regex.expand(name, &config.replacement).map(|to| (to, value.to_owned()))
                    })
                    .collect();
                for (name, value) in mapped {
                    b.set(&name, &value);
                }
            }
            RelabelAction::LabelDrop => drop(b.retain(|name, _| !matches(name))),
            RelabelAction::LabelKeep => drop(b.retain(|name, _| matches(name))),
        }
        true
    }

    fn replace(&self, value: &str, b: &mut LabelsBuilder) {
        let config = &self.config;
        let Some(expanded) = self.regex.expand(value, &config.replacement) else { return };
        let target = if config.target_label.contains('$') {
            self.regex.expand(value, &config.target_label).unwrap_or_default()
        } else {
            config.target_label.clone()
        };
        if !target.is_empty() {
            b.set(&target, &expanded);
        }
    }
}

#[cfg(test)]
mod tests {
    use firesteel_config::{LabelName, Modulus, RegexText};
    use firesteel_model::Labels;

    use super::*;

    fn rule(action: RelabelAction, source: &[&str], regex: &str, target: &str, replacement: &str) -> RelabelConfig {
        RelabelConfig {
            source_labels: source.iter().map(|l| LabelName((*l).to_owned())).collect(),
            regex: RegexText { pattern: regex.to_owned(), given: true },
            target_label: target.to_owned(),
            replacement: replacement.to_owned(),
            modulus: Modulus(1000),
            action,
            ..RelabelConfig::default()
        }
    }

    #[test]
    fn actions_as_upstream() {
        type Want = Option<&'static [(&'static str, &'static str)]>;
        use RelabelAction as A;
        let cases: &[(RelabelConfig, Want)] = &[
            (
                rule(A::Replace, &["a"], "f(.*)", "d", "x-${1}-$1"),
                Some(&[("a", "foo"), ("b", "bar"), ("d", "x-oo-oo")]),
            ),
            (rule(A::Replace, &["a", "b"], "foo;(.*)", "a", "$1"), Some(&[("a", "bar"), ("b", "bar")])),
            (rule(A::Replace, &["a"], "nope", "a", "x"), Some(&[("a", "foo"), ("b", "bar")])),
            (rule(A::Replace, &["a"], "(f).*", "${1}_x", "y"), Some(&[("a", "foo"), ("b", "bar"), ("f_x", "y")])),
            (rule(A::Replace, &["a"], ".*", "a", ""), Some(&[("b", "bar")])),
            (rule(A::Keep, &["a"], "foo|x", "", "$1"), Some(&[("a", "foo"), ("b", "bar")])),
            (rule(A::Keep, &["a"], "fo", "", "$1"), None),
            (rule(A::Drop, &["a"], "foo", "", "$1"), None),
            (rule(A::KeepEqual, &["a"], "(.*)", "b", "$1"), None),
            (rule(A::DropEqual, &["a"], "(.*)", "b", "$1"), Some(&[("a", "foo"), ("b", "bar")])),
            (rule(A::HashMod, &["a"], "(.*)", "d", "$1"), Some(&[("a", "foo"), ("b", "bar"), ("d", "696")])),
            (rule(A::LabelMap, &[], "(a)", "", "n_$1"), Some(&[("a", "foo"), ("b", "bar"), ("n_a", "foo")])),
            (rule(A::LabelDrop, &[], "a", "", "$1"), Some(&[("b", "bar")])),
            (rule(A::LabelKeep, &[], "a", "", "$1"), Some(&[("a", "foo")])),
            (rule(A::Uppercase, &["a"], "(.*)", "a", "$1"), Some(&[("a", "FOO"), ("b", "bar")])),
        ];
        for (config, want) in cases {
            let mut b = LabelsBuilder::from_labels(&Labels::from_pairs([("a", "foo"), ("b", "bar")]));
            let kept = RelabelRules::new(std::slice::from_ref(config)).expect("a good regex").apply(&mut b);
            let got = kept.then(|| b.build());
            assert_eq!(got, want.map(|w| Labels::from_pairs(w.iter().copied())), "{config:?}");
        }
    }
}
