//! What providers find.

use std::collections::BTreeMap;

/// Labels by name.
pub type LabelMap = BTreeMap<String, String>;

/// Targets that share labels. A group replaces the one its provider sent before under the same source; without targets
/// it takes it away.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetGroup {
    /// What it came from, unique within its provider.
    pub source: String,
    /// The labels of each target, `__address__` among them. They win over those of the group.
    pub targets: Vec<LabelMap>,
    pub labels: LabelMap,
}

impl TargetGroup {
    /// Returns an empty group, which takes away what `source` had.
    pub fn gone(source: impl Into<String>) -> Self {
        Self { source: source.into(), ..Self::default() }
    }

    /// Makes a group of one in a configuration or file; `extra` is added to its labels.
    pub fn of_config(source: String, group: &firesteel_config::TargetGroup, extra: &[(&str, &str)]) -> Self {
        let target = |address: &String| LabelMap::from([("__address__".to_owned(), address.clone())]);
        let mut labels = group.labels.0.clone();
        labels.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { source, targets: group.targets.iter().map(target).collect(), labels }
    }
}
