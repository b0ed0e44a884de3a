//! How many control groups each controller has, from `/proc/cgroups`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Cgroups;

impl Collector for Cgroups {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("cgroups")?;
        for (number, line) in file.lines().filter(|(_, line)| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [controller, _, groups, enabled, ..] = words.as_slice() else {
                return Err(file.malformed(number, "fewer than four words"));
            };
            // upstream: both have the same help (cgroups_linux.go); kept.
            let (labels, help) = ([("subsys_name", *controller)], "Current cgroup number of the subsystem.");
            out.gauge("cgroups_cgroups", help, &labels, file.number(number, groups)?);
            out.gauge("cgroups_enabled", help, &labels, file.number(number, enabled)?);
        }
        Ok(())
    }
}
