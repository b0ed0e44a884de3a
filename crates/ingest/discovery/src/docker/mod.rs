//! `docker_sd_configs` and `dockerswarm_sd_configs`: what a Docker daemon runs (upstream: `discovery/moby`).

mod containers;
mod daemon;
mod networks;
mod swarm;
mod swarm_nodes;
mod swarm_services;
mod swarm_tasks;

use crate::group::LabelMap;
use crate::sanitize_label_name;

/// Adds labels that others chose, their names made fit, behind a prefix.
fn add_free_labels(labels: &mut LabelMap, prefix: &str, free: &std::collections::BTreeMap<String, String>) {
    labels.extend(free.iter().map(|(name, value)| (format!("{prefix}{}", sanitize_label_name(name)), value.clone())));
}
