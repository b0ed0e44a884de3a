//! A server with a web configuration against our own client: TLS, client certificates, users, headers, and what is
//! reloaded.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use firesteel_config::http::{BasicAuth, TlsConfig, TlsVersion};
use firesteel_config::{Decode as _, HttpClientConfig, Secret};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body_util::BodyExt as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Listener, ServeOptions, WebConfigFile, serve};
use crate::client::{ClientOptions, HttpClient};

/// An authority that signs for servers and clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// PEM texts.
struct Signed {
    cert: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, names: Vec<SanType>, usage: ExtendedKeyUsagePurpose) -> Signed {
        let mut params = CertificateParams::new([]).expect("no names");
        params.subject_alt_names = names;
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.0).expect("a certificate");
        Signed { cert: cert.pem(), key: key.serialize_pem() }
    }

    fn server(&self) -> Signed {
        self.sign(vec![SanType::IpAddress([127, 0, 0, 1].into())], ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self, name: &str) -> Signed {
        let name = SanType::DnsName(name.try_into().expect("a name"));
        self.sign(vec![name], ExtendedKeyUsagePurpose::ClientAuth)
    }
}

/// A running server and the directory of its files.
struct Running {
    dir: tempfile::TempDir,
    address: String,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(files: &[(&str, &str)]) -> Result<Self, String> {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        let web = WebConfigFile::open(&dir.path().join("web.yml")).map_err(|e| e.to_string())?;
        let listener = Listener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.address().to_string();
        let routes = Router::new()
            .route("/", get(|version: Version| async move { format!("{version:?}") }))
            .route("/framed", get(|| async { ([("x-frame-options", "deny")], "framed") }));
        let stop = CancellationToken::new();
        let options = ServeOptions {
            max_connections: 16,
            read_timeout: Duration::from_secs(5),
            web: Some(Arc::new(web)),
            accepted: None,
        };
        let serving = tokio::spawn(serve(vec![listener], routes, options, stop.clone()));
        Ok(Self { dir, address, stop, serving })
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).expect("a file");
    }

    async fn get(&self, config: &HttpClientConfig, path: &str) -> Result<Answer, String> {
        let scheme = if config.tls_config == TlsConfig::fresh() { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{}{path}", self.address)).expect("a URL");
        let client = HttpClient::new(config, ClientOptions::default()).map_err(|e| e.to_string())?;
        let response = client.send(Method::GET, &url, &HeaderMap::new(), Bytes::new()).await;
        let response = response.map_err(|e| e.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() })
    }

    async fn body(&self, config: &HttpClientConfig) -> Result<String, String> {
        self.get(config, "/").await.map(|answer| answer.body)
    }

    /// Sends bytes and returns all that comes back.
    async fn raw(&self, request: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("an open connection");
        let mut out = Vec::new();
        stream.read_to_end(&mut out).await.expect("an answer");
        String::from_utf8_lossy(&out).into_owned()
    }

    async fn end(self) {
        self.stop.cancel();
        self.serving.await.expect("no panic").expect("served to the end");
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

fn trusting(ca: &Authority) -> HttpClientConfig {
    HttpClientConfig { tls_config: TlsConfig { ca: ca.pem(), ..TlsConfig::fresh() }, ..HttpClientConfig::fresh() }
}

fn showing(ca: &Authority, client: &Signed) -> HttpClientConfig {
    let mut config = trusting(ca);
    config.tls_config.cert.clone_from(&client.cert);
    config.tls_config.key = Secret::new(&*client.key);
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_read_anew_for_each_connection() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let (one, two) = (first.server(), second.server());
    let yml = "tls_server_config: {cert_file: s.crt, key_file: s.key}\n";
    let running =
        Running::start(&[("web.yml", yml), ("s.crt", &one.cert), ("s.key", &one.key)]).expect("a good configuration");
    assert_eq!(running.body(&trusting(&first)).await.as_deref(), Ok("HTTP/2.0"));
    let mut without_h2 = trusting(&first);
    without_h2.enable_http2 = false;
    assert_eq!(running.body(&without_h2).await.as_deref(), Ok("HTTP/1.1"));
    running.write("s.crt", &two.cert);
    running.write("s.key", &two.key);
    let refused = running.body(&trusting(&first)).await.expect_err("another authority");
    assert!(refused.contains("certificate signed by unknown authority"), "{refused}");
    assert_eq!(running.body(&trusting(&second)).await.as_deref(), Ok("HTTP/2.0"));
    // Half a change: handshakes fail, the server goes on.
    running.write("s.key", &one.key);
    running.body(&trusting(&second)).await.expect_err("key and certificate do not fit");
    running.write("s.key", &two.key);
    assert_eq!(running.body(&trusting(&second)).await.as_deref(), Ok("HTTP/2.0"));
    let plain = running.raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(plain, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_show_what_is_asked_of_them() {
    let (ca, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let server = ca.server();
    let (known, unknown) = (ca.client("good.example"), stranger.client("good.example"));
    let none = trusting(&ca);
    // For each policy: without a certificate, with one of ours, with one of somebody else.
    let cases = [
        ("", [true, true, true]),
        ("client_auth_type: RequestClientCert", [true, true, true]),
        ("client_auth_type: RequireAnyClientCert", [false, true, true]),
        ("client_auth_type: RequireClientCert, client_ca_file: ca.crt", [false, true, true]),
        ("client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.crt", [true, true, false]),
        ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt", [false, true, false]),
        (
            "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, client_allowed_sans: [good.example]",
            [false, true, false],
        ),
        ("client_auth_type: RequireAnyClientCert, client_allowed_sans: [other.example]", [false, false, false]),
    ];
    for (policy, want) in cases {
        let yml = format!("tls_server_config: {{cert_file: s.crt, key_file: s.key, {policy}}}\n");
        let files = [("web.yml", yml.as_str()), ("s.crt", &server.cert), ("s.key", &server.key), ("ca.crt", &ca.pem())];
        let running = Running::start(&files).expect("a good configuration");
        for (who, allowed) in [none.clone(), showing(&ca, &known), showing(&ca, &unknown)].iter().zip(want) {
            let got = running.body(who).await;
            assert_eq!(got.is_ok(), allowed, "{policy}: {got:?}");
        }
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_suites_curves_and_http2_are_chosen() {
    let ca = Authority::new("ca");
    let server = ca.server();
    let start = |more: &str, http: &str| {
        let yml = format!("tls_server_config: {{cert_file: s.crt, key_file: s.key, {more}}}\n{http}");
        Running::start(&[("web.yml", &yml), ("s.crt", &server.cert), ("s.key", &server.key)])
    };
    let at_most_12 = || {
        let mut config = trusting(&ca);
        config.tls_config.max_version = TlsVersion::Tls12;
        config
    };
    let at_least_13 = || {
        let mut config = trusting(&ca);
        config.tls_config.min_version = TlsVersion::Tls13;
        config
    };
    for (more, old, new) in [
        ("", true, true),
        ("min_version: TLS13", false, true),
        ("max_version: TLS12, min_version: TLS10", true, false),
        ("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]", true, true),
        // A key of elliptic curves cannot sign for RSA; only TLS 1.3 is left.
        ("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]", false, true),
        ("curve_preferences: [CurveP384, CurveP521]", true, true),
    ] {
        let running = start(more, "").expect("a good configuration");
        assert_eq!(running.body(&at_most_12()).await.is_ok(), old, "{more}: TLS 1.2");
        assert_eq!(running.body(&at_least_13()).await.is_ok(), new, "{more}: TLS 1.3");
        running.end().await;
    }
    let running = start("", "http_server_config: {http2: false}\n").expect("a good configuration");
    assert_eq!(running.body(&trusting(&ca)).await.as_deref(), Ok("HTTP/1.1"));
    running.end().await;
    let refused = |more: &str| start(more, "").err().expect("refused");
    assert!(refused("max_version: TLS11, min_version: TLS10").contains("TLS12 and TLS13"));
    assert!(refused("curve_preferences: [CurveP521]").contains("none of the curve_preferences is spoken here"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_headers_and_limits() {
    let hash = |password: &str| bcrypt::hash(password, 4).expect("a hash");
    let yml = format!(
        "basic_auth_users: {{ann: '{}'}}\nhttp_server_config: {{headers: {{X-Frame-Options: sameorigin, X-Content-Type-Options: nosniff}}}}\n",
        hash("secret")
    );
    let running = Running::start(&[("web.yml", &yml)]).expect("a good configuration");
    let user = |name: &str, password: &str| {
        let basic = BasicAuth { username: name.into(), password: Secret::new(password), ..BasicAuth::fresh() };
        HttpClientConfig { basic_auth: Some(basic), ..HttpClientConfig::fresh() }
    };
    for who in [HttpClientConfig::fresh(), user("ann", "wrong"), user("bob", "fakepassword"), user("ann", "wrong")] {
        let answer = running.get(&who, "/").await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, "Unauthorized\n"));
        assert_eq!(answer.headers["www-authenticate"], "Basic");
        assert_eq!(answer.headers["x-frame-options"], "sameorigin");
    }
    let ann = user("ann", "secret");
    let answer = running.get(&ann, "/").await.expect("an answer");
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "HTTP/1.1"));
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    // What a handler says itself stays.
    assert_eq!(running.get(&ann, "/framed").await.expect("an answer").headers["x-frame-options"], "deny");
    // A new password holds at once; a broken file locks everybody out.
    running.write("web.yml", &format!("basic_auth_users: {{ann: '{}'}}\n", hash("changed")));
    assert_eq!(running.get(&ann, "/").await.expect("an answer").status, StatusCode::UNAUTHORIZED);
    assert_eq!(running.get(&user("ann", "changed"), "/").await.expect("an answer").status, StatusCode::OK);
    running.write("web.yml", "basic_auth_user: {}\n");
    let answer = running.get(&ann, "/").await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (500, "Internal Server Error\n"));
    running.end().await;

    let running = Running::start(&[("web.yml", "rate_limit: {burst: 2, interval: 1h}\n")]).expect("a good file");
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(running.get(&HttpClientConfig::fresh(), "/").await.expect("an answer").status.as_u16());
    }
    assert_eq!(seen, [200, 200, 429]);
    running.end().await;
}

#[tokio::test]
async fn targets_that_go_takes_are_taken() {
    let running = Running::start(&[("web.yml", "")]).expect("an empty file");
    let answer = running.raw("GET /?query=up{job=\"ü\"}<1#x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    running.end().await;
}

#[test]
fn what_keeps_it_from_serving_is_said_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = |text: &str| {
        let path = dir.path().join("web.yml");
        fs::write(&path, text).expect("a file");
        WebConfigFile::open(&path).expect_err("refused").to_string().replace(&*dir.path().to_string_lossy(), "DIR")
    };
    let missing = WebConfigFile::open(Path::new("/nowhere/web.yml")).expect_err("no file").to_string();
    assert_eq!(missing, "open /nowhere/web.yml: no such file or directory");
    assert_eq!(
        open("tls_server_config: {cert_file: a, key_file: b}"),
        "failed to read cert_file (DIR/a): open DIR/a: no such file or directory"
    );
    let pair = "failed to load X509KeyPair: tls: failed to find any PEM data in certificate input";
    assert_eq!(open("tls_server_config: {cert: a, key: b}"), pair);
    let signed = |ca: &Authority| ca.server();
    let ca = Authority::new("ca");
    let (one, two) = (signed(&ca), signed(&ca));
    fs::write(dir.path().join("a"), &one.cert).expect("a file");
    fs::write(dir.path().join("b"), &two.key).expect("a file");
    assert_eq!(
        open("tls_server_config: {cert_file: a, key_file: b}"),
        "failed to load X509KeyPair: tls: private key does not match public key"
    );
    assert!(open("tls_server_confg: {}").contains("did you mean `tls_server_config`?"));
}
