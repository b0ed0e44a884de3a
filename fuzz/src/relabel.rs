//! Relabelling: rules and labels of any kind, applied without a panic, and a set comes out that could be stored.

use firesteel_model::relabel::{Action, RelabelConfig, Rule, process};
use firesteel_model::{Labels, LabelsBuilder, ValidationScheme};

/// A rule may double a value: so many bytes grow to a megabyte at most.
const RULES_MAX: usize = 8;
const VALUE_MAX: usize = 4096;

/// The bytes are lines: rules as `action|source,source|separator|target|regex|replacement|modulus`, and labels as `name=value`.
pub fn relabel(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (mut rules, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line.split_once('=') {
            Some((name, value)) if !line.contains('|') => labels.push((name, value.get(..VALUE_MAX).unwrap_or(value))),
            _ if rules.len() < RULES_MAX => rules.extend(rule(line)),
            _ => {}
        }
    }
    let set = Labels::from_pairs(labels);
    let mut builder = LabelsBuilder::new();
    builder.reset(&set);
    let kept = process(&mut builder, &rules);
    let made = builder.build();
    if kept {
        assert!(made.iter().all(|(_, value)| !value.is_empty()), "an empty value is no label");
        let names: Vec<&str> = made.iter().map(|(name, _)| name).collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "names ascend: {names:?}");
        // The same rules over the same labels make the same set.
        let mut again = LabelsBuilder::new();
        again.reset(&set);
        assert!(process(&mut again, &rules));
        assert_eq!(again.build(), made);
    }
}

fn rule(line: &str) -> Option<Rule> {
    const ACTIONS: [Action; 11] = [
        Action::Replace,
        Action::Keep,
        Action::Drop,
        Action::KeepEqual,
        Action::DropEqual,
        Action::HashMod,
        Action::LabelMap,
        Action::LabelDrop,
        Action::LabelKeep,
        Action::Lowercase,
        Action::Uppercase,
    ];
    let mut fields = line.split('|');
    let mut next = || fields.next().unwrap_or_default();
    let action = *next().as_bytes().first()?;
    let config = RelabelConfig {
        action: ACTIONS[usize::from(action) % ACTIONS.len()],
        source_labels: next().split(',').filter(|name| !name.is_empty()).take(8).map(str::to_owned).collect(),
        separator: next().chars().take(16).collect(),
        target_label: next().chars().take(64).collect(),
        regex: next().to_owned(),
        replacement: next().chars().take(64).collect(),
        // Configurations refuse 0 where it would divide.
        modulus: next().parse().unwrap_or(1).max(1),
        scheme: if action > 127 { ValidationScheme::Legacy } else { ValidationScheme::Utf8 },
    };
    Rule::new(config).ok()
}
