//! Beside Debian's prometheus-node-exporter, over the same files, the same bus and the same kernel.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firesteel_collectors::{HostRoots, NodeCollector, NodeOptions, Settings, systemd_answers};
use firesteel_testkit::{exchange, peer, serve_message_bus};

use crate::tree::{node, page, unpack};

/// How long a program may take to listen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Reference(Child);

impl Drop for Reference {
    fn drop(&mut self) {
        // A failure means that it has ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Returns the page of the reference that runs in `dir` with these flags, only the lines of `node_` and of text files, its
/// own among them left out.
pub(crate) fn reference(dir: &Path, collectors: &[&str], flags: &[String]) -> Option<String> {
    let program = peer("prometheus-node-exporter")?;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = Command::new(program);
    command.current_dir(dir).arg("--collector.disable-defaults").arg("--web.disable-exporter-metrics");
    command.args(collectors.iter().map(|name| format!("--collector.{name}"))).args(flags);
    command.arg(format!("--web.listen-address={address}")).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", dir.join("bus").display()));
    let _running = Reference(command.spawn().unwrap());
    let deadline = Instant::now() + PATIENCE;
    let body = loop {
        match exchange(&address, "GET", "/metrics", &[], None) {
            Ok(answer) if answer.status == 200 => break String::from_utf8(answer.body).unwrap(),
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let is_its_own = |line: &str| {
        ["node_scrape_collector_", "node_exporter_build_info", "promhttp_"].iter().any(|name| line.contains(name))
    };
    Some(body.lines().filter(|line| !is_its_own(line)).map(|line| format!("{line}\n")).collect())
}

/// Returns the lines of `got` that are not in `want`.
pub(crate) fn surplus<'a>(got: &'a str, want: &str) -> Vec<&'a str> {
    let mut known: Vec<&str> = want.lines().collect();
    known.sort_unstable();
    got.lines().filter(|line| known.binary_search(line).is_err()).collect()
}

/// Those of 1.5 whose metrics are 1.12's; what differs is that 1.12 tells transports and mount points of NFS apart, and
/// passes over cards of other makers.
const SAME_IN_BOTH: &[&str] = &[
    "buddyinfo",
    "cgroups",
    "drbd",
    "interrupts",
    "ksmd",
    "lnstat",
    "meminfo_numa",
    "processes",
    "slabinfo",
    "sysctl",
    "textfile",
    "zoneinfo",
];

#[test]
fn pages_over_the_same_tree_are_equal() {
    let dir = unpack(include_str!("../../testdata/off.tree"));
    let sysctl = ["fs.file-nr:allocated,free,limit", "vm.user_reserve_kbytes", "kernel.threads-max"];
    let mut settings =
        Settings::default().with("collector.textfile.directory", &dir.path().join("textfile/*").to_string_lossy());
    let mut flags = vec![
        "--path.procfs=proc".to_owned(),
        "--path.sysfs=sys".to_owned(),
        "--collector.textfile.directory=textfile/*".to_owned(),
    ];
    for name in sysctl {
        settings = settings.with("collector.sysctl.include", name);
        flags.push(format!("--collector.sysctl.include={name}"));
    }
    let Some(theirs) = reference(dir.path(), SAME_IN_BOTH, &flags) else { return };
    let (ours, failed) = page(dir.path(), &node(dir.path(), SAME_IN_BOTH, settings));
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!((surplus(&ours, &theirs), surplus(&theirs, &ours)), (vec![], vec![]));
    assert!(ours.lines().count() > 300, "{ours}");
    assert_eq!(ours, theirs, "the order of lines");
}

fn over_this_machine(dir: &Path, collectors: &[&str], settings: Settings) -> (String, Vec<String>) {
    let mut host = HostRoots::default();
    host.system_bus = format!("unix:path={}", dir.join("bus").display());
    let enabled = collectors.iter().map(|name| (*name).to_owned()).collect();
    page(dir, &NodeCollector::new(&NodeOptions { host, enabled, settings }).unwrap())
}

#[test]
fn units_and_sessions_of_the_same_bus_are_equal() {
    let dir = tempfile::tempdir().unwrap();
    serve_message_bus(&dir.path().join("bus"));
    let switches = ["enable-task-metrics", "enable-restarts-metrics", "enable-start-time-metrics"];
    let settings = switches
        .iter()
        .fold(Settings::default(), |settings, name| settings.with(&format!("collector.systemd.{name}"), "true"))
        .with("collector.systemd.unit-exclude", ".+\\.slice");
    let (ours, failed) = over_this_machine(dir.path(), &["systemd", "logind"], settings);
    assert!(failed.is_empty(), "{failed:?}");
    let expected = [
        "node_systemd_unit_state{name=\"web.service\",state=\"active\",type=\"notify\"} 1",
        "node_systemd_unit_state{name=\"home.mount\",state=\"active\",type=\"ext4\"} 1",
        "node_systemd_service_restart_total{name=\"web.service\"} 3",
        "node_systemd_socket_refused_connections_total{name=\"web.socket\"} 1",
        "node_systemd_unit_tasks_current{name=\"web.service\"} 17",
        "node_systemd_unit_start_time_seconds{name=\"web.service\"} 1.70000000025e+09",
        "node_systemd_timer_last_trigger_seconds{name=\"daily.timer\"} 1.699999999e+09",
        "node_systemd_units{state=\"reloading\"} 1",
        "node_systemd_version{version=\"252.39-1~deb12u1\"} 252.39",
        "node_systemd_virtualization_info{virtualization_type=\"kvm\"} 1",
        "node_systemd_system_running 1",
        "node_logind_sessions{class=\"user\",remote=\"false\",seat=\"seat0\",type=\"tty\"} 1",
        "node_logind_sessions{class=\"other\",remote=\"true\",seat=\"\",type=\"other\"} 1",
    ];
    for line in expected {
        assert!(ours.lines().any(|other| other == line), "{line}\n{ours}");
    }
    assert!(!ours.contains("gone.service") && !ours.contains("user.slice"), "{ours}");
    let mut flags: Vec<String> = switches.iter().map(|name| format!("--collector.systemd.{name}")).collect();
    flags.push("--collector.systemd.unit-exclude=.+\\.slice".to_owned());
    let Some(theirs) = reference(dir.path(), &["systemd", "logind"], &flags) else { return };
    // 1.5 does not know of virtualization.
    let ours: String = ours.lines().filter(|l| !l.contains("virtualization")).map(|l| format!("{l}\n")).collect();
    let theirs: String = theirs.lines().filter(|l| !l.contains("virtualization")).map(|l| format!("{l}\n")).collect();
    assert_eq!((surplus(&ours, &theirs), surplus(&theirs, &ours)), (vec![], vec![]));
}

#[test]
fn of_the_failed_units_alone_the_states_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    serve_message_bus(&dir.path().join("bus"));
    let settings = Settings::default().with("collector.systemd.failed-only", "true");
    let (ours, failed) = over_this_machine(dir.path(), &["systemd"], settings);
    assert!(failed.is_empty(), "{failed:?}");
    let states: Vec<&str> = ours.lines().filter(|line| line.starts_with("node_systemd_unit_state{")).collect();
    assert_eq!(states.len(), 5, "{ours}");
    assert!(states.iter().all(|line| line.contains("broken.service")), "{ours}");
    assert!(states.contains(&"node_systemd_unit_state{name=\"broken.service\",state=\"failed\",type=\"simple\"} 1"));
    assert!(ours.contains("node_systemd_units{state=\"failed\"} 1\n"), "all are counted: {ours}");
}

#[test]
fn systemd_answers_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = HostRoots::default();
    host.system_bus = format!("unix:path={}", dir.path().join("bus").display());
    assert!(!systemd_answers(&host));
    serve_message_bus(&dir.path().join("bus"));
    assert!(systemd_answers(&host));
}

#[test]
fn without_a_bus_only_its_collectors_fail() {
    let dir = tempfile::tempdir().unwrap();
    let (_, failed) = over_this_machine(dir.path(), &["systemd", "logind", "loadavg"], Settings::default());
    assert_eq!(failed, ["logind", "systemd"]);
    // One that hangs up in the greeting, and one that talks nonsense.
    for nonsense in [&b""[..], b"OK x\r\nlllllllllllllllllllllllllllllllllllll"] {
        let path = dir.path().join("bus");
        let _before = fs::remove_file(&path);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                // Who asks may have left.
                let _left = std::io::Write::write_all(&mut stream, nonsense);
            }
        });
        let (_, failed) = over_this_machine(dir.path(), &["systemd", "logind"], Settings::default());
        assert_eq!(failed, ["logind", "systemd"]);
        server.join().unwrap();
    }
}

/// A line without its value.
fn series(page: &str) -> Vec<&str> {
    let mut series: Vec<&str> =
        page.lines().map(|line| if line.starts_with('#') { line } else { line.rsplit_once(' ').unwrap().0 }).collect();
    series.sort_unstable();
    series
}

#[test]
fn routes_queues_and_drivers_of_this_kernel_are_equal() {
    let dir = tempfile::tempdir().unwrap();
    let collectors = ["ethtool", "network_route", "qdisc"];
    let (ours, failed) = over_this_machine(dir.path(), &collectors, Settings::default());
    assert!(failed.is_empty(), "{failed:?}");
    let Some(theirs) = reference(dir.path(), &collectors, &[]) else { return };
    assert_eq!(series(&ours), series(&theirs));
}

#[test]
fn connections_of_this_kernel_are_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (ours, failed) = over_this_machine(dir.path(), &["tcpstat"], Settings::default());
    assert!(failed.is_empty(), "{failed:?}");
    let count = |state: &str| {
        let start = format!("node_tcp_connection_states{{state=\"{state}\"}} ");
        ours.lines().find_map(|line| line.strip_prefix(&start)).map_or(0.0, |value| value.parse::<f64>().unwrap())
    };
    assert!(count("listen") >= 1.0 && count("established") >= 2.0, "{ours}");
    assert!(ours.contains("state=\"rx_queued_bytes\"") && ours.contains("state=\"tx_queued_bytes\""), "{ours}");
    drop(near);
}
