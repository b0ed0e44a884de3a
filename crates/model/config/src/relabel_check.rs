//! What must hold between the settings of a relabelling rule (model/relabel/relabel.go, `Config.Validate`).

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::naming::{ValidationScheme, is_legacy_label_name};
use crate::relabel::{RelabelAction as Action, RelabelConfig};
use crate::rules_of_choice::wrong;

/// Checks a list of rules; `list` is their node.
pub(crate) fn check_rules(
    rules: &[RelabelConfig],
    list: Option<&Node>,
    scheme: ValidationScheme,
    reader: &mut Reader<'_>,
) {
    let Some(list) = list else { return };
    let items: Vec<&Node> = list.items().iter().filter(|item| !item.is_null()).collect();
    for (rule, node) in rules.iter().zip(items) {
        check_rule(rule, node, scheme, reader);
    }
}

fn check_rule(rule: &RelabelConfig, node: &Node, scheme: ValidationScheme, reader: &mut Reader<'_>) {
    let action = rule.action.name();
    let mut fault = |key: &str, code: &'static str, message: String, upstream: String| {
        wrong(node, reader, key, code, message, upstream);
    };
    if rule.action == Action::Empty {
        fault("action", "FS0152", "`action` is empty".into(), "relabel action cannot be empty".into());
        return;
    }
    if rule.action == Action::HashMod && rule.modulus.0 == 0 {
        let upstream = "relabel configuration for hashmod requires non-zero modulus".to_owned();
        fault("action", "FS0153", "`hashmod` needs `modulus`, the number of parts".into(), upstream);
    }
    let sets_target = matches!(
        rule.action,
        Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual
    );
    let target = rule.target_label.as_str();
    if sets_target && target.is_empty() {
        let upstream = format!("relabel configuration for {action} action requires 'target_label' value");
        fault("action", "FS0154", format!("`{action}` needs `target_label`, the label to work on"), upstream);
        return;
    }
    let template = |text: &str| match scheme {
        ValidationScheme::Legacy => is_legacy_template(text),
        _ => scheme.is_valid_label_name(text),
    };
    let target_ok = match rule.action {
        Action::Replace if target.contains('$') => template(target),
        _ => scheme.is_valid_label_name(target),
    };
    if sets_target && !target_ok {
        let upstream = format!("{} is invalid 'target_label' for {action} action", quote(target.as_bytes()));
        fault("target_label", "FS0155", format!("`{target}` cannot be a label's name"), upstream);
    }
    let changes_case =
        matches!(rule.action, Action::Lowercase | Action::Uppercase | Action::KeepEqual | Action::DropEqual);
    let has_replacement = rule.replacement != "$1";
    if changes_case && has_replacement {
        let upstream = format!("'replacement' can not be set for {action} action");
        fault("replacement", "FS0156", format!("`{action}` takes no `replacement`"), upstream);
        return;
    }
    if rule.action == Action::LabelMap && !template(&rule.replacement) {
        let upstream = format!("{} is invalid 'replacement' for {action} action", quote(rule.replacement.as_bytes()));
        fault("replacement", "FS0155", format!("`{}` cannot be a label's name", rule.replacement), upstream);
    }
    let alien = |also: &[(&'static str, bool)]| {
        let common =
            [("modulus", rule.modulus.0 != 0), ("separator", rule.separator != ";"), ("replacement", has_replacement)];
        also.iter().chain(&common).find(|(_, given)| *given).map(|(key, _)| *key)
    };
    match rule.action {
        Action::KeepEqual | Action::DropEqual => {
            if let Some(key) = alien(&[("regex", rule.regex.given)]) {
                let upstream =
                    format!("{action} action requires only 'source_labels' and `target_label`, and no other fields");
                fault(key, "FS0156", format!("`{action}` takes `source_labels` and `target_label` only"), upstream);
            }
        }
        Action::LabelDrop | Action::LabelKeep => {
            let sources = node.get("source_labels").is_some_and(|n| !n.is_null());
            if let Some(key) = alien(&[("source_labels", sources), ("target_label", !target.is_empty())]) {
                let upstream = format!("{action} action requires only 'regex', and no other fields");
                fault(key, "FS0156", format!("`{action}` takes `regex` only"), upstream);
            }
        }
        _ => {}
    }
}

/// `^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$`: letters, digits not first, and `$1` or `${1}`.
fn is_legacy_template(text: &str) -> bool {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        plain.push_str(&rest[..at]);
        plain.push('_');
        let tail = &rest[at + 1..];
        let word = |s: &str| s.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        rest = if let Some(inner) = tail.strip_prefix('{') {
            let n = word(inner);
            match inner.get(n..).and_then(|t| t.strip_prefix('}')) {
                Some(after) if n > 0 => after,
                _ => return false,
            }
        } else {
            if word(tail) == 0 {
                return false;
            }
            tail
        };
    }
    plain.push_str(rest);
    is_legacy_label_name(&plain)
}
