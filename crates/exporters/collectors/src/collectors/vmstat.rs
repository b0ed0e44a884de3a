//! Counters of the kernel's memory management, from `/proc/vmstat`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::filter::FieldFilter;
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] =
    &[FlagDef::new("collector.vmstat.fields", Text, "Regexp of fields to return for vmstat collector.")
        .default(&["^(oom_kill|pgpg|pswp|pg.*fault).*"])];

#[derive(Debug)]
pub(crate) struct Vmstat {
    fields: FieldFilter,
}

impl Vmstat {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { fields: FieldFilter::new(settings.shown("collector.vmstat.fields")?) })
    }
}

impl Collector for Vmstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("vmstat")?;
        for (number, line) in file.lines() {
            let Some((field, value)) = line.split_once(' ') else { continue };
            if !self.fields.shows(field) {
                continue;
            }
            let value = file.number(number, value.trim())?;
            out.untyped(
                format_args!("vmstat_{field}"),
                format_args!("/proc/vmstat information field {field}."),
                &[],
                value,
            );
        }
        Ok(())
    }
}
