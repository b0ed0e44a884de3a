//! Open file handles of the whole machine.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Filefd;

impl Collector for Filefd {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("sys/fs/file-nr")?;
        // Allocated, unused since Linux 2.6, maximum.
        let words: Vec<&str> = file.text.split_ascii_whitespace().collect();
        let [allocated, _, maximum] = words.as_slice() else {
            return Err(file.malformed(1, format!("{} fields, not 3", words.len())));
        };
        out.gauge("filefd_allocated", "File descriptor statistics: allocated.", &[], file.number(1, allocated)?);
        out.gauge("filefd_maximum", "File descriptor statistics: maximum.", &[], file.number(1, maximum)?);
        Ok(())
    }
}
