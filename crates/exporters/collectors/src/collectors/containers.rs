//! What each container uses, from its control group: ours, not node_exporter's.
//!
//! Containers are found by the names that runtimes give their groups ([`names`]), in version 2 and in version 1. At most
//! `--collector.containers.max` are shown, those with most memory; how many there are is a metric of its own.

mod names;
mod usage;

use firesteel_cli::{FlagDef, FlagKind};

use self::names::Container;
use self::usage::{Usage, Version};
use crate::dir::Dir;
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const MAX: &str = "collector.containers.max";

pub(super) const FLAGS: &[FlagDef] = &[FlagDef::new(
    MAX,
    FlagKind::Int,
    "How many containers to show, those with most memory, for containers collector.",
)
.default(&["200"])];

/// Runtimes nest no deeper: slices of a user, or of a pod in a cluster's node within a container's host.
const DEPTH_MAX: usize = 8;
/// Groups that one scrape looks into.
const GROUPS_MAX: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Containers {
    max: usize,
}

impl Containers {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let text = settings.text(MAX);
        let max = text.parse().map_err(|_| FilterError::Value { flag: MAX, what: format!("{text:?} is no count") })?;
        Ok(Self { max })
    }
}

impl Collector for Containers {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(root) = host.sys_dir("fs/cgroup")? else { return Err(CollectError::NoData) };
        let Some(version) = Version::of(root) else { return Err(CollectError::NoData) };
        let mut found = Vec::new();
        let mut left = GROUPS_MAX;
        find(version.groups(), "", DEPTH_MAX, &mut left, &mut found);
        let count = found.len();
        let mut shown = Vec::with_capacity(count);
        for container in found {
            shown.push((version.usage(&container.path)?, container));
        }
        if count > self.max {
            shown.sort_by(|(a, first), (b, second)| {
                let memory = |usage: &Usage| usage.memory_bytes.unwrap_or(0.0);
                memory(b).total_cmp(&memory(a)).then_with(|| first.path.cmp(&second.path))
            });
            shown.truncate(self.max);
        }
        for (usage, container) in &shown {
            usage.put(container, out);
        }
        out.gauge("containers", "How many containers have a control group here.", &[], count as f64);
        Ok(())
    }
}

/// Looks for containers below a group; within one there is no looking further.
fn find(dir: &Dir, path: &str, depth: usize, left: &mut usize, found: &mut Vec<Container>) {
    for name in dir.subdirs() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        if let Some(container) = Container::of(&below) {
            found.push(container);
        } else if depth > 1
            && names::may_hold_containers(&name)
            && let Some(dir) = dir.dir(&name)
        {
            find(&dir, &below, depth - 1, left, found);
        }
    }
}
