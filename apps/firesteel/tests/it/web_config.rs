//! `--web.config.file` with certificates of openssl, against curl and our own promtool.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use firesteel_testkit::tool;

use crate::{firesteel, run, text};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // A failure means that the process has ended already.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Starts a program of ours on a free port and waits until `curl args… https://…path` succeeds.
fn start(dir: &Path, args: &[&str], curl: &dyn Fn(&str) -> (String, String), path: &str) -> (Running, String) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut child = Command::new(firesteel());
    child.args(args).arg(format!("--web.listen-address={address}")).current_dir(dir);
    let mut running = Running(child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    while curl(&format!("https://{address}{path}")).1 != "200" {
        assert!(running.0.try_wait().unwrap().is_none(), "it ended");
        assert!(Instant::now() < deadline, "not ready: {:?}", curl(&format!("https://{address}{path}")));
        std::thread::sleep(Duration::from_millis(10));
    }
    (running, address)
}

/// Makes an authority, and a server's and a client's certificate signed by it.
fn certificates(openssl: &Path, dir: &Path) {
    let make = |args: &str| {
        let out = Command::new(openssl).args(args.split(' ')).current_dir(dir).output().unwrap();
        assert!(out.status.success(), "openssl {args}: {}", text(&out.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    make(&format!("req -x509 {key} -subj /CN=authority -keyout ca.key -out ca.crt"));
    for (name, names) in [("server", "IP:127.0.0.1"), ("client", "DNS:scraper.example")] {
        make(&format!(
            "req -x509 {key} -subj /CN={name} -CA ca.crt -CAkey ca.key -keyout {name}.key -out {name}.crt \
             -addext basicConstraints=critical,CA:false -addext subjectAltName={names}"
        ));
    }
}

#[test]
fn curl_and_promtool_reach_a_guarded_server() {
    let (Some(curl), Some(openssl)) = (tool("curl"), tool("openssl")) else { return };
    let dir = tempfile::tempdir().unwrap();
    certificates(&openssl, dir.path());
    let hash = bcrypt::hash("secret", 4).unwrap();
    let web = format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_ca_file: ca.crt\n  \
         client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: [scraper.example]\n\
         http_server_config:\n  headers: {{X-Frame-Options: deny}}\nbasic_auth_users:\n  ann: '{hash}'\n"
    );
    fs::write(dir.path().join("web.yml"), web).unwrap();
    fs::write(dir.path().join("prometheus.yml"), "").unwrap();
    let client = "tls_config: {ca_file: ca.crt, cert_file: client.crt, key_file: client.key}\n\
                  basic_auth: {username: ann, password: secret}\n";
    fs::write(dir.path().join("client.yml"), client).unwrap();
    // Returns body and status.
    let asked = |args: &str, url: &str| {
        let all = format!("-sg --cacert ca.crt {args} -w \n%{{http_code}} {url}");
        let out = Command::new(&curl).args(all.split(' ')).current_dir(dir.path()).output().unwrap();
        let said = text(&out.stdout);
        said.rsplit_once('\n').map(|(body, status)| (body.to_owned(), status.to_owned())).unwrap()
    };
    let with_all = "--cert client.crt --key client.key -u ann:secret";
    let ask = |url: &str| asked(with_all, url);

    let out = run(&["promtool", "check", "web-config", "web.yml"], dir.path());
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), "web.yml SUCCESS\n".to_owned()));
    let args = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.config.file=web.yml"];
    let (server, address) = start(dir.path(), &args, &ask, "/-/ready");
    let base = format!("https://{address}");
    assert_eq!(ask(&format!("{base}/-/healthy")).0, "Prometheus Server is Healthy.\n");
    assert_eq!(asked("-u ann:secret", &format!("{base}/-/healthy")).1, "000", "no client certificate");
    let no_password = "--cert client.crt --key client.key";
    assert_eq!(asked(no_password, &format!("{base}/-/healthy")), ("Unauthorized\n".to_owned(), "401".to_owned()));
    assert_eq!(asked(&format!("{with_all} -I"), &format!("{base}/-/healthy")).1, "200");
    let (headers, _) = asked(&format!("{with_all} -i --http1.1"), &format!("{base}/-/healthy"));
    assert!(headers.to_lowercase().contains("x-frame-options: deny"), "{headers}");
    // Selectors as people type them.
    let (body, status) = asked(&format!("{with_all} --http1.1"), &format!("{base}/api/v1/query?query=up{{job=\"x\"}}"));
    assert_eq!((&*body, &*status), (r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "200"));

    for line in ["check ready --url BASE", "query instant BASE vector(1)", "query series BASE --match up"] {
        let line = format!("promtool {line} --http.config.file=client.yml").replace("BASE", &base);
        let out = run(&line.split(' ').collect::<Vec<_>>(), dir.path());
        assert_eq!(out.status.code(), Some(0), "{line}: {}{}", text(&out.stdout), text(&out.stderr));
    }
    let out = run(&["promtool", "query", "instant", &base, "1"], dir.path());
    assert!(text(&out.stderr).contains("certificate signed by unknown authority"), "{}", text(&out.stderr));
    drop(server);

    let (_exporter, address) =
        start(dir.path(), &["node_exporter", "--web.config.file=web.yml"], &ask, "/metrics?collect[]=loadavg");
    assert!(ask(&format!("https://{address}/metrics?collect[]=loadavg")).0.contains("\nnode_load1 "));
}

#[test]
fn a_useless_web_configuration_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("prometheus.yml"), "").unwrap();
    fs::write(dir.path().join("web.yml"), "tls_server_config: {cert_file: none.crt, key_file: none.key}\n").unwrap();
    let address = "--web.listen-address=127.0.0.1:0";
    let out = run(&["prometheus", "--config.file=prometheus.yml", "--web.config.file=web.yml", address], dir.path());
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("failed to read cert_file (none.crt)"), "{said}");
    let out = run(&["promtool", "check", "web-config", "web.yml"], dir.path());
    assert!(out.status.code() == Some(1) && text(&out.stderr).starts_with("web.yml FAILED: failed to read cert_file"));
}
