//! `firesteel pushgateway` beside Debian's: the same requests, the same answers and pages; files both ways; kills.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firesteel_testkit::{RawAnswer, exchange, peer};

use crate::firesteel;

const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway process; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: String,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Gateway {
    pub(crate) fn ours(args: &[&str], dir: &Path) -> Self {
        let args: Vec<&str> = ["pushgateway"].iter().chain(args).copied().collect();
        Self::start(firesteel(), &args, dir)
    }

    fn start(program: &Path, args: &[&str], dir: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(program)
            .args(args)
            .arg(format!("--web.listen-address={address}"))
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut gateway = Self { child, address };
        gateway.wait("ready", |gateway| {
            exchange(&gateway.address, "GET", "/-/ready", &[], None).is_ok_and(|answer| answer.status == 200)
        });
        gateway
    }

    fn wait(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(self.child.try_wait().unwrap().is_none(), "{what}: it ended");
            assert!(Instant::now() < deadline, "{what}: not in time");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> RawAnswer {
        exchange(&self.address, method, target, headers, body).unwrap_or_else(|e| panic!("{method} {target}: {e}"))
    }

    fn put(&self, target: &str, body: &str) {
        let answer = self.ask("PUT", target, &[], Some(body.as_bytes()));
        assert_eq!(answer.status, 200, "{target}: {}", String::from_utf8_lossy(&answer.body));
    }

    fn text(&self, target: &str) -> String {
        String::from_utf8(self.ask("GET", target, &[], None).body).unwrap()
    }

    /// Pushed samples and their metadata, sorted; of times only whether there is one.
    fn pushed(&self) -> Vec<String> {
        let own = ["pushgateway_", "process_", "promhttp_", "go_"];
        let mut lines: Vec<String> = self
            .text("/metrics")
            .lines()
            .filter(|l| {
                !own.iter().any(|p| l.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with(p))
            })
            .map(|l| match l.rsplit_once("} ") {
                Some((series, value)) if series.starts_with("push_") && value != "0" => format!("{series}}} some"),
                _ => l.to_owned(),
            })
            .collect();
        lines.sort();
        lines
    }

    fn stop(mut self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Protobuf's text form has blanks by chance, and pointed brackets in 1.5.
fn squeezed(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).replace(":<", ":{").replace(" >", "}");
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").replace("} }", "}}")
}

const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

#[test]
fn requests_are_answered_as_the_reference_answers_them() {
    let Some(reference) = peer("prometheus-pushgateway") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Gateway::ours(&["--web.enable-admin-api"], dir.path()), {
        Gateway::start(&reference, &["--web.enable-admin-api"], dir.path())
    });
    // A counter `pb_total{a="b"} 3` and a gauge without labels.
    let protobuf =
        b"\x21\x0a\x08pb_total\x18\x00\x22\x13\x0a\x06\x0a\x01a\x12\x01b\x1a\x09\x09\x00\x00\x00\x00\x00\x00\x08@\
                     \x13\x0a\x02pg\x18\x01\x22\x0b\x12\x09\x09\x00\x00\x00\x00\x00\x00\xf0?";
    let gzip = {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"zipped 1\n").unwrap();
        packed.finish().unwrap()
    };
    let text = |text: &'static str| Some(text.as_bytes());
    let none: &[(&str, &str)] = &[];
    type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<&'a [u8]>);
    let requests: Vec<Request<'_>> = vec![
        (
            "PUT",
            "/metrics/job/a",
            none,
            text("# HELP x Help \\\\ of x.\n# TYPE x gauge\nx{l=\"1\"} 1.5\nx{l=\"2\",instance=\"i\"} NaN\n"),
        ),
        ("POST", "/metrics/job/a", none, text("# TYPE y counter\ny 1e6\nuntyped_one 7\n")),
        ("POST", "/metrics/job/a/", none, text("")),
        ("PUT", "/metrics/job/a/instance/i", none, text("z{job=\"mine\",instance=\"mine\"} 1\n")),
        ("POST", "/metrics/job@base64/Yi9j/path@base64/L3Zhci90bXA=/empty@base64/=", none, text("p 1\n")),
        (
            "PUT",
            "/metrics/job/h",
            none,
            text(
                "# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 2.25\nh_count 3\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 2\n",
            ),
        ),
        ("PUT", "/metrics/job/pb", &[("Content-Type", PROTOBUF)], Some(protobuf)),
        ("PUT", "/metrics/job/%C3%A9%20x", none, text("e{l=\"\u{e9}\\n\\\"\"} 1\n")),
        ("PUT", "/metrics/job/t", none, text("x 1 1\n")),
        ("PUT", "/metrics/job/u", none, text("# TYPE x counter\nx 1\n")),
        ("PUT", "/metrics/job/v", none, text("pushgateway_build_info{a=\"b\"} 1\n")),
        ("PUT", "/metrics/job/w", none, text("w 1\nw 1\n")),
        ("PUT", "/metrics/job/w", none, text("w 1")),
        ("PUT", "/metrics/job/w", none, text("w{a=\"b\",a=\"c\"} 1\n")),
        ("PUT", "/metrics/job/w", none, text("w 1 2 3\n# \n")),
        ("PUT", "/metrics/job/w", none, text("w{a=\"b\"} one\n")),
        ("PUT", "/metrics/job/w/a", none, text("w 1\n")),
        ("PUT", "/metrics/job/w/0a/b", none, text("w 1\n")),
        ("PUT", "/metrics/job/w/__a/b", none, text("w 1\n")),
        ("PUT", "/metrics/job/w/a@base64/%25", none, text("w 1\n")),
        ("PUT", "/metrics/job@base64/%25", none, text("w 1\n")),
        // `job@base64/=` is left out: 1.5 does not answer it.
        ("PUT", "/metrics/job/w%2Fa%2Fb%2Fc", none, text("w 1\n")),
        ("PUT", "/metrics/job/w%2Fa", none, text("w 1\n")),
        ("DELETE", "/metrics/job/w/a", none, None),
        ("DELETE", "/metrics/job/nobody", none, None),
        ("DELETE", "/metrics/job/a/instance/i", none, None),
        ("DELETE", "/metrics", none, None),
        ("GET", "/metrics/job/a", none, None),
        ("PATCH", "/metrics/job/a", none, None),
        ("GET", "/nothing/here", none, None),
        ("GET", "/-/healthy", none, None),
        ("GET", "/-/ready", none, None),
        ("GET", "/-/quit", none, None),
        ("PUT", "/-/quit", none, None),
        ("POST", "/api/v1/status", none, None),
        ("GET", "/api/v1/nothing", none, None),
        ("OPTIONS", "/api/v1/metrics", none, None),
    ];
    for (method, target, headers, body) in requests {
        let answers = [&ours, &theirs].map(|gateway| gateway.ask(method, target, headers, body));
        let [got, want] = answers.map(|a| {
            let header = |name: &str| a.header(name).to_owned();
            let headers = ["content-type", "allow", "access-control-allow-origin", "cache-control"].map(header);
            (a.status, squeezed(&a.body), headers)
        });
        // Which of two groups is blamed for a type is by chance, there; an answer without a body has no content type.
        if got.1.contains(" is not a ") {
            assert!(got.0 == want.0 && want.1.contains(" is not a "), "{method} {target}: {got:?} {want:?}");
        } else if got.1.is_empty() {
            assert_eq!((got.0, &got.1, &got.2[1..]), (want.0, &want.1, &want.2[1..]), "{method} {target}");
        } else {
            assert_eq!(got, want, "{method} {target}");
        }
        assert_eq!(ours.pushed(), theirs.pushed(), "after {method} {target}");
    }
    // Since 1.6: packed bodies.
    assert_eq!(ours.ask("PUT", "/metrics/job/gz", &[("Content-Encoding", "gzip")], Some(&gzip)).status, 200);
    theirs.put("/metrics/job/gz", "zipped 1\n");
    assert_eq!(ours.pushed(), theirs.pushed());

    let api = |gateway: &Gateway| -> BTreeMap<String, serde_json::Value> {
        let answer: serde_json::Value = serde_json::from_str(&gateway.text("/api/v1/metrics")).unwrap();
        let mut groups = BTreeMap::new();
        for group in answer["data"].as_array().unwrap() {
            let mut group = group.clone();
            for family in group.as_object_mut().unwrap().values_mut().filter_map(|f| f.as_object_mut()) {
                if let Some(stamp) = family.get_mut("time_stamp") {
                    assert!(stamp.as_str().unwrap().ends_with('Z'), "{stamp}");
                    *stamp = serde_json::Value::Null;
                }
            }
            for name in ["push_time_seconds", "push_failure_time_seconds"] {
                let value = &mut group[name]["metrics"][0]["value"];
                *value = (value.as_str() == Some("0")).into();
            }
            groups.insert(group["labels"].to_string(), group);
        }
        groups
    };
    assert_eq!(api(&ours), api(&theirs));
    let status =
        |gateway: &Gateway| -> serde_json::Value { serde_json::from_str(&gateway.text("/api/v1/status")).unwrap() };
    let (ours_status, theirs_status) = (status(&ours), status(&theirs));
    let keys = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&ours_status["data"]), keys(&theirs_status["data"]));
    let flags = |status: &serde_json::Value| {
        let mut flags = keys(&status["data"]["flags"]);
        // What came after 1.5, and what only Debian has.
        flags.retain(|flag| !["push.enable-utf8-names", "web.local-assets"].contains(&flag.as_str()));
        flags
    };
    assert_eq!(flags(&ours_status), flags(&theirs_status));
    for gateway in [&ours, &theirs] {
        assert_eq!(gateway.ask("PUT", "/api/v1/admin/wipe", &[], None).status, 202);
    }
    let deadline = Instant::now() + PATIENCE;
    while !theirs.pushed().is_empty() {
        assert!(Instant::now() < deadline, "theirs is not empty");
    }
    assert!(ours.pushed().is_empty());
    // The gateways count the same things.
    let own = |gateway: &Gateway| -> Vec<String> {
        let page = gateway.text("/metrics");
        let names = page.lines().filter(|l| l.starts_with("# ") && l.contains("pushgateway_http"));
        names.map(str::to_owned).collect()
    };
    assert_eq!(own(&ours), own(&theirs));
}

#[test]
fn files_go_both_ways() {
    let Some(reference) = peer("prometheus-pushgateway") else { return };
    let dir = tempfile::tempdir().unwrap();
    let args = ["--persistence.file=f"];
    let theirs = Gateway::start(&reference, &args, dir.path());
    theirs.put("/metrics/job/a/x/%C3%A9", "# HELP c Help.\n# TYPE c counter\nc{l=\"\"} 1.5\n");
    theirs.put("/metrics/job/b", "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2\nh_count 3\n# TYPE s summary\ns{quantile=\"0.9\"} +Inf\ns_sum 1\ns_count 1\n");
    let pages = |gateway: &Gateway| (gateway.pushed(), gateway.text("/api/v1/metrics").len());
    let first = pages(&theirs);
    theirs.stop();
    let ours = Gateway::ours(&args, dir.path());
    assert_eq!(pages(&ours), first);
    ours.put("/metrics/job/c", "d 1\n");
    // What upstream does not know does not keep it from reading the file.
    let asked = ours.ask("POST", "/metrics/job/c?ttl=2h&expect=1h", &[], Some(b"e 1\n"));
    assert_eq!(asked.status, 200);
    let second: Vec<String> = ours.pushed().into_iter().filter(|l| !l.contains("firesteel_push")).collect();
    ours.stop();
    let theirs = Gateway::start(&reference, &args, dir.path());
    assert_eq!(theirs.pushed(), second);
    assert!(second.iter().any(|l| l.starts_with("e{")));
}

#[test]
fn a_kill_takes_nothing_older_than_the_interval() {
    const KILLS: u32 = 8;
    let dir = tempfile::tempdir().unwrap();
    let args = ["--persistence.file=f", "--persistence.interval=50ms"];
    let file = dir.path().join("f");
    let mut sure = 0;
    for kill in 0..KILLS {
        let mut gateway = Gateway::ours(&args, dir.path());
        let kept = |gateway: &Gateway| -> u64 {
            let page = gateway.text("/metrics");
            let line = page.lines().find(|l| l.starts_with("n{"));
            line.and_then(|l| l.rsplit_once(' ')).map_or(0, |(_, n)| n.parse().unwrap())
        };
        assert!(kept(&gateway) >= sure, "after kill {kill}");
        let mut n = kept(&gateway);
        for _ in 0..40 {
            n += 1;
            gateway.put("/metrics/job/j", &format!("n {n}\n"));
        }
        // A file that is replaced after the last push holds it: what was pushed before is sure.
        let version = |_: &Gateway| std::fs::metadata(&file).ok().and_then(|about| about.modified().ok());
        let before = version(&gateway);
        gateway.put("/metrics/job/other", &format!("m {kill}\n"));
        gateway.wait("the file is written", |gateway| version(gateway) != before);
        let before = version(&gateway);
        gateway.put("/metrics/job/other", &format!("m {kill}.5\n"));
        gateway.wait("the file is written again", |gateway| version(gateway) != before);
        sure = n;
        for _ in 0..kill {
            n += 1;
            gateway.put("/metrics/job/j", &format!("n {n}\n"));
        }
        // Dropping it is SIGKILL.
    }
    let gateway = Gateway::ours(&args, dir.path());
    assert!(gateway.text("/metrics").contains(&format!("m{{instance=\"\",job=\"other\"}} {}.5\n", KILLS - 1)));
}

#[test]
fn prefixes_lifecycle_and_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--web.external-url=http://x.example/gw/", "--web.enable-lifecycle", "--push.enable-utf8-names"];
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut child = Command::new(firesteel())
        .arg("pushgateway")
        .args(flags)
        .arg(format!("--web.listen-address={address}"))
        .current_dir(dir.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !exchange(&address, "GET", "/gw/-/ready", &[], None).is_ok_and(|a| a.status == 200) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "not ready");
        std::thread::sleep(Duration::from_millis(10));
    }
    let ask = |method: &str, target: &str, body: Option<&[u8]>| exchange(&address, method, target, &[], body).unwrap();
    assert_eq!(ask("GET", "/metrics", None).status, 404);
    let put =
        ask("PUT", "/gw/metrics/job/a%3Cb/U__k_2e_l@base64/PGk-", Some("{\"u.x\",\"k.m\"=\"<v>\"} 1\n".as_bytes()));
    assert_eq!(put.status, 200, "{}", String::from_utf8_lossy(&put.body));
    let page = String::from_utf8(ask("GET", "/gw/", None).body).unwrap();
    for part in [
        "a&lt;b",
        "{&quot;u.x&quot;,instance=&quot;&quot;,job=&quot;a&lt;b&quot;,&quot;k.l&quot;=&quot;&lt;i&gt;&quot;,&quot;k.m&quot;=&quot;&lt;v&gt;&quot;} 1",
        "data-url=\"/gw/metrics/job@base64/YTxi/U__k_2e_l@base64/PGk-\"",
        "web.enable-lifecycle</th><td>true<",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let text = ask("GET", "/gw/metrics", None).body;
    assert!(String::from_utf8_lossy(&text).contains("\nu_x{instance=\"\",job=\"a<b\",k_l=\"<i>\",k_m=\"<v>\"} 1\n"));
    assert_eq!(ask("DELETE", "/gw/metrics/job@base64/YTxi/U__k_2e_l@base64/PGk-", None).status, 202);
    assert!(!String::from_utf8_lossy(&ask("GET", "/gw/status", None).body).contains("a&lt;b"));
    assert_eq!(ask("PUT", "/gw/-/quit", None).body, b"Requesting termination... Goodbye!");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success());
}
