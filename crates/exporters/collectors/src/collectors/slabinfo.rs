//! The kernel's object caches, from `/proc/slabinfo` (readable by root).

use firesteel_cli::{FlagDef, FlagKind};

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

const INCLUDE: &str = "collector.slabinfo.slabs-include";
const EXCLUDE: &str = "collector.slabinfo.slabs-exclude";

pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(INCLUDE, FlagKind::Text, "Regexp of slabs to include in slabinfo collector.").default(&[".*"]),
    FlagDef::new(EXCLUDE, FlagKind::Text, "Regexp of slabs to exclude in slabinfo collector.").default(&[""]),
];

#[derive(Debug)]
pub(crate) struct Slabinfo {
    shown: DeviceFilter,
    left_out: DeviceFilter,
}

impl Slabinfo {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { shown: settings.shown(INCLUDE)?, left_out: settings.ignored(EXCLUDE)? })
    }
}

/// The columns behind the name.
const COLUMNS: [(&str, &str); 5] = [
    ("slabinfo_active_objects", "The number of objects that are currently active (i.e., in use)."),
    ("slabinfo_objects", "The total number of allocated objects (i.e., objects that are both in use and not in use)."),
    ("slabinfo_object_size_bytes", "The size of objects in this slab, in bytes."),
    ("slabinfo_objects_per_slab", "The number of objects stored in each slab."),
    ("slabinfo_pages_per_slab", "The number of pages allocated for each slab."),
];

impl Collector for Slabinfo {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("slabinfo")?;
        for (number, line) in file.lines() {
            if line.contains("slabinfo -") || line.contains("# name") {
                continue;
            }
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [slab, numbers @ ..] = words.as_slice() else { continue };
            if words.len() != 16 {
                return Err(file.malformed(number, "not the sixteen words of a slab"));
            }
            if self.shown.ignores(slab) || self.left_out.ignores(slab) {
                continue;
            }
            for ((name, help), word) in COLUMNS.iter().zip(numbers) {
                out.gauge(name, help, &[("slab", slab)], file.number(number, word)?);
            }
        }
        Ok(())
    }
}
