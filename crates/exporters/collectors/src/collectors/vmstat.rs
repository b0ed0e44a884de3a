//! Counters of the kernel's memory management, from `/proc/vmstat`.

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Vmstat {
    fields: DeviceFilter,
}

impl Vmstat {
    pub(crate) fn new(fields: &str) -> Result<Self, FilterError> {
        Ok(Self { fields: DeviceFilter::new(fields, "")? })
    }
}

impl Collector for Vmstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("vmstat")?;
        for (number, line) in file.lines() {
            let Some((field, value)) = line.split_once(' ') else { continue };
            if self.fields.ignores(field) {
                continue;
            }
            let value = file.number(number, value.trim())?;
            out.untyped(&format!("vmstat_{field}"), &format!("/proc/vmstat information field {field}."), &[], value);
        }
        Ok(())
    }
}
