//! `firesteel up`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{firesteel, run, text};

struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts `up`; returns it with its address and all that it prints until it is ready.
fn start(data: &Path, listen: &str) -> (Up, String, String) {
    let mut command = Command::new(firesteel());
    command.args(["up", &format!("--listen={listen}")]).arg(format!("--data={}", data.display()));
    started(command)
}

fn started(mut command: Command) -> (Up, String, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary runs");
    let mut up = Up(child);
    let mut lines = BufReader::new(up.0.stdout.take().expect("it is piped")).lines();
    let (mut address, mut said) = (None, String::new());
    for line in lines.by_ref() {
        let line = line.expect("it prints text");
        said += &line;
        said.push('\n');
        if let Some((_, url)) = line.split_once("Open        http://") {
            address = url.split('/').next().map(str::to_owned);
        }
        if line.starts_with("Ready in") {
            break;
        }
    }
    (up, address.expect("it prints its address"), said)
}

fn get(address: &str, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn watches_this_machine_and_nobody_else_can_read_it() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (mut up, address, _) = start(&dir.path().join("data"), "127.0.0.1:0");
    let deadline = Instant::now() + Duration::from_secs(60);
    let query = "/api/v1/query?query=count(node_cpu_seconds_total)%20and%20on()%20count(up==1)==3";
    while !get(&address, &address, query).contains("\"value\"") {
        assert!(Instant::now() < deadline, "no host metrics: {}", get(&address, &address, "/api/v1/targets"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let page = get(&address, &address, "/query");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("<title>Firesteel</title>"), "{page}");
    let own = get(&address, &address, "/api/v1/labels");
    assert!(own.starts_with("HTTP/1.1 200") && !own.to_lowercase().contains("access-control"), "{own}");
    for host in ["evil.example", "evil.example:9090", ""] {
        assert!(get(&address, host, "/api/v1/labels").starts_with("HTTP/1.1 403"), "{host}");
    }
    Command::new("kill").args(["-INT", &up.0.id().to_string()]).status().expect("kill runs");
    assert!(up.0.wait().expect("it ends").success());
    assert!(dir.path().join("data/wal").is_dir(), "data stays");
}

/// Returns the address of a line such as `✓ pushes … also at http://127.0.0.1:1234/`.
fn beside(said: &str, what: &str) -> String {
    let line = said.lines().find(|l| l.contains(what) && l.contains("also at")).unwrap_or_else(|| panic!("{said}"));
    let url = line.split_once("http://").expect("a URL").1;
    url.split('/').next().expect("an address").to_owned()
}

#[test]
fn takes_pushes_and_shows_host_metrics_on_their_own_ports() {
    let dir = tempfile::tempdir().expect("temp dir");
    let begin = || {
        let mut command = Command::new(firesteel());
        command.args(["up", "--listen=127.0.0.1:0", "--pushgateway.listen=127.0.0.1:0", "--node.listen=127.0.0.1:0"]);
        command.arg(format!("--data={}", dir.path().join("data").display()));
        started(command)
    };
    let (mut up, address, said) = begin();
    let (pushes, node) = (beside(&said, "pushes"), beside(&said, "host metrics"));
    let push = |address: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        firesteel_testkit::exchange(address, "PUT", path, headers, Some(body.as_bytes())).expect("it answers").status
    };
    assert_eq!(push(&address, "/pushgateway/metrics/job/main", &[], "a_push 1\n"), 200);
    assert_eq!(push(&pushes, "/metrics/job/port", &[], "a_push 2\n"), 200);
    let evil = [("Origin", "http://evil.example")];
    assert_eq!(push(&address, "/pushgateway/metrics/job/evil", &evil, "a_push 3\n"), 403);
    assert_eq!(push(&pushes, "/metrics/job/evil", &evil, "a_push 3\n"), 403);
    assert_eq!(push(&pushes, "/metrics/job/own", &[("Origin", "http://localhost:9091")], "a_push 4\n"), 200);
    let ask = |address: &str, path: &str| {
        let answer = firesteel_testkit::exchange(address, "GET", path, &[], None).expect("it answers");
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert!(ask(&node, "/metrics").contains("\nnode_load1 "));
    assert!(ask(&address, "/pushgateway/").contains("Delete Group"));
    let wait = |address: &str, path: &str, wanted: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ask(address, path).contains(wanted) {
            assert!(Instant::now() < deadline, "{path}: no {wanted}: {}", ask(address, path));
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait(&address, "/api/v1/query?query=count(a_push{instance=%22%22})", "\"3\"]");
    wait(&address, "/api/v1/query?query=a_push{job=%22port%22}", "\"2\"]");
    wait(&address, "/api/v1/query?query=ALERTS{alertname=%22Watchdog%22,alertstate=%22firing%22}", "\"1\"]");
    let rules = ask(&address, "/api/v1/rules");
    assert!(rules.contains("JobWentQuiet") && !rules.contains("\"health\":\"err\""), "{rules}");
    Command::new("kill").args(["-INT", &up.0.id().to_string()]).status().expect("kill runs");
    assert!(up.0.wait().expect("it ends").success());
    let (_up, address, _) = begin();
    assert!(ask(&address, "/pushgateway/metrics").contains("a_push{instance=\"\",job=\"port\"} 2\n"), "pushes stay");
}

/// Starts `up` with host metrics at `node`, and with a bus at `bus`.
fn start_with_node(data: &Path, node: &str, bus: &Path) -> (Up, String, String) {
    let mut command = Command::new(firesteel());
    command.args(["up", "--listen=127.0.0.1:0", "--pushgateway.listen=", &format!("--node.listen={node}")]);
    command.arg(format!("--data={}", data.display()));
    command.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", bus.display()));
    started(command)
}

/// Waits until a query has this value.
fn wait_for(address: &str, query: &str, value: &str) {
    let deadline = Instant::now() + Duration::from_secs(90);
    let wanted = format!(",\"{value}\"]");
    loop {
        let answer = get(address, address, &format!("/api/v1/query?query={query}"));
        if answer.contains(&wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{query}: {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A node_exporter on a free port, and its address.
fn node_exporter(program: &Path, words: &[&str]) -> (Up, String) {
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    let mut command = Command::new(program);
    command.args(words).arg(format!("--web.listen-address={address}")).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "{} does not listen", program.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    (Up(child), address.to_string())
}

#[test]
fn a_node_exporter_that_runs_already_is_scraped_instead() {
    let Some(debians) = firesteel_testkit::peer("prometheus-node-exporter") else { return };
    for (program, words, version) in
        [(debians.as_path(), &[][..], "1.5.0"), (firesteel(), &["node_exporter"], "1.12.1")]
    {
        let dir = tempfile::tempdir().expect("temp dir");
        let (_exporter, node) = node_exporter(program, words);
        let (_up, address, said) = start_with_node(&dir.path().join("data"), &node, &dir.path().join("no-bus"));
        let lines = [
            format!("  ✓ this machine        every 5 s   (job \"node\": the node_exporter at {node})\n"),
            format!("  ! host metrics        a node_exporter already runs at {node}: using it\n"),
        ];
        assert!(lines.iter().all(|line| said.contains(line)), "{said}");
        // Once, by the neighbour; and what it does not show, by us.
        wait_for(&address, "count(node_load1)%20and%20on()%20count(up==1)==4", "1");
        wait_for(&address, &format!("node_exporter_build_info{{job=%22node%22,version=%22{version}%22}}"), "1");
        wait_for(&address, "count(node_scrape_collector_success{job=%22processes%22})", "2");
    }
}

#[test]
fn a_port_of_somebody_else_is_named_and_our_own_metrics_are_shown() {
    let dir = tempfile::tempdir().expect("temp dir");
    let html = |_: &str| firesteel_testkit::Page::metrics("a_metric 1\n");
    let other = firesteel_testkit::PageServer::start(html).expect("it listens");
    // One that answers, but is no node_exporter, and one that hangs up.
    let hangs_up = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let closed = hangs_up.local_addr().expect("bound").to_string();
    std::thread::spawn(move || hangs_up.incoming().for_each(drop));
    for (n, node) in [other.address(), closed].into_iter().enumerate() {
        let (data, bus) = (dir.path().join(n.to_string()), dir.path().join("no-bus"));
        let (_up, address, said) = start_with_node(&data, &node, &bus);
        let holder = format!("(pid {}), which is no node_exporter\n", std::process::id());
        assert!(said.contains(&format!("! host metrics        not at {node}: the port is held by ")), "{said}");
        assert!(said.contains(&holder) && said.contains("the names of node_exporter"), "{said}");
        wait_for(&address, "count(node_load1{job=%22node%22})%20and%20on()%20count(up==1)==3", "1");
    }
}

#[test]
fn a_unit_that_failed_is_an_alert() {
    let dir = tempfile::tempdir().expect("temp dir");
    let bus = dir.path().join("bus");
    firesteel_testkit::serve_message_bus(&bus);
    let (_up, address, _) = start_with_node(&dir.path().join("data"), "", &bus);
    wait_for(&address, "count(node_systemd_unit_state)%20by(name)", "5");
    wait_for(
        &address,
        "ALERTS{alertname=%22SystemdUnitFailed%22,name=%22broken.service%22,alertstate=%22firing%22}",
        "1",
    );
}

#[test]
fn rules_for_this_machine_are_on() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (_up, address, said) = start(&dir.path().join("data"), "127.0.0.1:0");
    assert!(said.contains("18 alert rules on"), "{said}");
    let rules = || {
        let answer = get(&address, &address, "/api/v1/rules");
        answer[answer.find("{\"status\"").unwrap_or(0)..].to_owned()
    };
    // Groups are evaluated every 15 seconds, and the first time within that.
    let deadline = Instant::now() + Duration::from_secs(90);
    while rules().contains("\"health\":\"unknown\"") {
        assert!(Instant::now() < deadline, "{}", rules());
        std::thread::sleep(Duration::from_millis(100));
    }
    let answer = rules();
    assert_eq!(answer.matches("\"health\":\"ok\"").count(), 18, "{answer}");
    let watchdog = answer.find("\"name\":\"Watchdog\"").expect("it is there");
    assert!(answer[..watchdog].ends_with("\"state\":\"firing\","), "{answer}");
}

#[test]
fn rules_for_this_machine_fire_when_they_should() {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/testdata/up.test.yml");
    let out = run(&["promtool", "test", "rules", tests], Path::new("/"));
    assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
}

#[test]
fn a_taken_port_is_named_and_the_next_free_one_is_used() {
    let dir = tempfile::tempdir().expect("temp dir");
    // A high port could be the last one, with none behind it.
    let taken = (0..50)
        .filter_map(|_| std::net::TcpListener::bind("127.0.0.1:0").ok())
        .find(|l| l.local_addr().is_ok_and(|a| a.port() < 65_500))
        .expect("a free port");
    let wanted = taken.local_addr().expect("bound");
    let (_up, address, said) = start(&dir.path().join("data"), &format!("{wanted}+"));
    let port: u16 = address.rsplit_once(':').and_then(|(_, p)| p.parse().ok()).expect("an address");
    assert!(port > wanted.port() && port <= wanted.port() + 20, "{said}");
    let notice = format!("(pid {}); using {port} instead", std::process::id());
    assert!(said.contains(&format!("! port {} is held by ", wanted.port())) && said.contains(&notice), "{said}");
    assert!(get(&address, &address, "/-/ready").starts_with("HTTP/1.1 200"));
}

#[test]
fn without_arguments_there_are_defaults() {
    let dir = tempfile::tempdir().expect("temp dir");
    // Whoever holds the port, ourselves or another program of this machine: the default is asked for first.
    let _held = std::net::TcpListener::bind("127.0.0.1:9090");
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|about| std::os::unix::fs::MetadataExt::uid(&about) == 0);
    let mut command = Command::new(firesteel());
    command.arg("up").env("XDG_DATA_HOME", dir.path());
    // The default of root is one place on the machine, which a test leaves alone.
    let data = dir.path().join("firesteel");
    if is_root {
        command.arg(format!("--data={}", data.display()));
    }
    let (_up, address, said) = started(command);
    let port: u16 = address.strip_prefix("127.0.0.1:").and_then(|port| port.parse().ok()).expect("an address");
    assert!((9091..=9110).contains(&port), "{said}");
    let lines = [
        "  ! port 9090 is held by ".to_owned(),
        format!("  Open        http://{address}/            (only this machine)\n"),
        format!("  Data        {}          (kept between runs; 15 d)\n", data.display()),
        "  Config      none: defaults in use\n".to_owned(),
        "  ✓ this machine        every 5 s   (job \"node\": the names of node_exporter)\n".to_owned(),
        "  ✓ firesteel itself    every 5 s   (job \"firesteel\")\n".to_owned(),
        "\nReady in ".to_owned(),
    ];
    assert!(said.starts_with("Firesteel ") && lines.iter().all(|line| said.contains(line)), "{said}");
    assert!(data.join("wal").is_dir());
}

#[test]
fn addresses_of_others_and_useless_directories_are_refused() {
    let dir = tempfile::tempdir().expect("temp dir");
    let out = run(&["up", "--listen=0.0.0.0:0"], dir.path());
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).starts_with("error[FS0303]"), "{}", text(&out.stderr));
    std::fs::write(dir.path().join("file"), "").expect("temp file");
    let out = run(&["up", "--listen=127.0.0.1:0", "--data=file/below"], dir.path());
    assert_eq!(out.status.code(), Some(2));
    let said = text(&out.stderr);
    assert!(said.starts_with("error[FS0301]: cannot write to file/below") && said.contains("= fix:"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = format!("--listen={}", taken.local_addr().expect("bound"));
    let out = run(&["up", &listen, "--data=d"], dir.path());
    assert_eq!(out.status.code(), Some(2));
    let holder = format!("(pid {})", std::process::id());
    assert!(text(&out.stderr).contains(&holder), "{}", text(&out.stderr));
}
