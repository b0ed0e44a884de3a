//! Known files in, known samples out; broken files name their place and spoil nothing else.

use std::fs;
use std::path::Path;

use firesteel_client::Collect;
use firesteel_collectors::{HostRoots, NodeCollector, NodeOptions, Settings};
use firesteel_model::{MetricFamily, MetricType, MetricValue};

const FILES: &[(&str, &str)] = &[
    (
        "proc/stat",
        "cpu  300 0 0 0\ncpu0 100 20 30 4000 50 6 7 8 9 10\ncpu1 200 0 0 8000 0 0 0 0 0 0\nintr 12345 1 2\nctxt 678\nbtime 1700000000\nprocesses 91\nprocs_running 2\nprocs_blocked 1\nsoftirq 100 1 2 3 4 5 6 7 8 9 10\n",
    ),
    ("proc/meminfo", "MemTotal:       16384 kB\nActive(anon):    12 kB\nHugePages_Total:       3\n"),
    ("proc/loadavg", "0.21 0.37 0.39 1/719 19737\n"),
    ("proc/vmstat", "oom_kill 4\npgpgin 55\npgfault 66\nnr_free_pages 77\n"),
    (
        "proc/diskstats",
        " 254       0 vda 10 20 30 40 50 60 70 80 90 100 110 120 130 140 150 160 170\n 254       1 vda1 1 1 1 1 1 1 1 1 1 1 1\n",
    ),
    ("proc/net/dev", "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"),
    ("proc/net/netstat", "TcpExt: ListenDrops Other\nTcpExt: 21 22\nIpExt: InOctets OutOctets\nIpExt: 23 24\n"),
    ("proc/net/snmp", "Tcp: ActiveOpens InErrs\nTcp: 31 32\n"),
    ("proc/net/snmp6", "Ip6InOctets                     \t41\nUdp6NoPorts                     \t42\n"),
    ("proc/net/sockstat", "sockets: used 229\nTCP: inuse 4 orphan 0 tw 4 alloc 17 mem 2\n"),
    ("proc/sys/fs/file-nr", "1024\t0\t9223372036854775807\n"),
    ("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n"),
    (
        "proc/pressure/io",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2\n",
    ),
    (
        "proc/1/mountinfo",
        "22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n23 22 0:5 / /proc rw - proc proc rw\n24 22 0:6 / /nowhere-at-all rw - nfs server:/x ro\n",
    ),
    ("sys/block/vda/queue/rotational", "1\n"),
];

fn fake_host(change: &[(&str, &str)]) -> (tempfile::TempDir, Vec<MetricFamily>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in FILES.iter().chain(change) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let host = roots(dir.path());
    let settings = Settings::default().with("collector.stat.softirq", "true").with("collector.netdev.netlink", "false");
    let node = NodeCollector::new(&NodeOptions { host, settings, ..NodeOptions::default() }).unwrap();
    let mut families = Vec::new();
    node.collect(&mut families);
    (dir, families)
}

fn roots(dir: &Path) -> HostRoots {
    HostRoots::new(dir.join("proc"), dir.join("sys"), "/", dir.join("udev"))
}

fn value(families: &[MetricFamily], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let family = families.iter().find(|f| f.name == name)?;
    let metric = family.metrics.iter().find(|m| labels.iter().all(|(n, v)| m.labels.value(n) == *v))?;
    match metric.value {
        MetricValue::Counter { value, .. } | MetricValue::Gauge(value) | MetricValue::Untyped(value) => Some(value),
        _ => None,
    }
}

/// Metric, some of its labels, value.
type Case = (&'static str, &'static [(&'static str, &'static str)], f64);

#[test]
fn known_files_give_known_samples() {
    let (_dir, families) = fake_host(&[]);
    let cases: &[Case] = &[
        ("node_cpu_seconds_total", &[("cpu", "0"), ("mode", "idle")], 40.0),
        ("node_cpu_seconds_total", &[("cpu", "1"), ("mode", "user")], 2.0),
        ("node_cpu_guest_seconds_total", &[("cpu", "0"), ("mode", "nice")], 0.1),
        ("node_memory_MemTotal_bytes", &[], 16_777_216.0),
        ("node_memory_Active_anon_bytes", &[], 12_288.0),
        ("node_memory_HugePages_Total", &[], 3.0),
        ("node_load15", &[], 0.39),
        ("node_intr_total", &[], 12_345.0),
        ("node_boot_time_seconds", &[], 1_700_000_000.0),
        ("node_softirqs_total", &[("vector", "net_rx")], 4.0),
        ("node_vmstat_oom_kill", &[], 4.0),
        ("node_vmstat_pgfault", &[], 66.0),
        ("node_disk_read_bytes_total", &[("device", "vda")], 15_360.0),
        ("node_disk_io_now", &[("device", "vda")], 90.0),
        ("node_disk_flush_requests_time_seconds_total", &[("device", "vda")], 0.17),
        ("node_disk_info", &[("device", "vda"), ("rotational", "1"), ("major", "254")], 1.0),
        ("node_network_transmit_carrier_total", &[("device", "eth0")], 15.0),
        ("node_netstat_TcpExt_ListenDrops", &[], 21.0),
        ("node_netstat_IpExt_OutOctets", &[], 24.0),
        ("node_netstat_Tcp_InErrs", &[], 32.0),
        ("node_netstat_Ip6_InOctets", &[], 41.0),
        ("node_netstat_Udp6_NoPorts", &[], 42.0),
        ("node_sockstat_sockets_used", &[], 229.0),
        ("node_sockstat_TCP_alloc", &[], 17.0),
        ("node_sockstat_TCP_mem_bytes", &[], 8_192.0),
        ("node_filefd_allocated", &[], 1_024.0),
        ("node_pressure_cpu_waiting_seconds_total", &[], 2.5),
        ("node_pressure_io_stalled_seconds_total", &[], 0.000_002),
        ("node_filesystem_readonly", &[("mountpoint", "/"), ("fstype", "ext4")], 0.0),
        ("node_filesystem_device_error", &[("mountpoint", "/nowhere-at-all")], 1.0),
    ];
    for (name, labels, want) in cases {
        let got = value(&families, name, labels);
        assert!(got.is_some_and(|v| (v - want).abs() <= want.abs() * 1e-12), "{name}{labels:?}: {got:?}, not {want}");
    }
    assert!(value(&families, "node_filesystem_size_bytes", &[("mountpoint", "/")]).is_some_and(|v| v > 0.0));
    // Left out by the default filters.
    assert_eq!(value(&families, "node_disk_io_now", &[("device", "vda1")]), None);
    assert_eq!(value(&families, "node_filesystem_readonly", &[("mountpoint", "/proc")]), None);
    assert_eq!(value(&families, "node_vmstat_nr_free_pages", &[]), None);
    assert_eq!(value(&families, "node_netstat_TcpExt_Other", &[]), None);
}

#[test]
fn types_are_the_references() {
    let (_dir, families) = fake_host(&[]);
    let metric_type = |name: &str| families.iter().find(|f| f.name == name).map(|f| f.metric_type);
    assert_eq!(metric_type("node_cpu_seconds_total"), Some(MetricType::Counter));
    assert_eq!(metric_type("node_disk_io_now"), Some(MetricType::Gauge));
    assert_eq!(metric_type("node_vmstat_pgpgin"), Some(MetricType::Unknown));
    assert_eq!(metric_type("node_netstat_Tcp_InErrs"), Some(MetricType::Unknown));
}

#[test]
fn a_broken_file_fails_its_collector_alone() {
    let (_dir, families) = fake_host(&[("proc/loadavg", "high\n"), ("proc/meminfo", "MemTotal: many kB\n")]);
    let success = |name: &str| value(&families, "node_scrape_collector_success", &[("collector", name)]);
    assert_eq!(success("loadavg"), Some(0.0));
    assert_eq!(success("meminfo"), Some(0.0));
    assert_eq!(success("cpu"), Some(1.0));
    assert!(value(&families, "node_cpu_seconds_total", &[]).is_some());
}
