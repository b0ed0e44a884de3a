//! Swap devices, from `/proc/swaps`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Swap;

impl Collector for Swap {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("swaps")?;
        // A line of headings.
        for (number, line) in file.lines().skip(1) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [device, kind, size, used, priority, ..] = words.as_slice() else {
                return Err(file.malformed(number, "fewer than five words"));
            };
            let labels = [("device", *device), ("swap_type", kind)];
            let kib = |word| file.number(number, word).map(|value| value * 1024.0);
            out.gauge("swap_size_bytes", "Swap device size in bytes.", &labels, kib(size)?);
            out.gauge("swap_used_bytes", "Swap device used in bytes.", &labels, kib(used)?);
            out.gauge("swap_priority", "Swap device priority.", &labels, file.number(number, priority)?);
        }
        Ok(())
    }
}
