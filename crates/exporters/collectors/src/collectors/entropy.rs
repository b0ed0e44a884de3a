//! Entropy in the kernel's pool.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Entropy;

const FILES: [(&str, &str, &str); 2] = [
    ("sys/kernel/random/entropy_avail", "entropy_available_bits", "Bits of available entropy."),
    ("sys/kernel/random/poolsize", "entropy_pool_size_bits", "Bits of entropy pool."),
];

impl Collector for Entropy {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        for (path, name, help) in FILES {
            let file = host.proc(path)?;
            out.gauge(name, help, &[], file.number(1, file.text.trim())?);
        }
        Ok(())
    }
}
