//! Signatures beside those of AWS' own signer, and the chain of credentials against services that check what they get.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign as hmac};
use bytes::Bytes;
use firesteel_config::{Decode as _, HttpClientConfig, Secret, SigV4Config};
use firesteel_go_compat::Instant;
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use url::Url;

use super::account::Keys;
use super::{AwsAccount, AwsSettings, Scope, Signing, sign};
use crate::Environment;
use crate::client::{ClientOptions, HttpClient};

/// Inputs of ours; `sent` and `authorization` are what aws-sdk-go-v2 1.43.4 made of them.
#[derive(Deserialize)]
struct Case {
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    token: String,
    region: String,
    service: String,
    time: String,
    sent: String,
    authorization: String,
}

#[test]
fn signatures_are_those_of_awss_own_signer() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../testdata/sigv4.json")).expect("cases");
    for case in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in &case.headers {
            let name: HeaderName = name.parse().expect("a name");
            headers.append(name, HeaderValue::from_str(value.trim()).expect("a value"));
        }
        let keys = Keys {
            access_key: "AKIDOFOURS".to_owned(),
            secret_key: "a secret/of+ours".to_owned(),
            session_token: case.token,
            until: None,
        };
        let method: Method = case.method.parse().expect("a method");
        let mut url = Url::parse(&case.url).expect("a URL");
        let unix_secs = Instant::parse_rfc3339(&case.time).expect("a time").unix_secs;
        let scope = Scope { region: &case.region, service: &case.service, unix_secs };
        sign(&method, &mut url, &mut headers, case.body.as_bytes(), &keys, scope).expect("fits into headers");
        assert_eq!(url.as_str(), case.sent, "{}", case.name);
        assert_eq!(headers["authorization"], case.authorization, "{}", case.name);
    }
}

/// What a service that knows the secret makes of a request, from what came over the wire alone.
fn verify(request: &TargetRequest, secret: &str) -> Result<(), String> {
    let value = request.header("authorization");
    let field = |name: &str| {
        let rest = value.split(&format!("{name}=")).nth(1).unwrap_or_default();
        rest.split([',', ' ']).next().unwrap_or_default().to_owned()
    };
    let (credential, names, signature) = (field("Credential"), field("SignedHeaders"), field("Signature"));
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut lines = format!("{}\n{}\n{query}\n", request.method, path.replace('%', "%25"));
    for name in names.split(';') {
        lines += &format!("{name}:{}\n", request.header(name));
    }
    lines += &format!("\n{names}\n{}", hex(digest(&SHA256, &request.body).as_ref()));
    let (_, scope) = credential.split_once('/').ok_or("no credential")?;
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        request.header("x-amz-date"),
        hex(digest(&SHA256, lines.as_bytes()).as_ref())
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/').chain([text.as_str()]) {
        key = hmac(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    if hex(&key) == signature { Ok(()) } else { Err(format!("signature {signature}, want {}", hex(&key))) }
}

/// A target that answers with the identity that signed, if the signature is good: `SECRET` by access key.
fn guarded(secrets: &'static [(&'static str, &'static str)]) -> FakeTarget {
    FakeTarget::start(move |request, out| {
        let value = request.header("authorization").to_owned();
        let id = value.split("Credential=").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
        let known = secrets.iter().find(|(known, _)| *known == id);
        let verdict = known.map_or_else(|| Err(format!("who is {id:?}?")), |(_, secret)| verify(request, secret));
        match verdict {
            Ok(()) => {
                let token = request.header("x-amz-security-token");
                write_answer(out, "200 OK", &[], format!("{id} {token}").trim_end().as_bytes())
            }
            Err(why) => write_answer(out, "403 Forbidden", &[], why.as_bytes()),
        }
    })
    .expect("a free port")
}

fn environment(all: &[(&str, &str)]) -> Environment {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn settings(all: &[(&str, &str)]) -> AwsSettings {
    let http = HttpClientConfig::fresh();
    AwsSettings { region: "eu-west-9".to_owned(), http, environment: environment(all), ..AwsSettings::default() }
}

async fn ask(settings: AwsSettings, target: &FakeTarget) -> String {
    let account = Arc::new(AwsAccount::new(settings).expect("an account"));
    let signing = Some(Signing { account, service: "aps".to_owned() });
    ask_with(signing, &format!("http://{}/a%20b//c?z=1&b=x+y", target.address()), b"body").await
}

async fn ask_with(signing: Option<Signing>, url: &str, body: &'static [u8]) -> String {
    let options = ClientOptions { user_agent: "agent".to_owned(), signing, ..ClientOptions::default() };
    let client = HttpClient::new(&HttpClientConfig::fresh(), options).expect("a client");
    let url = Url::parse(url).expect("a URL");
    let sent = client.send(Method::POST, &url, &HeaderMap::new(), Bytes::from_static(body)).await;
    match sent {
        Ok(response) => {
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            String::from_utf8_lossy(&body).into_owned()
        }
        Err(error) => error.fault.to_string(),
    }
}

const FAR: &str = "2999-01-01T00:00:00Z";
const HOME: (&str, &str) = ("HOME", "/nowhere");

#[tokio::test]
async fn a_block_of_the_configuration_signs_for_amazons_prometheus() {
    let target = guarded(&[("AKID", "secret")]);
    let config = SigV4Config {
        region: "eu-west-1".to_owned(),
        access_key: "AKID".to_owned(),
        secret_key: Secret::new("secret"),
        ..SigV4Config::fresh()
    };
    let signing = Signing::of_config(&config).expect("settings that fit");
    assert_eq!(signing.service, "aps");
    let url = format!("http://{}/", target.address());
    assert_eq!(ask_with(Some(signing), &url, b"").await, "AKID");
    // Another secret is noticed: the check is one.
    let wrong = SigV4Config { secret_key: Secret::new("other"), ..config };
    let answer = ask_with(Signing::of_config(&wrong).ok(), &url, b"").await;
    assert!(answer.starts_with("signature "), "{answer}");
}

#[tokio::test]
async fn a_signature_does_not_follow_to_another_host() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let target = FakeTarget::start(move |request, out| {
        note.lock().expect("no panic").push(request.header("authorization").to_owned());
        let port = request.header("host").split(':').nth(1).unwrap_or_default().to_owned();
        let there = format!("http://localhost:{port}/there");
        match request.path.as_str() {
            "/" => write_answer(out, "307 Temporary Redirect", &[("Location", &there)], b""),
            _ => write_answer(out, "200 OK", &[], b"ok"),
        }
    })
    .expect("a free port");
    let settings = AwsSettings { access_key: "AKID".to_owned(), secret_key: Secret::new("secret"), ..settings(&[]) };
    let account = Arc::new(AwsAccount::new(settings).expect("an account"));
    let signing = Some(Signing { account, service: "aps".to_owned() });
    assert_eq!(ask_with(signing, &format!("http://{}/", target.address()), b"x").await, "ok");
    let seen = seen.lock().expect("no panic");
    assert!(seen[0].starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{seen:?}");
    assert_eq!(seen[1..], [""]);
}

#[tokio::test]
async fn credentials_come_from_environment_and_files() {
    let target = guarded(&[("env", "s1"), ("file", "s2"), ("named", "s3"), ("printed", "s4")]);
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let json = format!(
        r#"{{"Version":1,"AccessKeyId":"printed","SecretAccessKey":"s4","SessionToken":"st","Expiration":"{FAR}"}}"#
    );
    std::fs::write(path("printed.json"), json).expect("write");
    let config = format!(
        "[profile program]\ncredential_process = cat {}\n[profile people]\nsso_session = x\n[profile round]\n\
         role_arn = a\nsource_profile = around\n[profile around]\nrole_arn = b\nsource_profile = round\n",
        path("printed.json")
    );
    std::fs::write(path("config"), config).expect("write");
    let credentials = "[default]\naws_access_key_id = file\naws_secret_access_key = s2\naws_session_token = t2\n\
                       [named]\naws_access_key_id=named\naws_secret_access_key=s3\n";
    std::fs::write(path("credentials"), credentials).expect("write");
    let (config, credentials) = (path("config"), path("credentials"));
    let files = [HOME, ("AWS_CONFIG_FILE", &config), ("AWS_SHARED_CREDENTIALS_FILE", &credentials)];
    let keys = [("AWS_ACCESS_KEY_ID", "env"), ("AWS_SECRET_ACCESS_KEY", "s1"), ("AWS_SESSION_TOKEN", "t1")];
    let failed = "error retrieving credentials: ";
    for (environment, profile, want) in [
        ([&files[..], &keys].concat(), "", "env t1".to_owned()),
        (files.to_vec(), "", "file t2".to_owned()),
        ([&files[..], &keys].concat(), "named", "named".to_owned()),
        ([&files[..], &[("AWS_PROFILE", "named")]].concat(), "", "named".to_owned()),
        (files.to_vec(), "program", "printed st".to_owned()),
        (files.to_vec(), "nobody", format!("{failed}failed to get shared config profile, nobody")),
        (
            files.to_vec(),
            "people",
            format!("{failed}profile people: single sign-on needs a person, and is not supported"),
        ),
        (
            files.to_vec(),
            "round",
            format!("{failed}failed to get shared config profile, round: profiles lead in a circle"),
        ),
    ] {
        let settings = AwsSettings { profile: profile.to_owned(), ..settings(&environment) };
        assert_eq!(ask(settings, &target).await, want, "{profile}");
    }
}

/// Metadata service, container endpoint and STS in one; notes what it is asked.
fn cloud(expiration: &'static str) -> (FakeTarget, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let target = FakeTarget::start(move |request, out| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        note.lock()
            .expect("no panic")
            .push(format!("{} {} {body}", request.method, request.path).trim_end().to_owned());
        let keys = |id: &str| {
            format!(
                r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"s-{id}","Token":"t-{id}","Expiration":"{expiration}"}}"#
            )
        };
        let with_token = request.header("x-aws-ec2-metadata-token") == "imds-token";
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("PUT", "/latest/api/token") => {
                assert_eq!(request.header("x-aws-ec2-metadata-token-ttl-seconds"), "21600");
                "imds-token".to_owned()
            }
            ("GET", "/latest/meta-data/iam/security-credentials/") if with_token => "a-role\n".to_owned(),
            ("GET", "/latest/meta-data/iam/security-credentials/a-role") if with_token => keys("instance"),
            ("GET", "/latest/dynamic/instance-identity/document") if with_token => {
                r#"{"region":"ap-south-7"}"#.to_owned()
            }
            ("GET", "/ecs") if request.header("authorization") == "Bearer x" => keys("container"),
            ("POST", "/") => {
                let form: BTreeMap<_, _> = form_urlencoded::parse(&request.body).into_owned().collect();
                let action = form["Action"].clone();
                if action == "AssumeRole" {
                    let signed = verify(request, "s1");
                    assert_eq!(signed, Ok(()));
                    assert!(request.header("authorization").contains("/eu-west-9/sts/aws4_request"));
                } else {
                    assert_eq!((form["WebIdentityToken"].as_str(), request.header("authorization")), ("jwt", ""));
                }
                if form["RoleArn"] == "refused" {
                    let text = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                                <Message>not you &amp; me</Message></Error></ErrorResponse>";
                    return write_answer(out, "403 Forbidden", &[], text.as_bytes());
                }
                format!(
                    "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
                     <AccessKeyId>role</AccessKeyId><SecretAccessKey>s-role</SecretAccessKey><SessionToken>t-role</SessionToken>\
                     <Expiration>{expiration}</Expiration></Credentials></{action}Result></{action}Response>"
                )
            }
            _ => return write_answer(out, "404 Not Found", &[], b"{}"),
        };
        write_answer(out, "200 OK", &[], answer.as_bytes())
    });
    (target.expect("a free port"), asked)
}

const OF_CLOUD: &[(&str, &str)] =
    &[("instance", "s-instance"), ("container", "s-container"), ("role", "s-role"), ("env", "s1")];

#[tokio::test]
async fn roles_come_from_instances_containers_and_sts() {
    let target = guarded(OF_CLOUD);
    let (cloud, asked) = cloud(FAR);
    let base = format!("http://{}", cloud.address());
    let dir = tempfile::tempdir().expect("a directory");
    let jwt = dir.path().join("jwt").display().to_string();
    std::fs::write(&jwt, "jwt\n").expect("write");
    let container = format!("{base}/ecs");
    let instance = [HOME, ("AWS_EC2_METADATA_SERVICE_ENDPOINT", base.as_str())];
    assert_eq!(ask(settings(&instance), &target).await, "instance t-instance");
    let questions = std::mem::take(&mut *asked.lock().expect("no panic"));
    assert_eq!(questions.len(), 4, "{questions:?}");

    let of_container =
        [HOME, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer x")];
    assert_eq!(ask(settings(&of_container), &target).await, "container t-container");
    let far_away = [HOME, ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/x")];
    let refused = ask(settings(&far_away), &target).await;
    assert!(
        refused.ends_with("invalid endpoint host, \"192.0.2.1\", only loopback/ecs/eks hosts are allowed"),
        "{refused}"
    );

    let sts = ("AWS_ENDPOINT_URL_STS", base.as_str());
    let web =
        [HOME, sts, ("AWS_WEB_IDENTITY_TOKEN_FILE", &jwt), ("AWS_ROLE_ARN", "arn:r"), ("AWS_ROLE_SESSION_NAME", "me")];
    assert_eq!(ask(settings(&web), &target).await, "role t-role");

    asked.lock().expect("no panic").clear();
    let keys = [HOME, sts, ("AWS_ACCESS_KEY_ID", "env"), ("AWS_SECRET_ACCESS_KEY", "s1")];
    let of_role =
        |arn: &str| AwsSettings { role_arn: arn.to_owned(), external_id: "ours".to_owned(), ..settings(&keys) };
    assert_eq!(ask(of_role("arn:aws:iam::1:role/x"), &target).await, "role t-role");
    let questions = std::mem::take(&mut *asked.lock().expect("no panic"));
    let [question] = &questions[..] else { panic!("{questions:?}") };
    let rest =
        question.strip_prefix("POST / Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&RoleSessionName=");
    assert!(
        rest.is_some_and(|rest| rest.ends_with("&DurationSeconds=900&ExternalId=ours&Version=2011-06-15")),
        "{question}"
    );
    assert_eq!(
        ask(of_role("refused"), &target).await,
        "error retrieving credentials: operation error STS: AssumeRole, https response error StatusCode: 403, \
         api error AccessDenied: not you & me"
    );
}

#[tokio::test]
async fn credentials_are_kept_while_they_hold() {
    for (expiration, rounds) in [(FAR, 1), ("2001-01-01T00:00:00Z", 3)] {
        let target = guarded(OF_CLOUD);
        let (cloud, asked) = cloud(expiration);
        let base = format!("http://{}", cloud.address());
        let all = settings(&[HOME, ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &base)]);
        let account = Arc::new(AwsAccount::new(all).expect("an account"));
        for _ in 0..3 {
            let signing = Some(Signing { account: Arc::clone(&account), service: "aps".to_owned() });
            let url = format!("http://{}/", target.address());
            assert_eq!(ask_with(signing, &url, b"").await, "instance t-instance");
        }
        let tokens = asked.lock().expect("no panic").iter().filter(|q| q.starts_with("PUT")).count();
        assert_eq!(tokens, 2 * rounds, "{expiration}");
    }
}

#[tokio::test]
async fn regions_are_looked_for() {
    let (cloud, _asked) = cloud(FAR);
    let base = format!("http://{}", cloud.address());
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("config").display().to_string();
    std::fs::write(&config, "[default]\nregion = of-file\n[profile p]\nregion = of-profile\n").expect("write");
    let files = ("AWS_CONFIG_FILE", config.as_str());
    let instance = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", base.as_str());
    let off = ("AWS_EC2_METADATA_DISABLED", "true");
    for (given, environment, want) in [
        ("given", vec![HOME, ("AWS_REGION", "of-env")], "given"),
        ("", vec![HOME, files, ("AWS_REGION", "of-env")], "of-env"),
        ("", vec![HOME, files, ("AWS_DEFAULT_REGION", "of-env")], "of-env"),
        ("", vec![HOME, files], "of-file"),
        ("", vec![HOME, files, ("AWS_PROFILE", "p")], "of-profile"),
        ("", vec![HOME, instance], "ap-south-7"),
        (
            "",
            vec![HOME, off],
            "could not determine AWS region: failed to get region from IMDS: access disabled to EC2 IMDS via client \
             option, or \"AWS_EC2_METADATA_DISABLED\"",
        ),
    ] {
        let settings = AwsSettings { region: given.to_owned(), ..settings(&environment) };
        let account = AwsAccount::new(settings).expect("an account");
        assert_eq!(account.region().await.unwrap_or_else(|why| why), want);
    }
    // Signing alone asks no instance where it is.
    let target = guarded(OF_CLOUD);
    let nowhere = AwsSettings { region: String::new(), ..settings(&[HOME, instance]) };
    assert_eq!(ask(nowhere, &target).await, "region not configured in sigv4 or in default credentials chain");
}
