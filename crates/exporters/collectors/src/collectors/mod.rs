//! The collectors, one file each, and the table that names them.

mod arp;
mod bcache;
mod bcachefs;
mod bonding;
mod btrfs;
mod buddyinfo;
mod cgroups;
mod conntrack;
mod containers;
mod cpu;
mod cpu_info;
mod cpu_list;
mod cpu_vulnerabilities;
mod cpufreq;
mod diskstats;
mod dmi;
mod dmmultipath;
mod drbd;
mod drm;
mod edac;
mod entropy;
mod ethtool;
mod fibrechannel;
mod filefd;
mod filesystem;
mod human_size;
mod hwmon;
mod hwmon_values;
mod infiniband;
mod interrupts;
mod ipvs;
mod kernel_hung;
mod ksmd;
mod lnstat;
mod loadavg;
mod logind;
mod mdadm;
mod meminfo;
mod meminfo_numa;
mod mount_asker;
mod mounts;
mod mountstats;
mod netclass;
mod netdev;
mod netlink_links;
mod netstat;
mod network_route;
mod nfs;
mod nfs_rpc;
mod nfsd;
mod ntp;
mod nvme;
mod nvmesubsystem;
mod os;
mod pcidevice;
mod perf;
mod powersupplyclass;
mod pressure;
mod proc_stat;
mod processes;
mod qdisc;
mod rapl;
mod runit;
mod schedstat;
mod selinux;
mod slabinfo;
mod sockstat;
mod softirqs;
mod softnet;
mod stat;
mod supervisord;
mod swap;
mod sysctl;
mod systemd;
mod tapestats;
mod tcpstat;
mod textfile;
mod thermal_zone;
mod time;
mod timex;
mod topprocesses;
mod udp_queues;
mod uname;
mod vmstat;
mod watchdog;
mod wifi;
mod xfrm;
mod xfs;
mod zfs;
mod zoneinfo;

use std::sync::Arc;

use firesteel_cli::FlagDef;

pub use self::systemd::systemd_answers;
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
const OFF: bool = false;

/// All collectors that are built, by name: one line each, so that two who add one do not meet.
#[rustfmt::skip]
pub const COLLECTORS: &[CollectorDef] = &[
    row("arp", ON, arp::FLAGS, |s| Ok(Arc::new(arp::Arp::new(s)?))),
    row("bcache", ON, bcache::FLAGS, |s| Ok(Arc::new(bcache::Bcache::new(s)))),
    row("bcachefs", ON, &[], |_| Ok(Arc::new(bcachefs::Bcachefs))),
    row("bonding", ON, &[], |_| Ok(Arc::new(bonding::Bonding))),
    row("btrfs", ON, &[], |_| Ok(Arc::new(btrfs::Btrfs))),
    row("buddyinfo", OFF, &[], |_| Ok(Arc::new(buddyinfo::Buddyinfo))),
    row("cgroups", OFF, &[], |_| Ok(Arc::new(cgroups::Cgroups))),
    row("conntrack", ON, &[], |_| Ok(Arc::new(conntrack::Conntrack))),
    row("containers", OFF, containers::FLAGS, |s| Ok(Arc::new(containers::Containers::new(s)?))),
    row("cpu", ON, cpu::FLAGS, |s| Ok(Arc::new(cpu::Cpu::new(s)?))),
    row("cpu_vulnerabilities", OFF, &[], |_| Ok(Arc::new(cpu_vulnerabilities::CpuVulnerabilities))),
    row("cpufreq", ON, &[], |_| Ok(Arc::new(cpufreq::Cpufreq))),
    row("diskstats", ON, diskstats::FLAGS, |s| Ok(Arc::new(diskstats::Diskstats::new(s)?))),
    row("dmi", ON, &[], |_| Ok(Arc::new(dmi::Dmi::default()))),
    row("dmmultipath", ON, &[], |_| Ok(Arc::new(dmmultipath::DmMultipath))),
    row("drbd", OFF, &[], |_| Ok(Arc::new(drbd::Drbd))),
    row("drm", OFF, &[], |_| Ok(Arc::new(drm::Drm))),
    row("edac", ON, &[], |_| Ok(Arc::new(edac::Edac))),
    row("entropy", ON, &[], |_| Ok(Arc::new(entropy::Entropy))),
    row("ethtool", OFF, ethtool::FLAGS, |s| Ok(Arc::new(ethtool::Ethtool::new(s)?))),
    row("fibrechannel", ON, &[], |_| Ok(Arc::new(fibrechannel::FibreChannel))),
    row("filefd", ON, &[], |_| Ok(Arc::new(filefd::Filefd))),
    row("filesystem", ON, filesystem::FLAGS, |s| Ok(Arc::new(filesystem::Filesystem::new(s)?))),
    row("hwmon", ON, hwmon::FLAGS, |s| Ok(Arc::new(hwmon::Hwmon::new(s)?))),
    row("infiniband", ON, infiniband::FLAGS, |s| Ok(Arc::new(infiniband::Infiniband::new(s)?))),
    row("interrupts", OFF, interrupts::FLAGS, |s| Ok(Arc::new(interrupts::Interrupts::new(s)?))),
    row("ipvs", ON, ipvs::FLAGS, |s| Ok(Arc::new(ipvs::Ipvs::new(s)?))),
    row("kernel_hung", ON, &[], |_| Ok(Arc::new(kernel_hung::KernelHung))),
    row("ksmd", OFF, &[], |_| Ok(Arc::new(ksmd::Ksmd))),
    row("lnstat", OFF, &[], |_| Ok(Arc::new(lnstat::Lnstat))),
    row("loadavg", ON, &[], |_| Ok(Arc::new(loadavg::Loadavg))),
    row("logind", OFF, &[], |_| Ok(Arc::new(logind::Logind))),
    row("mdadm", ON, &[], |_| Ok(Arc::new(mdadm::Mdadm))),
    row("meminfo", ON, &[], |_| Ok(Arc::new(meminfo::Meminfo))),
    row("meminfo_numa", OFF, &[], |_| Ok(Arc::new(meminfo_numa::MeminfoNuma))),
    row("mountstats", OFF, &[], |_| Ok(Arc::new(mountstats::Mountstats))),
    row("netclass", ON, netclass::FLAGS, |s| Ok(Arc::new(netclass::Netclass::new(s)?))),
    row("netdev", ON, netdev::FLAGS, |s| Ok(Arc::new(netdev::Netdev::new(s)?))),
    row("netstat", ON, netstat::FLAGS, |s| Ok(Arc::new(netstat::Netstat::new(s)?))),
    row("network_route", OFF, &[], |_| Ok(Arc::new(network_route::NetworkRoute))),
    row("nfs", ON, &[], |_| Ok(Arc::new(nfs::Nfs))),
    row("nfsd", ON, &[], |_| Ok(Arc::new(nfsd::Nfsd))),
    row("ntp", OFF, ntp::FLAGS, |s| Ok(Arc::new(ntp::Ntp::new(s)?))),
    row("nvme", ON, &[], |_| Ok(Arc::new(nvme::Nvme))),
    row("nvmesubsystem", OFF, &[], |_| Ok(Arc::new(nvmesubsystem::Nvmesubsystem))),
    row("os", ON, &[], |_| Ok(Arc::new(os::Os))),
    row("pcidevice", OFF, pcidevice::FLAGS, |s| Ok(Arc::new(pcidevice::Pcidevice::new(s)))),
    row("perf", OFF, perf::FLAGS, |s| Ok(Arc::new(perf::Perf::new(s)?))),
    row("powersupplyclass", ON, powersupplyclass::FLAGS, |s| Ok(Arc::new(powersupplyclass::PowerSupplyClass::new(s)?))),
    row("pressure", ON, &[], |_| Ok(Arc::new(pressure::Pressure))),
    row("processes", OFF, &[], |_| Ok(Arc::new(processes::Processes))),
    row("qdisc", OFF, qdisc::FLAGS, |s| Ok(Arc::new(qdisc::Qdisc::new(s)?))),
    row("rapl", ON, rapl::FLAGS, |s| Ok(Arc::new(rapl::Rapl::new(s)))),
    row("runit", OFF, runit::FLAGS, |s| Ok(Arc::new(runit::Runit::new(s)))),
    row("schedstat", ON, &[], |_| Ok(Arc::new(schedstat::Schedstat))),
    row("selinux", ON, &[], |_| Ok(Arc::new(selinux::Selinux))),
    row("slabinfo", OFF, slabinfo::FLAGS, |s| Ok(Arc::new(slabinfo::Slabinfo::new(s)?))),
    row("sockstat", ON, &[], |_| Ok(Arc::new(sockstat::Sockstat::new()))),
    row("softirqs", OFF, &[], |_| Ok(Arc::new(softirqs::Softirqs))),
    row("softnet", ON, &[], |_| Ok(Arc::new(softnet::Softnet))),
    row("stat", ON, stat::FLAGS, |s| Ok(Arc::new(stat::Stat::new(s)))),
    row("supervisord", OFF, supervisord::FLAGS, |s| Ok(Arc::new(supervisord::Supervisord::new(s)?))),
    row("swap", OFF, &[], |_| Ok(Arc::new(swap::Swap))),
    row("sysctl", OFF, sysctl::FLAGS, |s| Ok(Arc::new(sysctl::Sysctl::new(s)))),
    row("systemd", OFF, systemd::FLAGS, |s| Ok(Arc::new(systemd::Systemd::new(s)?))),
    row("tapestats", ON, tapestats::FLAGS, |s| Ok(Arc::new(tapestats::Tapestats::new(s)?))),
    row("tcpstat", OFF, &[], |_| Ok(Arc::new(tcpstat::Tcpstat))),
    row("textfile", ON, textfile::FLAGS, |s| Ok(Arc::new(textfile::Textfile::new(s)))),
    row("thermal_zone", ON, &[], |_| Ok(Arc::new(thermal_zone::ThermalZone))),
    row("time", ON, &[], |_| Ok(Arc::new(time::Time))),
    row("timex", ON, &[], |_| Ok(Arc::new(timex::Timex))),
    row("topprocesses", OFF, topprocesses::FLAGS, |s| Ok(Arc::new(topprocesses::Topprocesses::new(s)?))),
    row("udp_queues", ON, &[], |_| Ok(Arc::new(udp_queues::UdpQueues))),
    row("uname", ON, &[], |_| Ok(Arc::new(uname::Uname))),
    row("vmstat", ON, vmstat::FLAGS, |s| Ok(Arc::new(vmstat::Vmstat::new(s)?))),
    row("watchdog", ON, &[], |_| Ok(Arc::new(watchdog::Watchdog))),
    row("wifi", OFF, &[], |_| Ok(Arc::new(wifi::Wifi))),
    row("xfrm", OFF, &[], |_| Ok(Arc::new(xfrm::Xfrm))),
    row("xfs", ON, &[], |_| Ok(Arc::new(xfs::Xfs))),
    row("zfs", ON, &[], |_| Ok(Arc::new(zfs::Zfs))),
    row("zoneinfo", OFF, &[], |_| Ok(Arc::new(zoneinfo::Zoneinfo))),
];

const fn row(name: &'static str, default_enabled: bool, flags: &'static [FlagDef], make: Make) -> CollectorDef {
    CollectorDef { name, default_enabled, flags, make }
}
