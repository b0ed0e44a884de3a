//! Tokens: how they are asked for, how long they are kept, who sees them.

use std::sync::{Arc, Mutex};

use firesteel_config::http::OAuth2;
use firesteel_config::{AnyValue, Decode as _, FilePath, HttpClientConfig, Secret};
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};
use firesteel_yaml::Out;
use http::HeaderMap;
use rustls::SignatureScheme;
use tokio::time::Instant;
use url::Url;

use super::{Answer, ClientOptions, HttpClient, RepeatedGet};

/// A token endpoint that notes what it is asked, and grants `token-1`, `token-2` and so on with more of an answer.
fn endpoint(
    accepts: impl Fn(&TargetRequest) -> bool + Send + Sync + 'static,
    more: &'static str,
) -> (FakeTarget, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let target = FakeTarget::start(move |request, out| {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/token"));
        assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
        let mut asked = note.lock().expect("no panic");
        asked.push(format!("{} {}", request.header("authorization"), String::from_utf8_lossy(&request.body)));
        if !accepts(request) {
            let body = br#"{"error":"invalid_client","error_description":"who?"}"#;
            return write_answer(out, "401 Unauthorized", &[("Content-Type", "application/json")], body);
        }
        let body = format!(r#"{{"access_token":"token-{}"{more}}}"#, asked.len());
        write_answer(out, "200 OK", &[("Content-Type", "application/json")], body.as_bytes())
    });
    (target.expect("a free port"), asked)
}

/// A target that answers with the `Authorization` header, and redirects `/away/…`.
fn echoing() -> FakeTarget {
    FakeTarget::start(|request, out| match request.path.strip_prefix("/away/") {
        Some(to) => write_answer(out, "302 Found", &[("Location", &format!("http://{to}"))], b""),
        None => write_answer(out, "200 OK", &[], request.header("authorization").as_bytes()),
    })
    .expect("a free port")
}

fn oauth2(endpoint: &FakeTarget) -> OAuth2 {
    OAuth2 {
        client_id: "me:1".to_owned(),
        client_secret: Secret::new("s/1"),
        scopes: vec!["a".to_owned(), "b".to_owned()],
        token_url: format!("http://{}/token", endpoint.address()),
        endpoint_params: [("audience".to_owned(), "x y".to_owned())].into(),
        ..OAuth2::fresh()
    }
}

fn client(oauth2: OAuth2) -> HttpClient {
    let config = HttpClientConfig { oauth2: Some(Box::new(oauth2)), ..HttpClientConfig::fresh() };
    HttpClient::new(&config, ClientOptions::default()).expect("a client")
}

async fn shown(client: &HttpClient, url: &str) -> Result<String, String> {
    use http_body_util::BodyExt as _;
    let url = Url::parse(url).expect("a URL");
    let response = client.get(&url, &HeaderMap::new()).await.map_err(|e| e.to_string())?;
    let body = response.into_body().collect().await.map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

#[tokio::test]
async fn a_token_is_got_once_and_shown_to_its_host_alone() {
    let (endpoint, asked) = endpoint(|_| true, r#","token_type":"bearer","expires_in":"3600""#);
    let target = echoing();
    let client = client(oauth2(&endpoint));
    let url = format!("http://{}/", target.address());
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-1"));
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-1"));
    // `me:1` and `s/1`, escaped and joined.
    let want = "Basic bWUlM0ExOnMlMkYx audience=x+y&grant_type=client_credentials&scope=a+b";
    assert_eq!(*asked.lock().expect("no panic"), [want]);
    let port = target.address().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    assert_eq!(shown(&client, &format!("{url}away/localhost:{port}/")).await.as_deref(), Ok(""));
    // Over the connection of its own that a scrape has, too.
    let mut get = RepeatedGet::new(Arc::new(client), &url, HeaderMap::new());
    let mut answer = Answer::default();
    let deadline = Instant::now() + std::time::Duration::from_secs(60);
    get.send(deadline, 1 << 20, &mut answer).await.expect("an answer");
    assert_eq!(answer.body(), b"Bearer token-1");
}

#[tokio::test]
async fn a_token_that_ends_soon_or_has_another_secret_is_renewed() {
    let (endpoint, _) = endpoint(|_| true, r#","expires_in":5"#);
    let target = echoing();
    let url = format!("http://{}/", target.address());
    let short_lived = client(oauth2(&endpoint));
    assert_eq!(shown(&short_lived, &url).await.as_deref(), Ok("Bearer token-1"));
    assert_eq!(shown(&short_lived, &url).await.as_deref(), Ok("Bearer token-2"));

    let (endpoint, asked) = self::endpoint(|_| true, "");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("secret");
    std::fs::write(&file, "one\n").expect("write");
    let mut config = oauth2(&endpoint);
    config.client_secret = Secret::default();
    config.client_secret_file = FilePath::new(file.to_string_lossy());
    let client = client(config);
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-1"));
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-1"));
    std::fs::write(&file, "two\n").expect("write");
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-2"));
    assert_eq!(asked.lock().expect("no panic").len(), 2);
    std::fs::remove_file(&file).expect("remove");
    let error = shown(&client, &url).await.expect_err("no secret");
    assert!(error.contains("unable to read oauth2 client secret"), "{error}");
}

#[tokio::test]
async fn endpoints_that_want_the_secret_in_the_form_get_it_there() {
    let (endpoint, asked) = endpoint(|request| request.header("authorization").is_empty(), r#","expires_in":5"#);
    let target = echoing();
    let url = format!("http://{}/", target.address());
    let client = client(oauth2(&endpoint));
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-2"));
    assert_eq!(shown(&client, &url).await.as_deref(), Ok("Bearer token-3"));
    let form = " audience=x+y&client_id=me%3A1&client_secret=s%2F1&grant_type=client_credentials&scope=a+b";
    let asked = asked.lock().expect("no panic");
    assert!(asked[0].starts_with("Basic "), "{asked:?}");
    assert_eq!(asked[1..], [form, form], "the way that worked is remembered");
}

#[tokio::test]
async fn refusals_are_told_in_upstreams_words() {
    let target = echoing();
    let url = format!("http://{}/", target.address());
    let (refusing, _) = endpoint(|_| false, "");
    let error = shown(&client(oauth2(&refusing)), &url).await.expect_err("refused");
    assert_eq!(error, format!("Get \"{url}\": oauth2: \"invalid_client\" \"who?\""));
    let broken =
        FakeTarget::start(|_, out| write_answer(out, "503 Service Unavailable", &[], b"later")).expect("a port");
    let error = shown(&client(oauth2(&broken)), &url).await.expect_err("unavailable");
    let want = "oauth2: cannot fetch token: 503 Service Unavailable\nResponse: later";
    assert_eq!(error, format!("Get \"{url}\": {want}"));
    let mut config = oauth2(&refusing);
    config.endpoint_params.insert("scope".to_owned(), "c".to_owned());
    let error = shown(&client(config), &url).await.expect_err("twice");
    assert!(error.ends_with("oauth2: cannot overwrite parameter \"scope\""), "{error}");
    let mut config = oauth2(&refusing);
    config.client_secret = Secret::default();
    let error = shown(&client(config), &url).await.expect_err("no secret");
    assert!(error.ends_with("oauth2 client secret is required"), "{error}");
}

#[tokio::test]
async fn assertions_are_signed() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (endpoint, asked) = endpoint(|_| true, "");
    let target = echoing();
    let url = format!("http://{}/", target.address());
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA512, rcgen::RsaKeySize::_2048).expect("a key");
    let mut config = oauth2(&endpoint);
    config.grant_type = super::jwt_assertion::JWT_BEARER.to_owned();
    config.client_certificate_key = Secret::new(key.serialize_pem());
    config.client_certificate_key_id = "k1".to_owned();
    config.signature_algorithm = "RS512".to_owned();
    config.claims = [("role".to_owned(), AnyValue(Out::Str("r".to_owned())))].into();
    assert_eq!(shown(&client(config), &url).await.as_deref(), Ok("Bearer token-1"));
    let asked = asked.lock().expect("no panic");
    let form: std::collections::BTreeMap<_, _> = form_urlencoded::parse(asked[0].trim_start().as_bytes()).collect();
    assert_eq!(form["grant_type"], super::jwt_assertion::JWT_BEARER);
    assert_eq!(form["scope"], "a b");
    let parts: Vec<&str> = form["assertion"].split('.').collect();
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64");
    let json = |part: &str| serde_json::from_slice::<serde_json::Value>(&read(part)).expect("JSON");
    assert_eq!(json(parts[0]), serde_json::json!({"alg": "RS512", "typ": "JWT", "kid": "k1"}));
    let claims = json(parts[1]);
    assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("me:1"), Some("me:1")));
    assert_eq!((claims["role"].as_str(), claims["scope"].as_str()), (Some("r"), Some("a b")));
    assert_eq!(claims["aud"], format!("http://{}/token", endpoint.address()));
    assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|at| at + 600));
    // Whoever holds the public key can check it.
    verify(&format!("{}.{}", parts[0], parts[1]), &read(parts[2]), key.public_key_raw());
}

fn verify(text: &str, signature: &[u8], public_key: &[u8]) {
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    let of_scheme = algorithms.mapping.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA512);
    let (_, verifiers) = of_scheme.expect("a known scheme");
    verifiers[0].verify_signature(public_key, text.as_bytes(), signature).expect("signed by the key");
}
