//! Relabelling: rules that keep, drop and rewrite label sets (model/relabel/relabel.go of 3.14).
//!
//! The same rules serve targets, scraped samples, alerts and remote write. A rule that only decides allocates nothing.

mod letter_case;
mod md5;

use firesteel_re2::{AnchoredRegex, RegexError};
use smallvec::SmallVec;

use crate::{LabelsBuilder, ValidationScheme};

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Action {
    /// Sets the target label to the expanded replacement, if the regex matches the joined source labels.
    #[default]
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops where the target label differs from the joined source labels.
    KeepEqual,
    /// Drops where the target label equals the joined source labels.
    DropEqual,
    /// Sets the target label to the joined source labels' hash, modulo the modulus.
    HashMod,
    /// Copies labels whose name matches to the expanded replacement.
    LabelMap,
    /// Removes labels whose name matches.
    LabelDrop,
    /// Removes labels whose name does not match.
    LabelKeep,
    /// Sets the target label to the joined source labels in small letters.
    Lowercase,
    /// Sets the target label to the joined source labels in capitals.
    Uppercase,
}

/// A rule as a configuration gives it; plain data. Its default is upstream's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelabelConfig {
    pub source_labels: Vec<String>,
    pub separator: String,
    pub target_label: String,
    pub regex: String,
    pub modulus: u64,
    pub replacement: String,
    pub action: Action,
    /// What names the target label may get.
    pub scheme: ValidationScheme,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".to_owned(),
            target_label: String::new(),
            regex: "(.*)".to_owned(),
            modulus: 0,
            replacement: "$1".to_owned(),
            action: Action::Replace,
            scheme: ValidationScheme::Utf8,
        }
    }
}

/// A rule, ready to be applied.
#[derive(Clone, Debug)]
pub struct Rule {
    config: RelabelConfig,
    regex: AnchoredRegex,
    target_is_template: bool,
    replacement_is_template: bool,
}

/// Joined values up to so many bytes need no allocation.
type Joined = SmallVec<[u8; 256]>;

/// Applies the rules in order; false when one drops the set, which ends it.
pub fn process(labels: &mut LabelsBuilder, rules: &[Rule]) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl Rule {
    /// Compiles a rule. Errors: the regex, in Go's words.
    pub fn new(config: RelabelConfig) -> Result<Self, RegexError> {
        let regex = AnchoredRegex::wrapped(&config.regex)?;
        let target_is_template = config.target_label.contains('$');
        let replacement_is_template = config.replacement.contains('$');
        Ok(Self { config, regex, target_is_template, replacement_is_template })
    }

    /// Applies the rule; false when it drops the set.
    pub fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        match self.config.action {
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => drop(labels.retain(|name, _| !self.regex.is_match(name))),
            Action::LabelKeep => drop(labels.retain(|name, _| self.regex.is_match(name))),
            _ => {
                let mut joined = Joined::new();
                let value = self.join_sources(labels, &mut joined);
                match self.config.action {
                    Action::Keep => return self.regex.is_match(value),
                    Action::Drop => return !self.regex.is_match(value),
                    Action::KeepEqual => return labels.get(&self.config.target_label) == value,
                    Action::DropEqual => return labels.get(&self.config.target_label) != value,
                    _ => {}
                }
                if let Some((target, text)) = self.assignment(value) {
                    labels.set(&target, &text);
                }
            }
        }
        true
    }

    /// Returns the values of the source labels, joined; one value alone is not copied.
    fn join_sources<'a>(&self, labels: &'a LabelsBuilder, joined: &'a mut Joined) -> &'a str {
        match self.config.source_labels.as_slice() {
            [] => "",
            [name] => labels.get(name),
            [first, rest @ ..] => {
                joined.extend_from_slice(labels.get(first).as_bytes());
                for name in rest {
                    joined.extend_from_slice(self.config.separator.as_bytes());
                    joined.extend_from_slice(labels.get(name).as_bytes());
                }
                std::str::from_utf8(joined).expect("texts that were joined are a text")
            }
        }
    }

    /// Returns the label to set and its value; an empty value removes it.
    fn assignment(&self, value: &str) -> Option<(String, String)> {
        let target = || self.config.target_label.clone();
        match self.config.action {
            Action::Replace => self.replace(value),
            Action::Lowercase => Some((target(), letter_case::to_lower(value))),
            Action::Uppercase => Some((target(), letter_case::to_upper(value))),
            Action::HashMod => {
                let [_, _, _, _, _, _, _, _, hash @ ..] = md5::md5(value.as_bytes());
                // A modulus of zero is refused with the configuration.
                let part = u64::from_be_bytes(hash).checked_rem(self.config.modulus).unwrap_or(0);
                Some((target(), part.to_string()))
            }
            _ => None,
        }
    }

    fn replace(&self, value: &str) -> Option<(String, String)> {
        let RelabelConfig { target_label, replacement, scheme, .. } = &self.config;
        let valid = |name: &str| scheme.is_valid_label_name(name);
        if !self.target_is_template && !self.replacement_is_template {
            return (valid(target_label) && self.regex.is_match(value))
                .then(|| (target_label.clone(), replacement.clone()));
        }
        let captures = self.regex.captures(value)?;
        let mut target = String::new();
        captures.expand(target_label, &mut target);
        if !valid(&target) {
            return None;
        }
        let mut text = String::new();
        captures.expand(replacement, &mut text);
        Some((target, text))
    }

    /// upstream: an empty expanded name makes a label without a name there; here it makes none.
    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mapped: Vec<(String, String)> = labels
            .iter()
            .filter_map(|(name, value)| Some((self.regex.expand(name, &self.config.replacement)?, value.to_owned())))
            .filter(|(name, _)| !name.is_empty())
            .collect();
        for (name, value) in mapped {
            labels.set(&name, &value);
        }
    }
}

#[cfg(test)]
mod tests;
