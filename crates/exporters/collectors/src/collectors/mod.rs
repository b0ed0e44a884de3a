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

use crate::{Collector, FilterError, NodeOptions};

/// A line of the table: the name of `--collector.<name>` and how it is made.
#[derive(Clone, Copy)]
pub struct CollectorDef {
    pub name: &'static str,
    pub default_enabled: bool,
    pub make: fn(&NodeOptions) -> Result<Arc<dyn Collector>, FilterError>,
}

impl std::fmt::Debug for CollectorDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectorDef").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All collectors that are built, by name.
pub const COLLECTORS: &[CollectorDef] = &[
    on("cpu", |o| Ok(Arc::new(cpu::Cpu::new(o.cpu_guest)))),
    on("diskstats", |o| Ok(Arc::new(diskstats::Diskstats::new(&o.diskstats_include, &o.diskstats_exclude)?))),
    on("filefd", |_| Ok(Arc::new(filefd::Filefd))),
    on("filesystem", |o| {
        Ok(Arc::new(filesystem::Filesystem::new(&o.filesystem_mount_points_exclude, &o.filesystem_fs_types_exclude)?))
    }),
    on("loadavg", |_| Ok(Arc::new(loadavg::Loadavg))),
    on("meminfo", |_| Ok(Arc::new(meminfo::Meminfo))),
    on("netdev", |o| Ok(Arc::new(netdev::Netdev::new(&o.netdev_include, &o.netdev_exclude)?))),
    on("netstat", |o| Ok(Arc::new(netstat::Netstat::new(&o.netstat_fields)?))),
    on("pressure", |_| Ok(Arc::new(pressure::Pressure))),
    on("sockstat", |_| Ok(Arc::new(sockstat::Sockstat::new()))),
    on("stat", |o| Ok(Arc::new(stat::Stat::new(o.stat_softirq)))),
    on("time", |_| Ok(Arc::new(time::Time))),
    on("uname", |_| Ok(Arc::new(uname::Uname))),
    on("vmstat", |o| Ok(Arc::new(vmstat::Vmstat::new(&o.vmstat_fields)?))),
];

const fn on(name: &'static str, make: fn(&NodeOptions) -> Result<Arc<dyn Collector>, FilterError>) -> CollectorDef {
    CollectorDef { name, default_enabled: true, make }
}
