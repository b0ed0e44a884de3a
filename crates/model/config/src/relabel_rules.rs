//! Relabelling rules of a configuration, compiled.

use std::sync::Arc;

use firesteel_model::relabel::{self, Action, Rule};
use firesteel_model::{Labels, LabelsBuilder, ValidationScheme};
use firesteel_re2::RegexError;

use crate::relabel::{RelabelAction, RelabelConfig};

/// A list of rules, applied in order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RelabelRules(Arc<[Rule]>);

impl RelabelRules {
    /// Compiles the rules of a configuration whose names are checked by `scheme`.
    pub fn new(configs: &[RelabelConfig], scheme: ValidationScheme) -> Result<Self, RegexError> {
        let rules = configs.iter().filter_map(|config| Some(Rule::new(plain(config, scheme)?)));
        Ok(Self(rules.collect::<Result<Vec<_>, _>>()?.into()))
    }

    /// Returns what each rule leaves; nothing from the rule on that drops the set.
    pub fn steps(&self, labels: &Labels) -> Vec<Option<Labels>> {
        let mut b = LabelsBuilder::from_labels(labels);
        let mut keep = true;
        let step = |rule: &Rule| {
            keep = keep && relabel::process(&mut b, std::slice::from_ref(rule));
            keep.then(|| b.build())
        };
        self.0.iter().map(step).collect()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies the rules; returns false when one drops the set.
    pub fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        relabel::process(labels, &self.0)
    }
}

/// An empty action was refused with the configuration.
fn plain(config: &RelabelConfig, scheme: ValidationScheme) -> Option<relabel::RelabelConfig> {
    let action = match config.action {
        RelabelAction::Empty => return None,
        RelabelAction::Replace => Action::Replace,
        RelabelAction::Keep => Action::Keep,
        RelabelAction::Drop => Action::Drop,
        RelabelAction::KeepEqual => Action::KeepEqual,
        RelabelAction::DropEqual => Action::DropEqual,
        RelabelAction::HashMod => Action::HashMod,
        RelabelAction::LabelMap => Action::LabelMap,
        RelabelAction::LabelDrop => Action::LabelDrop,
        RelabelAction::LabelKeep => Action::LabelKeep,
        RelabelAction::Lowercase => Action::Lowercase,
        RelabelAction::Uppercase => Action::Uppercase,
    };
    Some(relabel::RelabelConfig {
        source_labels: config.source_labels.iter().map(|label| label.0.clone()).collect(),
        separator: config.separator.clone(),
        target_label: config.target_label.clone(),
        regex: config.regex.pattern.clone(),
        modulus: config.modulus.0,
        replacement: config.replacement.clone(),
        action,
        scheme,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relabel::{LabelName, Modulus, RegexText};

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
            let kept = RelabelRules::new(std::slice::from_ref(config), ValidationScheme::Utf8)
                .expect("a good regex")
                .apply(&mut b);
            let got = kept.then(|| b.build());
            assert_eq!(got, want.map(|w| Labels::from_pairs(w.iter().copied())), "{config:?}");
        }
    }

    #[test]
    fn each_step_shows_what_it_leaves() {
        let label = RelabelConfig {
            action: RelabelAction::Replace,
            target_label: "x".to_owned(),
            replacement: "y".to_owned(),
            ..crate::Decode::fresh()
        };
        let drop = RelabelConfig {
            action: RelabelAction::Drop,
            source_labels: vec![LabelName("x".to_owned())],
            regex: RegexText { pattern: "y".to_owned(), given: true },
            ..crate::Decode::fresh()
        };
        let rules = RelabelRules::new(&[label.clone(), drop, label], ValidationScheme::Utf8).expect("good rules");
        let steps = rules.steps(&Labels::from_pairs([("a", "1")]));
        assert_eq!(steps, [Some(Labels::from_pairs([("a", "1"), ("x", "y")])), None, None]);
    }
}
