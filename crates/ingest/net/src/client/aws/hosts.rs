//! Credentials that a machine has because of where it runs: the endpoints of containers and of instances.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::account::{AwsAccount, Granted, Keys};

/// Elsewhere than on AWS nobody answers.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const TOKEN_SECS: &str = "21600";
const CONTAINERS: &str = "http://169.254.170.2";
const CONTAINER_ADDRESSES: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// Returns the domain that a region's endpoints have.
pub(super) fn domain(region: &str) -> &'static str {
    for (prefix, domain) in [
        ("cn-", "amazonaws.com.cn"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-iso-", "c2s.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ] {
        if region.starts_with(prefix) {
            return domain;
        }
    }
    "amazonaws.com"
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    region: String,
}

impl AwsAccount {
    /// Returns whether the environment names an endpoint for containers.
    pub(super) fn is_in_container(&self) -> bool {
        let variables = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        !self.environment().first_of(&variables).is_empty()
    }

    /// Asks the endpoint for containers (ECS, EKS Pod Identity).
    pub(super) async fn of_container(&self) -> Result<Keys, String> {
        let failed = |why: String| format!("failed to load credentials, {why}");
        let environment = self.environment();
        let relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        let full = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let text = if relative.is_empty() { full.to_owned() } else { format!("{CONTAINERS}{relative}") };
        let url = Url::parse(&text).map_err(|e| failed(format!("invalid URL, {e}")))?;
        if url.scheme() == "http" && !is_allowed(url.host_str().unwrap_or_default()) {
            let host = url.host_str().unwrap_or_default();
            return Err(failed(format!("invalid endpoint host, \"{host}\", only loopback/ecs/eks hosts are allowed")));
        }
        let mut token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").to_owned();
        let file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        if !file.is_empty() {
            let text = std::fs::read_to_string(file)
                .map_err(|e| failed(format!("failed to read authorization token from {file}: {e}")))?;
            text.trim().clone_into(&mut token);
        }
        let mut headers = HeaderMap::new();
        if !token.is_empty() {
            let mut value =
                HeaderValue::from_str(&token).map_err(|_| failed("authorization token is no header".to_owned()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let (status, body) = self.ask_nearby(Method::GET, &url, &headers).await.map_err(failed)?;
        let granted: Granted = serde_json::from_slice(&body).map_err(|e| failed(format!("status {status}: {e}")))?;
        if status != StatusCode::OK {
            return Err(failed(format!("status {status}: {} {}", granted.code, granted.message)));
        }
        granted.into_keys().map_err(failed)
    }

    /// Asks the instance's metadata service for the credentials of its role.
    pub(super) async fn of_instance(&self) -> Result<Keys, String> {
        let failed = |why: String| format!("no EC2 IMDS role found, {why}");
        let text = |body: Bytes| String::from_utf8_lossy(&body).trim().to_owned();
        let list = "/latest/meta-data/iam/security-credentials/";
        let roles = self.metadata(list).await.map(text).map_err(failed)?;
        let role = roles.lines().next().unwrap_or_default();
        let body = self.metadata(&format!("{list}{role}")).await.map_err(failed)?;
        let granted: Granted = serde_json::from_slice(&body).map_err(|e| failed(e.to_string()))?;
        if granted.code != "Success" {
            return Err(failed(format!(
                "failed to get IMDS EC2 role credentials: {} {}",
                granted.code, granted.message
            )));
        }
        granted.into_keys().map_err(failed)
    }

    /// Asks the instance where it is.
    pub(super) async fn region_of_instance(&self) -> Result<String, String> {
        let failed = |why: String| format!("failed to get region from IMDS: {why}");
        let body = self.metadata("/latest/dynamic/instance-identity/document").await.map_err(failed)?;
        let document: Document = serde_json::from_slice(&body).map_err(|e| failed(e.to_string()))?;
        if document.region.is_empty() {
            return Err("region not found in AWS config or IMDS".to_owned());
        }
        Ok(document.region)
    }

    /// Asks with a token of version 2; where there is none, without, as version 1 has it.
    async fn metadata(&self, path: &str) -> Result<Bytes, String> {
        let environment = self.environment();
        if environment.get("AWS_EC2_METADATA_DISABLED").eq_ignore_ascii_case("true") {
            return Err("access disabled to EC2 IMDS via client option, or \"AWS_EC2_METADATA_DISABLED\"".to_owned());
        }
        let usual = if environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").eq_ignore_ascii_case("ipv6") {
            "http://[fd00:ec2::254]"
        } else {
            "http://169.254.169.254"
        };
        let given = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").trim_end_matches('/');
        let base = if given.is_empty() { usual } else { given };
        let url = |path: &str| Url::parse(&format!("{base}{path}")).map_err(|e| e.to_string());
        let mut headers = HeaderMap::new();
        let lifetime = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
        headers.insert(lifetime, HeaderValue::from_static(TOKEN_SECS));
        let (status, token) = self.ask_nearby(Method::PUT, &url("/latest/api/token")?, &headers).await?;
        headers.clear();
        match status.as_u16() {
            200 => {
                let token = HeaderValue::from_bytes(&token).map_err(|_| "the token is no header".to_owned())?;
                headers.insert(HeaderName::from_static("x-aws-ec2-metadata-token"), token);
            }
            403..=405 if environment.get("AWS_EC2_METADATA_V1_DISABLED").eq_ignore_ascii_case("true") => {
                return Err(format!("PUT /latest/api/token: {status}, and version 1 is disabled"));
            }
            403..=405 => {}
            _ => return Err(format!("PUT /latest/api/token: {status}")),
        }
        let (status, body) = self.ask_nearby(Method::GET, &url(path)?, &headers).await?;
        if status == StatusCode::OK { Ok(body) } else { Err(format!("GET {path}: {status}")) }
    }

    async fn ask_nearby(&self, method: Method, url: &Url, headers: &HeaderMap) -> Result<(StatusCode, Bytes), String> {
        let asked = self.exchange(method, url, headers, Bytes::new());
        tokio::time::timeout(ANSWER_MAX, asked).await.unwrap_or_else(|_| Err(format!("no answer from {url}")))
    }
}

/// Credentials do not go over plain HTTP through a network (aws-sdk-go-v2, config/resolve_credentials.go).
fn is_allowed(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback()) || CONTAINER_ADDRESSES.contains(&host)
}
