//! `firesteel node_exporter` beside Debian's 1.5.0: on this machine and over a tree of files, with the same flags.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firesteel_testkit::{peer, unpack_tree};

const TREE: &str = include_str!("../../../../crates/exporters/collectors/testdata/on.tree");

struct Exporter(Child, String);

impl Exporter {
    fn start(program: &Path, args: &[&str]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(program)
            .args(args)
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child, address)
    }

    fn page(&self) -> Page {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match ureq::get(format!("http://{}/metrics", self.1)).call() {
                Ok(mut response) => return Page::read(&response.body_mut().read_to_string().unwrap()),
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    /// Value by labels, as they stand on the page: both write them by name.
    series: BTreeMap<String, f64>,
}

/// The families whose names begin with `node_`.
struct Page(BTreeMap<String, Family>);

impl Page {
    fn read(text: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
            } else if let Some((series, value)) = line.rsplit_once(' ') {
                let (name, labels) = series.split_at(series.find('{').unwrap_or(series.len()));
                let family = families.entry(name.to_owned()).or_default();
                family.series.insert(labels.to_owned(), value.parse().unwrap());
            }
        }
        families.retain(|name, _| name.starts_with("node_"));
        Self(families)
    }
}

/// Beginnings of names of what 1.5.0 does not have yet and 1.12.1 has.
const NEWER: &[&str] = &[
    "node_bcachefs_",
    "node_btrfs_commit",
    "node_btrfs_last_commit_seconds",
    "node_btrfs_max_commit_seconds",
    "node_cpu_online",
    "node_cpu_scaling_governor",
    "node_dmmultipath_",
    "node_edac_channel_",
    "node_filesystem_mount_info",
    "node_filesystem_purgeable_bytes",
    "node_hwmon_freq_",
    "node_infiniband_",
    "node_kernel_hung_",
    "node_md_degraded",
    "node_md_raid_disks",
    "node_netstat_TcpExt_TCP",
    "node_nvme_namespace_",
    "node_os_support_end_timestamp_seconds",
    "node_pressure_irq_",
    "node_softnet_",
    "node_watchdog_",
    "node_zfs_",
];
/// What 1.12.1 shows with other labels or values than 1.5.0: each is told in docs/compat.
const CHANGED: &[&str] = &[
    "node_disk_info",
    "node_exporter_build_info",
    "node_filesystem_",
    "node_hwmon_sensor_label",
    "node_network_info",
    "node_nfsd_requests_total",
    "node_nvme_info",
    "node_scrape_collector_",
    "node_zfs_zpool_",
];
/// Help that was reworded since.
const REWORDED: &[&str] = &["node_cpu_frequency_max_hertz", "node_cpu_frequency_min_hertz", "node_exporter_build_info"];
/// What Debian's build has on by default where there is a bus, and the reference has not.
const ABSENT: &[&str] = &["node_systemd_"];

fn begins(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

/// Compares names, types and help; returns how many families both have.
fn compare_families(ours: &Page, theirs: &Page) -> usize {
    let added: Vec<&String> =
        ours.0.keys().filter(|name| !theirs.0.contains_key(*name) && !begins(name, NEWER)).collect();
    let missing: Vec<&String> =
        theirs.0.keys().filter(|name| !ours.0.contains_key(*name) && !begins(name, ABSENT)).collect();
    assert!(added.is_empty() && missing.is_empty(), "added: {added:?}, missing: {missing:?}");
    let mut both = 0;
    for (name, our) in &ours.0 {
        let Some(their) = theirs.0.get(name) else { continue };
        assert_eq!(our.kind, their.kind, "{name}");
        assert!(our.help == their.help || REWORDED.contains(&name.as_str()), "{name}: {} {}", our.help, their.help);
        both += 1;
    }
    both
}

/// Names of labels of all series.
fn label_names(family: &Family) -> BTreeSet<String> {
    let names = |labels: &String| {
        let inside = labels.trim_start_matches('{').split("\",");
        inside.filter_map(|pair| pair.split_once("=\"").map(|(name, _)| name)).collect::<Vec<_>>().join(",")
    };
    family.series.keys().map(names).collect()
}

#[test]
fn a_tree_of_files_gives_the_references_values() {
    let Some(reference) = peer("prometheus-node-exporter") else { return };
    let dir = tempfile::tempdir().unwrap();
    unpack_tree(TREE, dir.path()).unwrap();
    let root = dir.path().to_str().unwrap();
    let paths = [("procfs", "proc"), ("sysfs", "sys"), ("rootfs", "root"), ("udev.data", "udev")];
    let mut args: Vec<String> = paths.iter().map(|(flag, below)| format!("--path.{flag}={root}/{below}")).collect();
    // What asks the kernel and not files; Debian's has a directory of text files of its own.
    let off = ["filesystem", "textfile", "time", "timex", "uname"].map(|name| format!("--no-collector.{name}"));
    args.extend(off);
    // Debian's has no such switch of arp: it reads the file.
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let our_args: Vec<&str> =
        ["node_exporter", "--no-collector.arp.netlink"].into_iter().chain(args.iter().copied()).collect();
    let device = "--collector.netdev.device-exclude=^lo$";
    let ours =
        Exporter::start(crate::firesteel(), &[&our_args[..], &["--no-collector.netdev.netlink", device]].concat());
    let theirs = Exporter::start(&reference, &[&args[..], &["--no-collector.netdev.netlink", device]].concat());
    let (ours, theirs) = (ours.page(), theirs.page());
    assert!(compare_families(&ours, &theirs) > 350);
    let mut compared = 0;
    for (name, our) in ours.0.iter().filter(|(name, _)| !begins(name, CHANGED)) {
        let Some(their) = theirs.0.get(name) else { continue };
        assert_eq!(our.series, their.series, "{name}");
        compared += our.series.len();
    }
    assert!(compared > 550, "only {compared} series were compared");
}

/// The kernel takes these back at times.
fn may_step_back(name: &str, labels: &str) -> bool {
    name == "node_cpu_seconds_total" && (labels.contains("iowait") || labels.contains("idle"))
}

#[test]
fn this_machine_gives_the_references_values() {
    let Some(reference) = peer("prometheus-node-exporter") else { return };
    let flags = ["--collector.interrupts", "--collector.processes"];
    let ours = Exporter::start(crate::firesteel(), &[&["node_exporter"][..], &flags].concat());
    let theirs = Exporter::start(&reference, &flags);
    let (_, _) = (ours.page(), theirs.page());
    let (before, ours, after) = (theirs.page(), ours.page(), theirs.page());
    assert!(compare_families(&ours, &after) > 200);
    let (mut steady, mut growing) = (0, 0);
    for (name, our) in ours.0.iter().filter(|(name, _)| !begins(name, &["node_scrape_"])) {
        let (Some(first), Some(last)) = (before.0.get(name), after.0.get(name)) else { continue };
        if !begins(name, CHANGED) {
            assert_eq!(label_names(our), label_names(last), "{name}");
        }
        for (labels, value) in &our.series {
            let (Some(first), Some(last)) = (first.series.get(labels), last.series.get(labels)) else { continue };
            let counts = our.kind == "counter" || name.starts_with("node_vmstat_");
            if counts && !may_step_back(name, labels) {
                assert!(first <= value && value <= last, "{name}{labels}: {value} is not between {first} and {last}");
                growing += 1;
            } else if STEADY.contains(&name.as_str()) {
                assert_eq!((first, last), (value, value), "{name}{labels}");
                steady += 1;
            }
        }
    }
    assert!(steady > 15 && growing > 60, "only {steady} steady and {growing} growing series were compared");
}

/// What a machine does not change while a test runs.
const STEADY: &[&str] = &[
    "node_boot_time_seconds",
    "node_cooling_device_max_state",
    "node_dmi_info",
    "node_entropy_pool_size_bits",
    "node_filefd_maximum",
    "node_filesystem_size_bytes",
    "node_memory_MemTotal_bytes",
    "node_memory_SwapTotal_bytes",
    "node_network_address_assign_type",
    "node_network_iface_id",
    "node_network_mtu_bytes",
    "node_network_protocol_type",
    "node_network_transmit_queue_length",
    "node_os_info",
    "node_os_version",
    "node_selinux_enabled",
    "node_time_clocksource_available_info",
    "node_time_zone_offset_seconds",
    "node_timex_tick_seconds",
    "node_uname_info",
];
