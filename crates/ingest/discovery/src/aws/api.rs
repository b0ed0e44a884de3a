//! EC2's query API: a signed form, an answer in XML.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firesteel_config::sd::Ec2Sd;
use firesteel_net::client::{AwsAccount, ClientOptions, Signing};
use firesteel_net::xml::{self, Element};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::error::DiscoveryError;
use crate::fetch::Fetcher;

const VERSION: &str = "2016-11-15";
/// No single answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);
/// As AWS' own clients: what may pass by itself is asked for again.
const ATTEMPTS: u32 = 3;
const PAUSE_FIRST: Duration = Duration::from_millis(200);

pub(super) struct Api {
    fetcher: Fetcher,
    account: Arc<AwsAccount>,
    endpoint: String,
}

/// What went wrong, and AWS' code for it if it is known.
pub(super) struct Failed {
    pub(super) error: DiscoveryError,
    pub(super) code: String,
}

impl Api {
    pub(super) fn new(
        config: &Ec2Sd,
        account: Arc<AwsAccount>,
        options: ClientOptions,
    ) -> Result<Self, DiscoveryError> {
        let signing = Some(Signing { account: Arc::clone(&account), service: "ec2".to_owned() });
        let options = ClientOptions { signing, ..options };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let fetcher = Fetcher::new(&config.http, options, TIMEOUT)?.with_headers(headers);
        Ok(Self { fetcher, account, endpoint: config.endpoint.clone() })
    }

    /// Asks, and returns the root of the answer.
    pub(super) async fn ask(&self, region: &str, action: &str, form: &[(String, String)]) -> Result<Element, Failed> {
        let fail = |error| Failed { error, code: String::new() };
        let usual = || self.account.endpoint("ec2", region);
        let url =
            if self.endpoint.is_empty() { usual() } else { Url::parse(&self.endpoint).map_err(|e| e.to_string()) };
        let url = url.map_err(|why| fail(operation(action, &format!("resolve endpoint: {why}"))))?;
        let body = Serializer::new(String::new())
            .append_pair("Action", action)
            .extend_pairs(form)
            .append_pair("Version", VERSION)
            .finish();
        let body = Bytes::from(body);
        let mut pause = PAUSE_FIRST;
        for attempt in 1.. {
            match self.once(&url, action, body.clone()).await {
                Err((_, may_pass)) if may_pass && attempt < ATTEMPTS => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome.map_err(|(failed, _)| failed),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Errors with whether trying again may help.
    async fn once(&self, url: &Url, action: &str, body: Bytes) -> Result<Element, (Failed, bool)> {
        let fetched = match self.fetcher.send(Method::POST, url, body).await {
            Ok(fetched) => fetched,
            Err(error) => {
                let may_pass = matches!(error, DiscoveryError::Request(_));
                return Err((Failed { error: operation(action, &error.to_string()), code: String::new() }, may_pass));
            }
        };
        let root = xml::parse(&fetched.body);
        if fetched.status == StatusCode::OK {
            let unread = |why: String| operation(action, &format!("deserialization failed, {why}"));
            return root.map_err(|why| (Failed { error: unread(why), code: String::new() }, false));
        }
        let root = root.unwrap_or_default();
        let error = root.child("Errors").and_then(|errors| errors.child("Error"));
        let (code, message) = error.map_or(("UnknownError", "UnknownError"), |e| (e.value("Code"), e.value("Message")));
        let (status, id) = (fetched.status.as_u16(), root.value("RequestID"));
        let why = format!("https response error StatusCode: {status}, RequestID: {id}, api error {code}: {message}");
        let is_throttled = matches!(code, "RequestLimitExceeded" | "Throttling" | "ThrottlingException");
        let may_pass = fetched.status.is_server_error() || is_throttled;
        Err((Failed { error: operation(action, &why), code: code.to_owned() }, may_pass))
    }
}

fn operation(action: &str, why: &str) -> DiscoveryError {
    DiscoveryError::Other(format!("operation error EC2: {action}, {why}"))
}
