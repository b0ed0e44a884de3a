//! The collectors, one file each, and the table that names them.

mod cpu;
mod diskstats;
mod filefd;
mod filesystem;
mod loadavg;
mod meminfo;
mod mounts;
mod netdev;
mod netstat;
mod pressure;
mod sockstat;
mod stat;
mod time;
mod uname;
mod vmstat;

use std::sync::Arc;

use firesteel_cli::FlagDef;

use crate::{Collector, FilterError, Settings};

/// How a collector is made from its settings.
type Make = fn(&Settings) -> Result<Arc<dyn Collector>, FilterError>;

/// A line of the table: the name of `--collector.<name>`, its flags and how it is made.
#[derive(Clone, Copy)]
pub struct CollectorDef {
    pub name: &'static str,
    pub default_enabled: bool,
    /// Its flags but the switch, by their full names.
    pub flags: &'static [FlagDef],
    pub make: Make,
}

impl std::fmt::Debug for CollectorDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectorDef").field("name", &self.name).finish_non_exhaustive()
    }
}

const ON: bool = true;

/// All collectors that are built, by name: one line each, so that two who add one do not meet.
#[rustfmt::skip]
pub const COLLECTORS: &[CollectorDef] = &[
    row("cpu", ON, cpu::FLAGS, |s| Ok(Arc::new(cpu::Cpu::new(s)))),
    row("diskstats", ON, diskstats::FLAGS, |s| Ok(Arc::new(diskstats::Diskstats::new(s)?))),
    row("filefd", ON, &[], |_| Ok(Arc::new(filefd::Filefd))),
    row("filesystem", ON, filesystem::FLAGS, |s| Ok(Arc::new(filesystem::Filesystem::new(s)?))),
    row("loadavg", ON, &[], |_| Ok(Arc::new(loadavg::Loadavg))),
    row("meminfo", ON, &[], |_| Ok(Arc::new(meminfo::Meminfo))),
    row("netdev", ON, netdev::FLAGS, |s| Ok(Arc::new(netdev::Netdev::new(s)?))),
    row("netstat", ON, netstat::FLAGS, |s| Ok(Arc::new(netstat::Netstat::new(s)?))),
    row("pressure", ON, &[], |_| Ok(Arc::new(pressure::Pressure))),
    row("sockstat", ON, &[], |_| Ok(Arc::new(sockstat::Sockstat::new()))),
    row("stat", ON, stat::FLAGS, |s| Ok(Arc::new(stat::Stat::new(s)))),
    row("time", ON, &[], |_| Ok(Arc::new(time::Time))),
    row("uname", ON, &[], |_| Ok(Arc::new(uname::Uname))),
    row("vmstat", ON, vmstat::FLAGS, |s| Ok(Arc::new(vmstat::Vmstat::new(s)?))),
];

const fn row(name: &'static str, default_enabled: bool, flags: &'static [FlagDef], make: Make) -> CollectorDef {
    CollectorDef { name, default_enabled, flags, make }
}
