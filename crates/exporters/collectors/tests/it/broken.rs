//! Files that are not what they should be: their collector fails and names the place, all others go on, nothing panics.

use std::fs;
use std::path::Path;

use firesteel_collectors::{COLLECTORS, NodeCollector, Settings};

use crate::on_tree::TREE;
use crate::tree::{node, page, unpack};

/// All of the default set, without the switches that need netlink or a mount.
fn collectors(dir: &Path) -> NodeCollector {
    let on: Vec<&str> = COLLECTORS.iter().filter(|def| def.default_enabled).map(|def| def.name).collect();
    node(dir, &on, Settings::default())
}

fn failed(dir: &Path) -> Vec<String> {
    page(dir, &collectors(dir)).1
}

#[test]
fn a_broken_file_fails_its_collector_alone() {
    let dir = unpack(TREE);
    let whole = failed(dir.path());
    let cases = [
        ("proc/net/netstat", "TcpExt: A\nIpExt: 1\n", "netstat"),
        ("proc/net/sockstat", "TCP: inuse many\n", "sockstat"),
        ("proc/net/softnet_stat", "00 01\n", "softnet"),
        ("proc/net/stat/nf_conntrack", "entries\n1 2 3\n", "conntrack"),
        ("proc/net/udp", "sl\n 0: x\n", "udp_queues"),
        ("proc/net/ip_vs", "TCP  0A00:0CEA wlc\n", "ipvs"),
        ("proc/net/rpc/nfs", "proc3 22 1 2\n", "nfs"),
        ("proc/net/rpc/nfsd", "rc one\n", "nfsd"),
        ("proc/schedstat", "cpu0 1 2\n", "schedstat"),
        ("proc/mdstat", "md0 : active raid1 sda[0]\n 12 blocks\n", "mdadm"),
        ("proc/diskstats", "8 0\n", "diskstats"),
        ("proc/loadavg", "\n", "loadavg"),
        ("proc/meminfo", "MemTotal: 1 MB\n", "meminfo"),
        ("proc/vmstat", "pgfault x\n", "vmstat"),
        ("proc/pressure/io", "full avg10=0\n", "pressure"),
        ("proc/spl/kstat/zfs/zil", "x\n", "zfs"),
        ("proc/sys/fs/file-nr", "1 2\n", "filefd"),
        ("proc/sys/kernel/random/poolsize", "big\n", "entropy"),
        ("proc/sys/kernel/hung_task_detect_count", "\n", "kernel_hung"),
        ("sys/fs/xfs/sda1/stats/stats", "rw 1\n", "xfs"),
        ("sys/fs/bcache/deaddd54-c735-46d5-868e-f331c5fd7c74/tree_depth", "deep\n", "bcache"),
        ("sys/fs/bcachefs/deadbeef-1234-5678-9012-abcdefabcdef/errors", "x y\n", "bcachefs"),
        ("sys/fs/btrfs/0abb23a9-579b-43e6-ad30-227ef47fcb9d/allocation/global_rsv_size", "?\n", "btrfs"),
        ("sys/devices/system/edac/mc/mc0/ce_count", "-\n", "edac"),
        ("sys/devices/system/cpu/offline", "0-x\n", "cpufreq"),
        ("sys/class/power_supply/BAT0/capacity", "full\n", "powersupplyclass"),
        ("sys/class/scsi_tape/st0/stats/io_ns", "n\n", "tapestats"),
        ("sys/class/watchdog/watchdog0/timeout", "soon\n", "watchdog"),
        ("sys/class/infiniband/mlx4_0/ports/1/state", "ACTIVE\n", "infiniband"),
        ("sys/class/fc_host/host1/statistics/rx_words", "0xzz\n", "fibrechannel"),
        ("sys/class/nvme/nvme0/nvme0n1/size", "1x\n", "nvme"),
        ("sys/class/powercap/intel-rapl:0/energy_uj", "-\n", "rapl"),
        ("sys/class/thermal/cooling_device0/max_state", "hot\n", "thermal_zone"),
        ("sys/block/dm-1/size", "\n", "dmmultipath"),
        ("root/etc/os-release", "iron\n", "os"),
    ];
    for (path, text, name) in cases {
        let path = dir.path().join(path);
        let before = fs::read(&path).unwrap();
        fs::write(&path, text).unwrap();
        let mut want = whole.clone();
        want.push(name.to_owned());
        want.sort_unstable();
        assert_eq!(failed(dir.path()), want, "{}", path.display());
        fs::write(&path, before).unwrap();
    }
    assert_eq!(failed(dir.path()), whole);
}

/// xorshift: the same bytes in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn spoil(text: &str, random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 14] =
        ["", "\n", ":", "-", " ", "[", "]", "/", "=", "0x", "18446744073709551616", "\u{e4}", "1e999", "\0"];
    let mut bytes = text.as_bytes().to_vec();
    match random.below(6) {
        0 => bytes.truncate(random.below(bytes.len())),
        1 => bytes = (0..random.below(200)).map(|_| random.below(256) as u8).collect(),
        2 => bytes.clear(),
        _ => {
            for _ in 0..=random.below(4) {
                let from = random.below(bytes.len());
                let to = (from + random.below(8)).min(bytes.len());
                let word = WORDS[random.below(WORDS.len())];
                bytes.splice(from..to, word.bytes());
            }
        }
    }
    bytes
}

#[test]
fn no_collector_panics_on_foreign_bytes() {
    let files: Vec<(&str, &str)> = TREE
        .split("@@ ")
        .filter_map(|entry| entry.split_once('\n'))
        .filter(|(head, _)| !head.is_empty() && !head.contains(" -> "))
        .collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let dir = unpack(TREE);
    for _ in 0..20 {
        for (path, text) in &files {
            let path = dir.path().join(path);
            if random.below(3) != 0 {
                // ext4 waits for the disk when a file is cut and written anew.
                fs::remove_file(&path).unwrap();
                fs::write(&path, spoil(text, &mut random)).unwrap();
            }
        }
        let (page, _) = page(dir.path(), &collectors(dir.path()));
        assert!(page.contains("node_time_seconds"));
    }
    assert!(COLLECTORS.len() > 45);
}
