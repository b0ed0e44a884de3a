//! Energy that parts of the machine took, from `/sys/class/powercap`.

use std::collections::BTreeMap;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Bool;

use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[FlagDef::new(
    "collector.rapl.enable-zone-label",
    Bool,
    // The reference's own words, which belong to another flag (node_exporter 1.12.1, rapl_linux.go).
    "Enables service unit metric unit_start_time_seconds",
)];

#[derive(Debug)]
pub(crate) struct Rapl {
    zone_label: bool,
}

impl Rapl {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { zone_label: settings.bool("collector.rapl.enable-zone-label") }
    }
}

impl Collector for Rapl {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/powercap")?.ok_or(CollectError::NoData)?;
        // Zones may share a name: they are told apart by how often it came before.
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for (entry, dir) in class.dirs() {
            let Some(name) = dir.text("name") else { continue };
            let (zone, index) = match name.split_once('-').map(|(zone, index)| (zone, index.parse::<u32>())) {
                Some((zone, Ok(index))) => (zone.to_owned(), index),
                _ => {
                    let index = seen.get(&name).copied().unwrap_or(0);
                    (name, index)
                }
            };
            seen.insert(zone.clone(), index.saturating_add(1));
            // Only root may read it since 2020.
            let Some(microjoules) = dir.number("energy_uj")? else { return Err(CollectError::NoData) };
            let (index, path) = (index.to_string(), class.path().join(entry));
            let path = path.to_string_lossy();
            let labels = [("index", index.as_str()), ("path", &path), ("rapl_zone", &zone)];
            let joules = microjoules / 1e6;
            if self.zone_label {
                out.counter("rapl_joules_total", "Current RAPL value in joules", &labels, joules);
            } else {
                let metric = zone.replace(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '_', "_");
                let help = format_args!("Current RAPL {zone} value in joules");
                out.counter(format_args!("rapl_{metric}_joules_total"), help, &labels[..2], joules);
            }
        }
        Ok(())
    }
}
