//! Services that others look after, and the time: runit's files, a supervisord and a time server of our own, beside Debian's
//! prometheus-node-exporter.

use std::fs;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use firesteel_collectors::Settings;
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};

use crate::reference::{reference, surplus};
use crate::tree::{node, page};

/// Compares the collector's page with what is expected, and with the reference's.
fn check(dir: &Path, collector: &str, flags: &[(&str, String)], expected: &[&str]) {
    let settings = flags.iter().fold(Settings::default(), |settings, (name, value)| settings.with(name, value));
    let (ours, failed) = page(dir, &node(dir, &[collector], settings));
    assert!(failed.is_empty(), "{failed:?}");
    let lines: Vec<&str> = ours.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, expected);
    let flags: Vec<String> = flags.iter().map(|(name, value)| format!("--{name}={value}")).collect();
    let Some(theirs) = reference(dir, &[collector], &flags) else { return };
    assert_eq!((surplus(&ours, &theirs), surplus(&theirs, &ours)), (vec![], vec![]));
}

fn status(changed_secs: i64, wanted: u8, state: u8) -> Vec<u8> {
    let label = changed_secs + 4_611_686_018_427_387_914;
    [&label.to_be_bytes()[..], &[0, 0, 0, 0, 57, 48, 0, 0, 0, wanted, 0, state]].concat()
}

#[test]
fn services_of_runit() {
    let dir = tempfile::tempdir().unwrap();
    let services = dir.path().join("service");
    for (name, status) in [
        ("web", status(1_700_000_000, b'u', 1)),
        ("db", status(1_600_000_000, b'd', 0)),
        ("ends", status(1_650_000_000, b'd', 2)),
        ("short", status(1, b'u', 1)[..10].to_vec()),
        ("empty", Vec::new()),
    ] {
        fs::create_dir_all(services.join(name).join("supervise")).unwrap();
        fs::write(services.join(name).join("supervise/status"), status).unwrap();
    }
    fs::write(services.join("db/supervise/down"), "").unwrap();
    fs::create_dir(services.join("not-run")).unwrap();
    fs::write(services.join("a-file"), "").unwrap();
    symlink(services.join("web"), services.join("linked")).unwrap();
    symlink("/nowhere/at/all", services.join("dangling")).unwrap();
    let flags = [("collector.runit.servicedir", services.display().to_string())];
    let expected = [
        "node_service_desired_state{service=\"db\",supervisor=\"runit\"} 0",
        "node_service_desired_state{service=\"ends\",supervisor=\"runit\"} 0",
        "node_service_desired_state{service=\"linked\",supervisor=\"runit\"} 1",
        "node_service_desired_state{service=\"short\",supervisor=\"runit\"} 0",
        "node_service_desired_state{service=\"web\",supervisor=\"runit\"} 1",
        "node_service_normal_state{service=\"db\",supervisor=\"runit\"} 0",
        "node_service_normal_state{service=\"ends\",supervisor=\"runit\"} 1",
        "node_service_normal_state{service=\"linked\",supervisor=\"runit\"} 1",
        "node_service_normal_state{service=\"short\",supervisor=\"runit\"} 1",
        "node_service_normal_state{service=\"web\",supervisor=\"runit\"} 1",
        "node_service_state{service=\"db\",supervisor=\"runit\"} 0",
        "node_service_state{service=\"ends\",supervisor=\"runit\"} 2",
        "node_service_state{service=\"linked\",supervisor=\"runit\"} 1",
        "node_service_state{service=\"short\",supervisor=\"runit\"} 0",
        "node_service_state{service=\"web\",supervisor=\"runit\"} 1",
        "node_service_state_last_change_timestamp_seconds{service=\"db\",supervisor=\"runit\"} 1.6e+09",
        "node_service_state_last_change_timestamp_seconds{service=\"ends\",supervisor=\"runit\"} 1.65e+09",
        "node_service_state_last_change_timestamp_seconds{service=\"linked\",supervisor=\"runit\"} 1.7e+09",
        "node_service_state_last_change_timestamp_seconds{service=\"short\",supervisor=\"runit\"} 1",
        "node_service_state_last_change_timestamp_seconds{service=\"web\",supervisor=\"runit\"} 1.7e+09",
    ];
    check(dir.path(), "runit", &flags, &expected);
    let gone = Settings::default().with("collector.runit.servicedir", "/nowhere/at/all");
    assert_eq!(page(dir.path(), &node(dir.path(), &["runit"], gone)).1, ["runit"]);
}

/// Name, group, start, state, exit status.
const PROCESSES: &[(&str, &str, i64, i64, i64)] = &[
    ("web", "shop &amp; co", 1_700_000_000, 20, 0),
    ("job", "job", 1_600_000_000, 100, 3),
    ("slow", "shop", 1_700_000_100, 10, 0),
    ("bad", "shop", 0, 200, -1),
];

const EXPECTED: &[&str] = &[
    "node_supervisord_exit_status{group=\"job\",name=\"job\"} 3",
    "node_supervisord_exit_status{group=\"shop\",name=\"bad\"} -1",
    "node_supervisord_exit_status{group=\"shop\",name=\"slow\"} 0",
    "node_supervisord_exit_status{group=\"shop & co\",name=\"web\"} 0",
    "node_supervisord_start_time_seconds{group=\"shop\",name=\"slow\"} 1.7000001e+09",
    "node_supervisord_start_time_seconds{group=\"shop & co\",name=\"web\"} 1.7e+09",
    "node_supervisord_state{group=\"job\",name=\"job\"} 100",
    "node_supervisord_state{group=\"shop\",name=\"bad\"} 200",
    "node_supervisord_state{group=\"shop\",name=\"slow\"} 10",
    "node_supervisord_state{group=\"shop & co\",name=\"web\"} 20",
    "node_supervisord_up{group=\"job\",name=\"job\"} 0",
    "node_supervisord_up{group=\"shop\",name=\"bad\"} 0",
    "node_supervisord_up{group=\"shop\",name=\"slow\"} 1",
    "node_supervisord_up{group=\"shop & co\",name=\"web\"} 1",
];

/// What a supervisord answers, in the manner of Python's xmlrpc.
fn answer() -> String {
    let member = |name: &str, kind: &str, value: &str| {
        format!("<member>\n<name>{name}</name>\n<value><{kind}>{value}</{kind}></value>\n</member>\n")
    };
    let structure = |(name, group, start, state, exit): &(&str, &str, i64, i64, i64)| {
        let members = [
            member("name", "string", name),
            member("group", "string", group),
            member("start", "int", &start.to_string()),
            member("stop", "int", "0"),
            member("state", "int", &state.to_string()),
            member("statename", "string", "ANY"),
            member("spawnerr", "string", ""),
            member("exitstatus", "int", &exit.to_string()),
            member("pid", "int", "17"),
        ];
        format!("<value><struct>\n{}</struct></value>\n", members.concat())
    };
    let all: String = PROCESSES.iter().map(structure).collect();
    format!(
        "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><array><data>\n{all}</data></array></value>\n\
         </param>\n</params>\n</methodResponse>\n"
    )
}

#[test]
fn processes_of_supervisord_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let supervisord = FakeTarget::start(|request: &TargetRequest, out| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if request.path != "/RPC2" || !body.contains("<methodName>supervisor.getAllProcessInfo</methodName>") {
            return write_answer(out, "404 Not Found", &[], b"");
        }
        write_answer(out, "200 OK", &[("Content-Type", "text/xml")], answer().as_bytes())
    });
    let address = supervisord.as_ref().unwrap().address();
    let flags = [("collector.supervisord.url", format!("http://{address}/RPC2"))];
    check(dir.path(), "supervisord", &flags, EXPECTED);
    for url in [format!("http://{address}/else"), "unix:///nowhere/at/all".to_owned()] {
        let settings = Settings::default().with("collector.supervisord.url", &url);
        assert_eq!(page(dir.path(), &node(dir.path(), &["supervisord"], settings)).1, ["supervisord"], "{url}");
    }
}

#[test]
fn processes_of_supervisord_over_a_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("supervisor.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut part = [0; 4096];
            while !request.ends_with(b"</methodCall>") {
                match stream.read(&mut part) {
                    Ok(1..) => request.extend(part.iter().take_while(|byte| **byte != 0)),
                    _ => break,
                }
                part = [0; 4096];
            }
            // The end of the connection is the end of the answer. Who asks may have left.
            let _left = stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{}", answer()).as_bytes());
        }
    });
    check(dir.path(), "supervisord", &[("collector.supervisord.url", format!("unix://{}", path.display()))], EXPECTED);
}

/// The clock in the units of NTP.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    ((since.as_secs() + 2_208_988_800) << 32) + (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000
}

/// Answers each question with what `answer` makes of it.
fn time_server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((read, from)) = socket.recv_from(&mut question) {
            // Who asks may have left.
            let _left = socket.send_to(&answer(&question[..read]), from);
        }
    });
    port
}

/// An answer of a server of stratum 2 that announces a leap second.
fn time(question: &[u8]) -> Vec<u8> {
    let arrived = now();
    let mut bytes = vec![0x40 | 4 << 3 | 4, 2, 6, 0xec];
    // Root delay 1/4 s, root dispersion 1/8 s, an address.
    bytes.extend_from_slice(&0x4000_u32.to_be_bytes());
    bytes.extend_from_slice(&0x2000_u32.to_be_bytes());
    bytes.extend_from_slice(&[192, 0, 2, 1]);
    bytes.extend_from_slice(&(now() - (16 << 32)).to_be_bytes());
    bytes.extend_from_slice(&question[40..48]);
    bytes.extend_from_slice(&arrived.to_be_bytes());
    bytes.extend_from_slice(&now().to_be_bytes());
    bytes
}

#[test]
fn a_time_server_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let port = time_server(time);
    let is_of_now = |line: &&str| {
        ["ntp_rtt_", "ntp_offset_", "ntp_reference_"].iter().any(|name| line.starts_with(&format!("node_{name}")))
    };
    // On a busy machine the answer may come late: a second is tolerated, and the limits are out of the way.
    let settings = Settings::default()
        .with("collector.ntp.server-port", &port)
        .with("collector.ntp.max-distance", "1h")
        .with("collector.ntp.local-offset-tolerance", "1h");
    let node = node(dir.path(), &["ntp"], settings);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let ours = loop {
        let (ours, failed) = page(dir.path(), &node);
        if failed.is_empty() {
            break ours;
        }
        assert!(std::time::Instant::now() < deadline, "{failed:?}");
    };
    let samples: Vec<&str> = ours.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples.len(), 8, "{ours}");
    let steady: Vec<&str> = samples.iter().copied().filter(|line| !is_of_now(line)).collect();
    let expected = [
        "node_ntp_leap 1",
        "node_ntp_root_delay_seconds 0.25",
        "node_ntp_root_dispersion_seconds 0.125",
        "node_ntp_sanity 1",
        "node_ntp_stratum 2",
    ];
    assert_eq!(steady, expected);
    let flags = [
        format!("--collector.ntp.server-port={port}"),
        "--collector.ntp.max-distance=1h".to_owned(),
        "--collector.ntp.local-offset-tolerance=1h".to_owned(),
    ];
    let theirs = loop {
        let Some(theirs) = reference(dir.path(), &["ntp"], &flags) else { return };
        if theirs.contains("node_ntp_stratum") {
            break theirs;
        }
        assert!(std::time::Instant::now() < deadline, "{theirs}");
    };
    let differs = |a: &str, b: &str| surplus(a, b).into_iter().filter(|line| !is_of_now(line)).count();
    assert_eq!((differs(&ours, &theirs), differs(&theirs, &ours)), (0, 0), "{ours}\n{theirs}");
}

#[test]
fn what_is_no_time_fails_the_collector() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing at all, the question itself, and an answer to another question.
    for port in [time_server(|_| Vec::new()), time_server(<[u8]>::to_vec), time_server(|_| vec![0x24; 48])] {
        let settings = Settings::default().with("collector.ntp.server-port", &port);
        assert_eq!(page(dir.path(), &node(dir.path(), &["ntp"], settings)).1, ["ntp"]);
    }
}
