//! Where targets come from: groups out of the configuration and out of files.

mod file;

use std::collections::BTreeMap;

use firesteel_config::TargetGroup;

pub(crate) use file::run_file_sd;

/// Targets that share labels, with the name of what they came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Group {
    pub(crate) source: String,
    pub(crate) targets: Vec<BTreeMap<String, String>>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Group {
    /// Makes a group of one in a configuration or file; `extra` is added to its labels.
    pub(crate) fn new(source: String, group: &TargetGroup, extra: &[(&str, &str)]) -> Self {
        let target = |address: &String| BTreeMap::from([("__address__".to_owned(), address.clone())]);
        let mut labels = group.labels.0.clone();
        labels.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { source, targets: group.targets.iter().map(target).collect(), labels }
    }
}

/// All groups of one provider, in place of those it sent before.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) provider: usize,
    pub(crate) groups: Vec<Group>,
}
