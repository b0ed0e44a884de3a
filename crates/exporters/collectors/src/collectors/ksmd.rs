//! The kernel's merging of equal pages, from `/sys/kernel/mm/ksm`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Ksmd;

const FILES: [&str; 9] = [
    "full_scans",
    "merge_across_nodes",
    "pages_shared",
    "pages_sharing",
    "pages_to_scan",
    "pages_unshared",
    "pages_volatile",
    "run",
    "sleep_millisecs",
];

impl Collector for Ksmd {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(dir) = host.sys_dir("kernel/mm/ksm")? else { return Err(CollectError::NoData) };
        for name in FILES {
            let file = dir.required_file(name)?;
            let value = file.number(1, file.text.trim())?;
            let help = format_args!("ksmd '{name}' file.");
            match name {
                "full_scans" => out.counter("ksmd_full_scans_total", help, &[], value),
                "sleep_millisecs" => out.gauge("ksmd_sleep_seconds", help, &[], value / 1000.0),
                _ => out.gauge(format_args!("ksmd_{name}"), help, &[], value),
            }
        }
        Ok(())
    }
}
