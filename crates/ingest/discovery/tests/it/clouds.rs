//! EC2 and Compute Engine: answers made from their public documentation, beside the labels that Prometheus 3.14 made of
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use firesteel_client::Registry;
use firesteel_config::{SdConfigs, load};
use firesteel_discovery::{DiscoveryManager, DiscoveryOptions, LabelMap};
use firesteel_net::Environment;
use firesteel_testkit::{FakeTarget, TargetRequest, write_answer};

use crate::follow::{Follow, golden};

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/clouds").join(name);
    std::fs::read_to_string(path).expect("a file of the tests")
}

fn environment(all: &[(&str, &str)]) -> Environment {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn configs(text: &str) -> SdConfigs {
    let text = format!("scrape_configs:\n- job_name: k\n  {text}\n");
    let loaded = load(&PathBuf::from("prometheus.yml"), &text);
    assert!(loaded.unsupported.is_empty(), "{:?}", loaded.unsupported);
    loaded.config.expect("a good configuration").scrape_configs[0].discovery.clone()
}

fn follow(text: &str, environment: Environment) -> Follow {
    Follow::start_as(&configs(text), DiscoveryOptions { environment, ..DiscoveryOptions::default() })
}

/// A server that notes what it is asked.
fn noting(
    answer: impl Fn(&TargetRequest, usize) -> (&'static str, String) + Send + Sync + 'static,
) -> (FakeTarget, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let target = FakeTarget::start(move |request, out| {
        let body = String::from_utf8_lossy(&request.body);
        let line = format!("{} {} {body}", request.method, request.path).trim_end().to_owned();
        let so_far = {
            let mut asked = note.lock().expect("no panic");
            asked.push(line);
            asked.len()
        };
        let (status, body) = answer(request, so_far);
        write_answer(out, status, &[], body.as_bytes())
    });
    (target.expect("a free port"), asked)
}

fn ec2_answer(request: &TargetRequest) -> (&'static str, String) {
    let form: BTreeMap<String, String> = form_urlencoded::parse(&request.body).into_owned().collect();
    let page = match (form["Action"].as_str(), form.get("NextToken").map(String::as_str)) {
        ("DescribeAvailabilityZones", _) => "ec2-zones.xml",
        (_, None) => "ec2-instances-1.xml",
        (_, Some("page/2+")) => "ec2-instances-2.xml",
        (_, Some(other)) => panic!("page {other}"),
    };
    ("200 OK", data(page))
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_ec2_have_upstreams_labels() {
    let (server, asked) = noting(|request, _| {
        let value = request.header("authorization");
        let signed =
            value.starts_with("AWS4-HMAC-SHA256 Credential=AK/") && value.contains("/eu-west-9/ec2/aws4_request");
        assert!(signed, "{value}");
        ec2_answer(request)
    });
    let keys =
        "region: eu-west-9, access_key: AK, secret_key: SK, port: 9100, filters: [{name: 'tag:a', values: [b, c d]}]";
    for block in ["ec2_sd_configs:\n  - {", "aws_sd_configs:\n  - {role: ec2, "] {
        let text = format!("{block}endpoint: 'http://{}', {keys}}}", server.address());
        let want = golden(&data("ec2.json"), "");
        let mut set = follow(&text, environment(&[]));
        let found = set.until("all instances", |found| found.len() == want.len()).await;
        assert_eq!(found, want);
        set.manager.stop().await;
        let asked = std::mem::take(&mut *asked.lock().expect("no panic"));
        let filter = "Filter.1.Name=tag%3Aa&Filter.1.Value.1=b&Filter.1.Value.2=c+d";
        assert_eq!(
            asked[..3],
            [
                "POST / Action=DescribeAvailabilityZones&Version=2016-11-15".to_owned(),
                format!("POST / Action=DescribeInstances&{filter}&Version=2016-11-15"),
                format!("POST / Action=DescribeInstances&{filter}&NextToken=page%2F2%2B&Version=2016-11-15"),
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ec2_is_asked_with_what_the_instance_knows() {
    const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"IMDS","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"}"#;
    let (metadata, _) = noting(|request, _| {
        let answer = match request.path.as_str() {
            "/latest/api/token" => "token",
            "/latest/dynamic/instance-identity/document" => r#"{"region":"eu-west-9"}"#,
            "/latest/meta-data/iam/security-credentials/" => "role",
            _ => KEYS,
        };
        ("200 OK", answer.to_owned())
    });
    // A busy server twice, then a refusal, then all is well.
    let (server, _) = noting(|request, so_far| {
        assert!(request.header("authorization").contains("Credential=IMDS/"));
        assert_eq!(request.header("x-amz-security-token"), "t");
        let refused = "<Response><Errors><Error><Code>AuthFailure</Code><Message>no</Message></Error></Errors>\
                       <RequestID>1</RequestID></Response>";
        match so_far {
            1 | 2 => ("503 Service Unavailable", String::new()),
            4 => ("401 Unauthorized", refused.to_owned()),
            _ => ec2_answer(request),
        }
    });
    let (metadata, endpoint) = (format!("http://{}", metadata.address()), format!("http://{}", server.address()));
    let environment = environment(&[
        ("HOME", "/nowhere"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata),
        ("AWS_ENDPOINT_URL_EC2", &endpoint),
    ]);
    let mut set = follow("ec2_sd_configs:\n  - {refresh_interval: 50ms}", environment);
    let found = set.until("all instances", |found| found.len() == 3).await;
    assert_eq!(found[0]["__address__"], "10.0.0.1:80");
    assert_eq!(found[0]["__meta_ec2_region"], "eu-west-9");
    set.until_metric("prometheus_sd_refresh_failures_total", 1.0).await;
    set.manager.stop().await;
}

fn gce_answer(request: &TargetRequest) -> (&'static str, String) {
    let page = if request.path.contains("&pageToken=page%2F2%2B&") { "gce-2.json" } else { "gce-1.json" };
    ("200 OK", data(page))
}

const GCE: &str = "gce_sd_configs:\n  - {project: my-project, zone: europe-west9-a, port: 9100, filter: status=RUNNING, \
                   tag_separator: ';', refresh_interval: 100ms}";

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_gce_have_upstreams_labels() {
    let (server, asked) = noting(|request, so_far| {
        if request.path.contains("service-accounts") {
            assert_eq!(request.header("metadata-flavor"), "Google");
            return (
                "200 OK",
                format!(r#"{{"access_token":"token-{so_far}","expires_in":3000,"token_type":"Bearer"}}"#),
            );
        }
        match (so_far, request.header("authorization")) {
            (2, _) => {
                ("401 Unauthorized", r#"{"error":{"message":"no","errors":[{"reason":"authError"}]}}"#.to_owned())
            }
            (_, "Bearer token-3") => gce_answer(request),
            (_, other) => panic!("authorization {other:?}"),
        }
    });
    let api = format!("http://{}/compute/v1/", server.address());
    let environment = environment(&[
        ("HOME", "/nowhere"),
        ("GCE_METADATA_HOST", &server.address()),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", &api),
    ]);
    let want: Vec<LabelMap> = golden(&data("gce.json"), "");
    let mut set = follow(GCE, environment);
    let found = set.until("all instances", |found| found.len() == want.len()).await;
    assert_eq!(found, want);
    assert!(set.metric("prometheus_sd_refresh_failures_total") >= 1.0);
    set.manager.stop().await;
    let list = "GET /compute/v1/projects/my-project/zones/europe-west9-a/instances?alt=json&filter=status%3DRUNNING";
    let token = "GET /computeMetadata/v1/instance/service-accounts/default/token?\
                 scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcompute.readonly";
    assert_eq!(
        asked.lock().expect("no panic")[..5],
        [
            token.to_owned(),
            format!("{list}&prettyPrint=false"),
            token.to_owned(),
            format!("{list}&prettyPrint=false"),
            format!("{list}&pageToken=page%2F2%2B&prettyPrint=false"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_credentials_open_gce() {
    let (server, asked) = noting(|request, _| match request.path.as_str() {
        "/token" => ("200 OK", r#"{"access_token":"of-file","expires_in":3000}"#.to_owned()),
        _ => {
            assert_eq!(request.header("authorization"), "Bearer of-file");
            gce_answer(request)
        }
    });
    let api = format!("http://{}/compute/v1/", server.address());
    let uri = format!("http://{}/token", server.address());
    let dir = tempfile::tempdir().expect("a directory");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key").serialize_pem();
    let account = serde_json::json!({"type": "service_account", "client_email": "me@x", "private_key": key,
        "private_key_id": "k1", "token_uri": uri});
    let person = serde_json::json!({"type": "authorized_user", "client_id": "id", "client_secret": "s",
        "refresh_token": "r", "token_uri": uri});
    for (name, content) in [("account", &account), ("application_default_credentials.json", &person)] {
        std::fs::write(dir.path().join(name), content.to_string()).expect("write");
    }
    let account = dir.path().join("account").display().to_string();
    let directory = dir.path().display().to_string();
    for (variable, value) in [("GOOGLE_APPLICATION_CREDENTIALS", &account), ("CLOUDSDK_CONFIG", &directory)] {
        let all = [("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", api.as_str()), (variable, value)];
        let mut set = follow(GCE, environment(&all));
        set.until("all instances", |found| found.len() == 2).await;
        set.manager.stop().await;
        let question = asked.lock().expect("no panic").remove(0);
        if variable == "CLOUDSDK_CONFIG" {
            let form = "grant_type=refresh_token&refresh_token=r&client_id=id&client_secret=s";
            assert_eq!(question, format!("POST /token {form}"));
        } else {
            let jwt = question.strip_prefix(
                "POST /token grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=",
            );
            let parts: Vec<&str> = jwt.expect("a statement").split('.').collect();
            let read = |part: &str| -> serde_json::Value {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64");
                serde_json::from_slice(&bytes).expect("JSON")
            };
            assert_eq!(read(parts[0]), serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
            let claims = read(parts[1]);
            assert_eq!((claims["iss"].as_str(), claims["aud"].as_str()), (Some("me@x"), Some(uri.as_str())));
            assert_eq!(claims["scope"], "https://www.googleapis.com/auth/compute.readonly");
        }
        asked.lock().expect("no panic").clear();
    }
}

#[tokio::test]
async fn what_cannot_act_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("c").display().to_string();
    std::fs::write(&file, r#"{"type": "external_account"}"#).expect("write");
    let missing = dir.path().join("missing").display().to_string();
    let prefix = "error setting up communication with GCE service: ";
    for (value, want) in [
        (
            &file,
            "credentials of the type \"external_account\" are not supported: use those of a service account".to_owned(),
        ),
        (
            &missing,
            format!(
                "google: error getting credentials using GOOGLE_APPLICATION_CREDENTIALS environment variable: \
                 open {missing}: no such file or directory"
            ),
        ),
    ] {
        let environment = environment(&[("GOOGLE_APPLICATION_CREDENTIALS", value)]);
        let options = DiscoveryOptions { environment, ..DiscoveryOptions::default() };
        let manager = DiscoveryManager::new(options, &Registry::new());
        let failed = manager.apply([("k".to_owned(), &configs(GCE))]);
        let failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
        assert_eq!(failed, [format!("{prefix}{want}")]);
        manager.stop().await;
    }
}
