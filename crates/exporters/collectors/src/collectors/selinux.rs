//! Whether SELinux is on, and how it enforces.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Selinux;

impl Collector for Selinux {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        // Its file system is mounted there since Linux 3.0; before a policy is loaded our own context is the kernel's.
        let enforce = host.sys("fs/selinux/enforce");
        let context = enforce.as_ref().and_then(|_| host.proc_opt("self/attr/current").ok().flatten());
        let loaded = context.is_some_and(|file| file.text.trim_matches(['\0', '\n']) != "kernel");
        let Some(enforce) = enforce.filter(|_| loaded) else {
            out.gauge("selinux_enabled", "SELinux is enabled, 1 is true, 0 is false", &[], 0.0);
            return Ok(());
        };
        out.gauge("selinux_enabled", "SELinux is enabled, 1 is true, 0 is false", &[], 1.0);
        let config = host.root("etc/selinux/config")?;
        let mode = config.as_ref().and_then(|file| file.text.lines().find_map(|l| l.trim().strip_prefix("SELINUX=")));
        let mode = match mode.map(|mode| mode.trim_matches('"')) {
            Some("enforcing") => 1.0,
            Some("permissive") => 0.0,
            _ => -1.0,
        };
        out.gauge("selinux_config_mode", "Configured SELinux enforcement mode", &[], mode);
        let current = enforce.parse().unwrap_or(-1.0);
        out.gauge("selinux_current_mode", "Current SELinux enforcement mode", &[], current);
        Ok(())
    }
}
