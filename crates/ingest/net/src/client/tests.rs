//! The client against servers on loopback: credentials, redirects, TLS, error texts.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use firesteel_config::http::{Authorization, BasicAuth, Header, Headers, ProxyConfig, TlsConfig};
use firesteel_config::{Decode as _, FilePath, HttpClientConfig, Secret};
use firesteel_testkit::{FakeTarget, write_answer};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use super::{ClientOptions, HttpClient};

const CERT: &str = include_str!("../../testdata/self-signed.crt");
const KEY: &str = include_str!("../../testdata/self-signed.key");

fn config() -> HttpClientConfig {
    HttpClientConfig::fresh()
}

async fn get(config: &HttpClientConfig, url: &str) -> Result<(u16, Bytes), String> {
    let client = HttpClient::new(config, ClientOptions::default()).map_err(|e| e.to_string())?;
    fetch(&client, url).await
}

async fn fetch(client: &HttpClient, url: &str) -> Result<(u16, Bytes), String> {
    let url = Url::parse(url).expect("a URL");
    let response = client.get(&url, &HeaderMap::new()).await.map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes()))
}

/// A target that notes one header of each request and redirects `/away` to `localhost`.
fn noting(header: &'static str) -> (FakeTarget, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let target = FakeTarget::start(move |request, out| {
        note.lock().expect("no panic").push(format!("{} {}", request.path, request.header(header)));
        match request.path.strip_prefix("/away/") {
            Some(to) => write_answer(out, "302 Found", &[("Location", &format!("http://{to}"))], b""),
            None => write_answer(out, "200 OK", &[], b"ok"),
        }
    });
    (target.expect("a free port"), seen)
}

fn noted(seen: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *seen.lock().expect("no panic"))
}

#[tokio::test]
async fn credentials_are_read_at_use() {
    let (target, seen) = noting("authorization");
    let url = format!("http://{}/", target.address());
    let mut basic = config();
    basic.basic_auth = Some(BasicAuth { username: "u".into(), password: Secret::new("p"), ..BasicAuth::fresh() });
    get(&basic, &url).await.expect("an answer");
    assert_eq!(noted(&seen), ["/ Basic dTpw"]);

    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("token");
    let mut bearer = config();
    bearer.authorization =
        Some(Authorization { credentials_file: FilePath::new(file.to_string_lossy()), ..Authorization::fresh() });
    let client = HttpClient::new(&bearer, ClientOptions::default()).expect("a client");
    let error = fetch(&client, &url).await.expect_err("no file");
    assert_eq!(
        error,
        format!(
            "Get \"{url}\": unable to read authorization credentials: unable to read file {0}: open {0}: no such file or directory",
            file.display()
        )
    );
    for token in ["one\n", "two"] {
        std::fs::write(&file, token).expect("write");
        fetch(&client, &url).await.expect("an answer");
    }
    assert_eq!(noted(&seen), ["/ Bearer one", "/ Bearer two"]);
}

#[tokio::test]
async fn credentials_stay_with_their_host() {
    let (target, seen) = noting("authorization");
    let port = target.address().rsplit(':').next().expect("a port").to_owned();
    let mut with = config();
    with.authorization = Some(Authorization { credentials: Secret::new("s"), ..Authorization::fresh() });
    get(&with, &format!("http://127.0.0.1:{port}/away/localhost:{port}/away/127.0.0.1:{port}/end"))
        .await
        .expect("an answer");
    let seen = noted(&seen);
    assert_eq!(seen.len(), 3);
    assert!(seen[0].ends_with(" Bearer s"), "{seen:?}");
    assert!(seen[1].ends_with(' ') && seen[2].ends_with(' '), "once away, off for good: {seen:?}");
}

#[tokio::test]
async fn headers_are_added_and_proxies_asked() {
    let (target, seen) = noting("x-tenant");
    let mut with = config();
    let header = Header { values: vec!["a".into()], ..Header::fresh() };
    with.http_headers = Some(Headers([("X-Tenant".to_owned(), header)].into()));
    with.proxy = ProxyConfig {
        proxy_url: firesteel_config::Url::new(format!("http://{}", target.address())),
        ..ProxyConfig::fresh()
    };
    get(&with, "http://example.invalid/path?q=1").await.expect("an answer");
    assert_eq!(noted(&seen), ["http://example.invalid/path?q=1 a"]);
}

#[tokio::test]
async fn redirects_may_stay_unfollowed() {
    let (target, _seen) = noting("x");
    let mut still = config();
    still.follow_redirects = false;
    let url = format!("http://{}/away/x", target.address());
    assert_eq!(get(&still, &url).await.expect("an answer").0, 302);
}

/// A TLS server that answers one request a connection.
async fn tls_server() -> String {
    let certs = vec![CertificateDer::from_pem_slice(CERT.as_bytes()).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .expect("certificate and key fit");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                // A client that hung up has seen enough.
                let _hung_up =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
                let _closed = stream.shutdown().await;
            }
        }
    });
    address
}

#[tokio::test]
async fn tls_trusts_as_go() {
    let address = tls_server().await;
    let url = format!("https://{address}/");
    let with = |tls: TlsConfig| HttpClientConfig { tls_config: tls, ..config() };
    let trusted = TlsConfig { ca: CERT.into(), ..TlsConfig::fresh() };
    // A self-signed certificate that is its own authority.
    assert_eq!(get(&with(trusted.clone()), &url).await, Ok((200, Bytes::from("ok"))));
    let named = TlsConfig { server_name: "localhost".into(), ..trusted.clone() };
    assert_eq!(get(&with(named), &url).await, Ok((200, Bytes::from("ok"))));
    let misnamed = TlsConfig { server_name: "example.com".into(), ..trusted };
    let error = get(&with(misnamed), &url).await.expect_err("another name");
    assert!(error.contains("tls: failed to verify certificate: x509: certificate is"), "{error}");
    let skip = TlsConfig { insecure_skip_verify: true, ..TlsConfig::fresh() };
    assert_eq!(get(&with(skip), &url).await, Ok((200, Bytes::from("ok"))));
    let error = get(&config(), &url).await.expect_err("not trusted");
    assert!(error.starts_with(&format!("Get \"{url}\": tls: ")), "{error}");
}

#[tokio::test]
async fn error_texts_as_go() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://{}/", listener.local_addr().expect("bound"));
    let plain = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("an open connection");
        stream
    });
    let error = get(&config(), &url).await.expect_err("no TLS there");
    drop(plain.await);
    assert_eq!(error, format!("Get \"{url}\": http: server gave HTTP response to HTTPS client"));
    let error = get(&config(), "http://no-such-host.invalid/").await.expect_err("no such host");
    assert_eq!(error, "Get \"http://no-such-host.invalid/\": dial tcp: lookup no-such-host.invalid: no such host");
    let missing = TlsConfig { ca_file: FilePath::new("/nowhere/ca.pem"), ..TlsConfig::fresh() };
    let error = get(&HttpClientConfig { tls_config: missing, ..config() }, &url).await.expect_err("no file");
    assert_eq!(
        error,
        "unable to read CA cert: unable to read file /nowhere/ca.pem: open /nowhere/ca.pem: no such file or directory"
    );
}
