//! `otlp`: how samples received over OTLP become series.

use std::collections::BTreeSet;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::naming::ValidationScheme;
use crate::rules_of_choice::{one_of, wrong};
use crate::section::section;

section! {
    /// The block.
    pub struct OtlpConfig("`otlp`", "config.OTLPConfig", "config.plain") check check {
        promote_all_resource_attributes: bool,
        promote_resource_attributes: Vec<String>,
        /// Only with `promote_all_resource_attributes`.
        ignore_resource_attributes: Vec<String>,
        translation_strategy: String = STRATEGIES[0].to_owned(),
        keep_identifying_resource_attributes: bool,
        convert_histograms_to_nhcb: bool,
        promote_scope_metadata: bool,
        label_name_underscore_sanitization: bool = true,
        label_name_preserve_multiple_underscores: bool = true,
    }
}

const STRATEGIES: [&str; 4] = [
    "UnderscoreEscapingWithSuffixes",
    "UnderscoreEscapingWithoutSuffixes",
    "NoUTF8EscapingWithSuffixes",
    "NoTranslation",
];

fn check(otlp: &mut OtlpConfig, node: &Node, reader: &mut Reader<'_>) {
    let all = otlp.promote_all_resource_attributes;
    if all && !otlp.promote_resource_attributes.is_empty() {
        let upstream =
            "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be configured simultaneously";
        let message = "all attributes are promoted already: keep one of the two settings";
        wrong(node, reader, "promote_resource_attributes", "FS0187", message, upstream);
        return;
    }
    if !all && !otlp.ignore_resource_attributes.is_empty() {
        let upstream =
            "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true";
        let message = "there is nothing to ignore from: set promote_all_resource_attributes: true";
        wrong(node, reader, "ignore_resource_attributes", "FS0187", message, upstream);
        return;
    }
    let (key, names, adjective) = if all {
        ("ignore_resource_attributes", &mut otlp.ignore_resource_attributes, "ignored")
    } else {
        ("promote_resource_attributes", &mut otlp.promote_resource_attributes, "promoted")
    };
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for name in names {
        let trimmed = name.trim().to_owned();
        if trimmed.is_empty() {
            faults.push(format!("empty {adjective} OTel resource attribute"));
        } else if !seen.insert(trimmed.clone()) {
            faults.push(format!("duplicated {adjective} OTel resource attribute {}", quote(trimmed.as_bytes())));
        } else {
            *name = trimmed;
        }
    }
    if !faults.is_empty() {
        let upstream = format!("invalid '{key}': {}", faults.join("\n"));
        wrong(node, reader, key, "FS0188", "an attribute is empty or stands twice", upstream);
    }
}

/// Notes a strategy that is unknown, or that needs UTF-8 names where only legacy ones are allowed.
pub(crate) fn check_strategy(otlp: &OtlpConfig, root: &Node, scheme: ValidationScheme, reader: &mut Reader<'_>) {
    let Some(node) = root.get("otlp") else { return };
    let strategy = otlp.translation_strategy.as_str();
    if strategy.is_empty() {
        return;
    }
    let unknown = |word: &str| format!("unsupported OTLP translation strategy {}", quote(word.as_bytes()));
    one_of(node, reader, "translation_strategy", strategy, &STRATEGIES, "", unknown);
    if scheme == ValidationScheme::Legacy && STRATEGIES[2..].contains(&strategy) {
        let upstream =
            format!("OTLP translation strategy {} is not allowed when UTF8 is disabled", quote(strategy.as_bytes()));
        let message = format!("`{strategy}` keeps names in UTF-8, but the global naming scheme is legacy");
        wrong(node, reader, "translation_strategy", "FS0189", message, upstream);
    }
}
