//! Collectors that are off by default, and textfile, over a tree of ours: the page is what node_exporter 1.12.1 shows over
//! the same tree, and a broken file fails its own collector alone.

use std::fs;

use firesteel_collectors::Settings;

use crate::tree::{assert_page, node, page, unpack};

const TREE: &str = include_str!("../../testdata/off.tree");
const GOLDEN: &str = include_str!("../../testdata/off.golden");

const COLLECTORS: &[&str] = &[
    "buddyinfo",
    "cgroups",
    "cpu_vulnerabilities",
    "drbd",
    "drm",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "mountstats",
    "nvmesubsystem",
    "pcidevice",
    "processes",
    "slabinfo",
    "softirqs",
    "swap",
    "sysctl",
    "textfile",
    "xfrm",
    "zoneinfo",
];

fn settings(dir: &std::path::Path) -> Settings {
    [
        ("collector.sysctl.include", "fs.file-nr:allocated,free,limit"),
        ("collector.sysctl.include", "vm.user_reserve_kbytes"),
        ("collector.sysctl.include", "kernel.threads-max"),
        ("collector.sysctl.include", "kernel.pid_max"),
        ("collector.sysctl.include", "fs.file-nr"),
        ("collector.sysctl.include-info", "kernel.seccomp.actions_avail"),
        ("collector.sysctl.include-info", "net.ipv4.conf.all.rp_filter"),
    ]
    .into_iter()
    .fold(Settings::default(), |settings, (name, value)| settings.with(name, value))
    .with("collector.textfile.directory", &dir.join("textfile/*").to_string_lossy())
}

#[test]
fn the_page_is_the_references() {
    let dir = unpack(TREE);
    let (got, failed) = page(dir.path(), &node(dir.path(), COLLECTORS, settings(dir.path())));
    assert!(failed.is_empty(), "{failed:?}");
    assert_page(&got, GOLDEN);
}

#[test]
fn a_broken_file_fails_its_collector_alone() {
    let cases = [
        ("proc/buddyinfo", "buddyinfo", "Node 0, zone DMA x\n"),
        ("proc/buddyinfo", "buddyinfo", "Node 0, zone DMA 1 2\nNode 0, zone DMA32 1\n"),
        ("proc/cgroups", "cgroups", "cpu 1\n"),
        ("proc/drbd", "drbd", "0: ns:many\n"),
        ("proc/interrupts", "interrupts", ""),
        ("proc/interrupts", "interrupts", "CPU0\n 0: x IO-APIC timer\n"),
        ("proc/net/stat/arp_cache", "lnstat", "a\n1 2\n"),
        ("proc/net/xfrm_stat", "xfrm", "XfrmInError\n"),
        ("proc/7/mountstats", "mountstats", "device a mounted at b\n"),
        ("proc/42/stat", "processes", "42 (short) R 1\n"),
        ("proc/sys/kernel/threads-max", "processes", "lots\n"),
        ("proc/sys/fs/file-nr", "sysctl", "1 2\n"),
        ("proc/slabinfo", "slabinfo", "slab 1 2 3\n"),
        ("proc/softirqs", "softirqs", "CPU0\nHI: -\n"),
        ("proc/swaps", "swap", "Filename\n/dev/sda1 partition 1\n"),
        ("sys/devices/system/node/node0/meminfo", "meminfo_numa", "Node 0 MemTotal: 1 MB\n"),
        ("sys/kernel/mm/ksm/run", "ksmd", "on\n"),
        ("sys/devices/pci0000:00/0000:09:00.0/gpu_busy_percent", "drm", "half\n"),
    ];
    let dir = unpack(TREE);
    for (path, collector, content) in cases {
        let path = dir.path().join(path);
        let before = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        let (got, failed) = page(dir.path(), &node(dir.path(), COLLECTORS, settings(dir.path())));
        // The settings that processes reads are among those of sysctl.
        let failed: Vec<&str> =
            failed.iter().map(String::as_str).filter(|f| *f == collector || *f != "sysctl").collect();
        assert_eq!(failed, [collector], "{content:?}");
        assert!(got.contains("node_textfile_mtime_seconds{"), "{collector}");
        fs::write(&path, before).unwrap();
    }
}

#[test]
fn filters_choose_what_is_shown() {
    let dir = unpack(TREE);
    let cases = [
        ("collector.interrupts.name-include", "^NMI;", "interrupts", "type=\"NMI\"", "type=\"LOC\""),
        ("collector.interrupts.name-exclude", "nvme0q1$", "interrupts", "type=\"LOC\"", "type=\"24\""),
        (
            "collector.interrupts.include-zeros",
            "false",
            "interrupts",
            "{cpu=\"1\",devices=\"8-edge rtc0\"",
            "{cpu=\"1\",devices=\"2-edge timer\"",
        ),
        ("collector.slabinfo.slabs-include", "^tcp", "slabinfo", "tcpv6", "dmaengine"),
        ("collector.slabinfo.slabs-exclude", "^tcp", "slabinfo", "dmaengine", "tcpv6"),
    ];
    for (name, value, collector, shown, hidden) in cases {
        let (got, _) = page(dir.path(), &node(dir.path(), &[collector], Settings::default().with(name, value)));
        assert!(got.contains(shown) && !got.contains(hidden), "{name}={value}: {got}");
    }
}
