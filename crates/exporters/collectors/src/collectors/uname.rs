//! What uname(2) says.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Uname;

impl Collector for Uname {
    fn collect(&self, _host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let uname = rustix::system::uname();
        let labels = [
            ("domainname", uname.domainname().to_string_lossy()),
            ("machine", uname.machine().to_string_lossy()),
            ("nodename", uname.nodename().to_string_lossy()),
            ("release", uname.release().to_string_lossy()),
            ("sysname", uname.sysname().to_string_lossy()),
            ("version", uname.version().to_string_lossy()),
        ];
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        out.gauge("uname_info", "Labeled system information as provided by the uname system call.", &labels, 1.0);
        Ok(())
    }
}
