//! `gce_sd_configs`: instances of Google Compute Engine.

use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::rules_of_choice::require;
use crate::section::section;

section! {
    /// A project and zone; credentials come from Google's default chain.
    pub struct GceSd("`gce_sd_configs`", "*gce.SDConfig", "gce.plain") check check {
        project: String [keep],
        zone: String [keep],
        filter: String,
        refresh_interval: Duration = Duration::from_secs(60),
        port: i64 [keep] = 80,
        tag_separator: String = ",".to_owned(),
    }
}

fn check(sd: &mut GceSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "project", !sd.project.is_empty(), "GCE SD configuration requires a project");
    require(node, reader, "zone", !sd.zone.is_empty(), "GCE SD configuration requires a zone");
}
