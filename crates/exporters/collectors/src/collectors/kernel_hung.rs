//! Tasks that the kernel found hanging.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct KernelHung;

impl Collector for KernelHung {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        // Kernels before 6.13 do not count them.
        let file = host.proc_opt("sys/kernel/hung_task_detect_count")?.ok_or(CollectError::NoData)?;
        let help = "Total number of tasks that have been detected as hung since the system booted.";
        out.counter("kernel_hung_tasks_total", help, &[], file.number(1, file.text.trim())?);
        Ok(())
    }
}
