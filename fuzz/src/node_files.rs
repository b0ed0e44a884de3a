//! Files of `/proc` and `/sys`, and text files with metrics, as the collectors of a node read them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use firesteel_client::Collect;
use firesteel_collectors::{HostRoots, NodeCollector, NodeOptions, Settings};
use firesteel_expfmt::{text_to_families, write_text};
use firesteel_model::ValidationScheme;

/// A collector and the files that get the bytes. The first byte of an input says which.
///
/// New ones come last: the kept inputs name them by their place.
#[rustfmt::skip]
pub const READERS: &[(&str, &[&str])] = &[
    ("textfile", &["textfile/a.prom", "textfile/b.prom"]),
    ("arp", &["proc/net/arp"]),
    ("bcache", &["sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74/cache0/priority_stats", "sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74/bdev0/writeback_rate_debug", "sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74/stats_total/bypassed"]),
    ("bcachefs", &["sys/fs/bcachefs/deaddd54-c735-46d5-868e-f331c5fd7c74/compression_stats", "sys/fs/bcachefs/deaddd54-c735-46d5-868e-f331c5fd7c74/counters/btree_node_read", "sys/fs/bcachefs/deaddd54-c735-46d5-868e-f331c5fd7c74/dev-0/io_errors", "sys/fs/bcachefs/deaddd54-c735-46d5-868e-f331c5fd7c74/dev-0/io_done"]),
    ("bonding", &["sys/class/net/bond0/bonding/slaves", "sys/class/net/bond0/lower_eth0/bonding_slave/mii_status"]),
    ("btrfs", &["sys/fs/btrfs/deaddd54-c735-46d5-868e-f331c5fd7c74/label", "sys/fs/btrfs/deaddd54-c735-46d5-868e-f331c5fd7c74/commit_stats", "sys/fs/btrfs/deaddd54-c735-46d5-868e-f331c5fd7c74/allocation/data/total_bytes", "sys/fs/btrfs/deaddd54-c735-46d5-868e-f331c5fd7c74/allocation/data/raid1/used_bytes", "sys/fs/btrfs/deaddd54-c735-46d5-868e-f331c5fd7c74/devices/loop0/size"]),
    ("buddyinfo", &["proc/buddyinfo"]),
    ("cgroups", &["proc/cgroups"]),
    ("conntrack", &["proc/net/stat/nf_conntrack", "proc/sys/net/netfilter/nf_conntrack_count", "proc/sys/net/netfilter/nf_conntrack_max"]),
    ("containers", &["sys/fs/cgroup/cgroup.controllers", "sys/fs/cgroup/lxc.payload.a/cpu.stat", "sys/fs/cgroup/lxc.payload.a/memory.stat", "sys/fs/cgroup/lxc.payload.a/io.stat", "sys/fs/cgroup/lxc.payload.a/pids.max"]),
    ("containers", &["sys/fs/cgroup/memory/lxc/a/memory.stat", "sys/fs/cgroup/blkio/lxc/a/blkio.throttle.io_service_bytes", "sys/fs/cgroup/cpu/lxc/a/cpu.stat", "sys/fs/cgroup/memory/lxc/a/memory.oom_control"]),
    ("cpu", &["proc/stat", "sys/devices/system/cpu/isolated", "sys/devices/system/cpu/online"]),
    ("cpu", &["proc/cpuinfo"]),
    ("cpu_vulnerabilities", &["sys/devices/system/cpu/vulnerabilities/meltdown"]),
    ("cpufreq", &["sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "sys/devices/system/cpu/cpu0/cpufreq/scaling_available_governors"]),
    ("diskstats", &["proc/diskstats", "udev/b8:0", "sys/block/sda/queue/rotational"]),
    ("dmi", &["sys/class/dmi/id/bios_date"]),
    ("drbd", &["proc/drbd"]),
    ("drm", &["sys/class/drm/card0/device/uevent", "sys/class/drm/card0/device/gpu_busy_percent"]),
    ("edac", &["sys/devices/system/edac/mc/mc0/ce_count", "sys/devices/system/edac/mc/mc0/csrow0/ue_count", "sys/devices/system/edac/mc/mc0/csrow0/ch0_ce_count"]),
    ("entropy", &["proc/sys/kernel/random/entropy_avail", "proc/sys/kernel/random/poolsize"]),
    ("fibrechannel", &["sys/class/fc_host/host0/speed", "sys/class/fc_host/host0/statistics/tx_frames"]),
    ("filefd", &["proc/sys/fs/file-nr"]),
    ("hwmon", &["sys/class/hwmon/hwmon0/name", "sys/class/hwmon/hwmon0/temp1_input", "sys/class/hwmon/hwmon0/temp1_label", "sys/class/hwmon/hwmon0/fan1_input", "sys/class/hwmon/hwmon0/power1_average_interval"]),
    ("infiniband", &["sys/class/infiniband/mlx4_0/ports/1/state", "sys/class/infiniband/mlx4_0/ports/1/rate", "sys/class/infiniband/mlx4_0/ports/1/counters/link_downed", "sys/class/infiniband/mlx4_0/fw_ver"]),
    ("interrupts", &["proc/interrupts"]),
    ("ipvs", &["proc/net/ip_vs_stats", "proc/net/ip_vs"]),
    ("kernel_hung", &["proc/sys/kernel/hung_task_detect_count"]),
    ("ksmd", &["sys/kernel/mm/ksm/full_scans"]),
    ("lnstat", &["proc/net/stat/arp_cache"]),
    ("loadavg", &["proc/loadavg"]),
    ("mdadm", &["proc/mdstat"]),
    ("mdadm", &["sys/block/md0/md/level", "sys/block/md0/md/raid_disks", "sys/block/md0/md/array_state", "sys/block/md0/md/degraded", "sys/block/md0/md/sync_completed"]),
    ("meminfo", &["proc/meminfo"]),
    ("meminfo_numa", &["sys/devices/system/node/node0/meminfo", "sys/devices/system/node/node0/numastat"]),
    ("mountstats", &["proc/self/mountstats", "proc/self/mountinfo"]),
    ("netclass", &["sys/class/net/eth0/flags", "sys/class/net/eth0/speed", "sys/class/net/eth0/operstate"]),
    ("netdev", &["proc/net/dev"]),
    ("netstat", &["proc/net/netstat", "proc/net/snmp", "proc/net/snmp6"]),
    ("nfs", &["proc/net/rpc/nfs"]),
    ("nfsd", &["proc/net/rpc/nfsd"]),
    ("nvme", &["sys/class/nvme/nvme0/state", "sys/class/nvme/nvme0/nvme0n1/size", "sys/class/nvme/nvme0/nvme0n1/nuse", "sys/class/nvme/nvme0/nvme0n1/queue/logical_block_size", "sys/class/nvme/nvme0/nvme0n1/ana_state"]),
    ("nvmesubsystem", &["sys/class/nvme-subsystem/nvme-subsys0/model", "sys/class/nvme-subsystem/nvme-subsys0/serial", "sys/class/nvme-subsystem/nvme-subsys0/subsysnqn", "sys/class/nvme-subsystem/nvme-subsys0/iopolicy"]),
    ("os", &["root/etc/os-release"]),
    ("powersupplyclass", &["sys/class/power_supply/BAT0/capacity", "sys/class/power_supply/BAT0/status"]),
    ("pressure", &["proc/pressure/cpu", "proc/pressure/io", "proc/pressure/memory", "proc/pressure/irq"]),
    ("processes", &["proc/1/stat", "proc/sys/kernel/threads-max", "proc/sys/kernel/pid_max", "proc/1/task/2/stat"]),
    ("rapl", &["sys/class/powercap/intel-rapl:0/name", "sys/class/powercap/intel-rapl:0/energy_uj"]),
    ("schedstat", &["proc/schedstat"]),
    ("selinux", &["sys/fs/selinux/enforce", "root/etc/selinux/config"]),
    ("slabinfo", &["proc/slabinfo"]),
    ("sockstat", &["proc/net/sockstat", "proc/net/sockstat6"]),
    ("softirqs", &["proc/softirqs"]),
    ("softnet", &["proc/net/softnet_stat"]),
    ("stat", &["proc/stat"]),
    ("swap", &["proc/swaps"]),
    ("sysctl", &["proc/sys/fs/file-nr"]),
    ("tapestats", &["sys/class/scsi_tape/st0/stats/in_flight"]),
    ("thermal_zone", &["sys/class/thermal/thermal_zone0/type", "sys/class/thermal/thermal_zone0/temp", "sys/class/thermal/cooling_device0/cur_state", "sys/class/thermal/cooling_device0/type"]),
    ("topprocesses", &["proc/uptime"]),
    ("udp_queues", &["proc/net/udp", "proc/net/udp6"]),
    ("vmstat", &["proc/vmstat"]),
    ("watchdog", &["sys/class/watchdog/watchdog0/timeout", "sys/class/watchdog/watchdog0/identity"]),
    ("xfrm", &["proc/net/xfrm_stat"]),
    ("xfs", &["sys/fs/xfs/sda1/stats/stats"]),
    ("zfs", &["proc/spl/kstat/zfs/arcstats", "proc/spl/kstat/zfs/dmu_tx", "proc/spl/kstat/zfs/rpool/io", "proc/spl/kstat/zfs/rpool/objset-1", "proc/spl/kstat/zfs/rpool/state"]),
    ("zoneinfo", &["proc/zoneinfo"]),
    // A collector may read several kinds of file; this one reads the same kind from two places.
    ("topprocesses", &["proc/1/stat"]),
    ("filesystem", &["proc/1/mountinfo"]),
    ("ipvs", &["proc/net/ip_vs"]),
];

thread_local! {
    static TREES: RefCell<HashMap<usize, (PathBuf, NodeCollector)>> = RefCell::new(HashMap::new());
}

/// The bytes are files of a collector, behind one that says of which.
pub fn node_files(data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let at = usize::from(*which) % READERS.len();
    let (name, files) = READERS[at];
    TREES.with_borrow_mut(|trees| {
        let (dir, node) = trees.entry(at).or_insert_with(|| {
            let dir = std::env::temp_dir().join(format!("firesteel-fuzz-{}/{at}-{name}", std::process::id()));
            let node = collector(&dir, name);
            for file in files {
                fs::create_dir_all(dir.join(file).parent().expect("a file has a directory")).expect("a directory");
            }
            if name == "topprocesses" {
                fs::write(dir.join("proc/uptime"), "100.0 1.0\n").expect("a file");
            }
            (dir, node)
        });
        for file in files {
            fs::write(dir.join(file), content).expect("a file");
        }
        let mut families = Vec::new();
        node.collect(&mut families);
        let samples: usize = families.iter().map(|family| family.metrics.len()).sum();
        // What a collector shows may be a fixed set for every file or line that is there.
        assert!(samples <= 4096 + 64 * content.len(), "{name}: {samples} samples of {} bytes", content.len());
    });
}

fn collector(dir: &Path, name: &str) -> NodeCollector {
    let host = HostRoots::new(dir.join("proc"), dir.join("sys"), dir.join("root"), dir.join("udev"));
    let settings = Settings::default()
        .with("collector.textfile.directory", &dir.join("textfile").to_string_lossy())
        .with("collector.sysctl.include", "fs.file-nr")
        .with("collector.sysctl.include-info", "fs.file-nr")
        .with("collector.arp.netlink", "false")
        .with("collector.netdev.netlink", "false")
        .with("collector.netclass.netlink", "false")
        .with("collector.cpu.info", "true");
    NodeCollector::new(&NodeOptions { host, enabled: vec![name.to_owned()], settings }).expect("good settings")
}

/// The bytes are a page that is pushed, or lies in a text file. What is read is written, and reads as the same again.
pub fn text_families(data: &[u8]) {
    for scheme in [ValidationScheme::Legacy, ValidationScheme::Utf8] {
        let Ok(families) = text_to_families(data, scheme) else { continue };
        let samples: usize = families.iter().map(|family| family.metrics.len()).sum();
        assert!(samples <= data.len(), "more samples than bytes");
        let mut page = Vec::new();
        write_text(&families, &mut page);
    }
}
