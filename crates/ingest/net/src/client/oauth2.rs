//! `oauth2`: fetching a token, keeping it while it is good, and showing it (golang.org/x/oauth2 v0.36 and
//! prometheus/common v0.70.1, config/http_config.go and oauth_assertion.go).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use firesteel_config::HttpClientConfig;
use firesteel_config::http::OAuth2;
use firesteel_go_compat::quote;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::auth::given_or_file;
use super::error::{ClientError, RequestFault};
use super::jwt_assertion::{JWT_BEARER, assertion};
use super::request::{ClientOptions, HttpClient};

/// A token is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(10);
/// The longest answer of a token endpoint.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longer than any deadline of a request; without it an endpoint that never answers would hold the lock for ever.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Where tokens come from.
#[derive(Debug)]
pub(super) struct TokenSource {
    config: OAuth2,
    /// Has settings of its own for TLS and proxies, and no credentials.
    client: Box<HttpClient>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// The secret that the token was got with.
    secret: String,
    /// How the endpoint wants the client's name and secret; `None` until one way has worked.
    in_header: Option<bool>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("in_header", &self.in_header).finish_non_exhaustive()
    }
}

struct Token {
    header: HeaderValue,
    /// `None`: it does not end.
    until: Option<Instant>,
}

impl TokenSource {
    pub(super) fn new(config: &OAuth2, user_agent: &str) -> Result<Self, ClientError> {
        let by_reference = !config.client_secret_ref.is_empty() || !config.client_certificate_key_ref.is_empty();
        if by_reference {
            return Err(ClientError::SecretReference);
        }
        let http = HttpClientConfig {
            tls_config: config.tls_config.clone(),
            proxy: config.proxy.clone(),
            enable_http2: false,
            ..HttpClientConfig::default()
        };
        let options = ClientOptions { user_agent: user_agent.to_owned(), ..ClientOptions::default() };
        Ok(Self { config: config.clone(), client: Box::new(HttpClient::new(&http, options)?), held: Mutex::default() })
    }

    /// Returns the `Authorization` header, perhaps after asking for a new token.
    pub(super) fn header(&self) -> Pin<Box<dyn Future<Output = Result<HeaderValue, RequestFault>> + Send + '_>> {
        // Boxed: a client asks through a client.
        Box::pin(self.current())
    }

    async fn current(&self) -> Result<HeaderValue, RequestFault> {
        let secret = self.secret()?;
        let mut held = self.held.lock().await;
        if held.secret != secret {
            // The file has another secret: what was got with the old one is of no use.
            *held = Held { secret: secret.clone(), ..Held::default() };
        }
        if let Some(token) = &held.token
            && token.until.is_none_or(|until| Instant::now() + EARLY < until)
        {
            return Ok(token.header.clone());
        }
        let fetched = tokio::time::timeout(ANSWER_MAX, self.fetch(&secret, &mut held.in_header)).await;
        let token = fetched.unwrap_or(Err(RequestFault::Deadline))?;
        let header = token.header.clone();
        held.token = Some(token);
        Ok(header)
    }

    fn secret(&self) -> Result<String, RequestFault> {
        let c = &self.config;
        let fault = |e: ClientError| RequestFault::Other(format!("unable to read oauth2 client secret: {e}"));
        let (text, file) = if c.grant_type == JWT_BEARER {
            (&c.client_certificate_key, firesteel_config::FilePath::new(&c.client_certificate_key_file))
        } else {
            (&c.client_secret, c.client_secret_file.clone())
        };
        if text.is_empty() && file.is_empty() {
            return Err(RequestFault::Other("oauth2 client secret is required".to_owned()));
        }
        given_or_file(text.reveal(), &file, "oauth2 client secret").map_err(fault)
    }

    async fn fetch(&self, secret: &str, in_header: &mut Option<bool>) -> Result<Token, RequestFault> {
        if self.config.grant_type == JWT_BEARER {
            let form =
                self.form([("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion(&self.config, secret)?)])?;
            return self.ask(&form, None).await;
        }
        let form = self.form([("grant_type", "client_credentials".to_owned())])?;
        if let Some(in_header) = *in_header {
            return self.ask_as(&form, secret, in_header).await;
        }
        // Endpoints differ in where they look; what works is remembered.
        match self.ask_as(&form, secret, true).await {
            Ok(token) => {
                *in_header = Some(true);
                Ok(token)
            }
            Err(_) => {
                let token = self.ask_as(&form, secret, false).await?;
                *in_header = Some(false);
                Ok(token)
            }
        }
    }

    /// Returns the form with scopes and additional parameters.
    fn form<const N: usize>(&self, own: [(&'static str, String); N]) -> Result<BTreeMap<String, String>, RequestFault> {
        let mut form: BTreeMap<String, String> = own.map(|(name, value)| (name.to_owned(), value)).into();
        if !self.config.scopes.is_empty() {
            form.insert("scope".to_owned(), self.config.scopes.join(" "));
        }
        for (name, value) in &self.config.endpoint_params {
            if form.contains_key(name) && name != "grant_type" {
                return Err(RequestFault::Other(format!("oauth2: cannot overwrite parameter {}", quote(name))));
            }
            form.insert(name.clone(), value.clone());
        }
        Ok(form)
    }

    async fn ask_as(
        &self,
        form: &BTreeMap<String, String>,
        secret: &str,
        in_header: bool,
    ) -> Result<Token, RequestFault> {
        let escape = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        if in_header {
            let pair = format!("{}:{}", escape(&self.config.client_id), escape(secret));
            return self.ask(form, Some(format!("Basic {}", BASE64.encode(pair)))).await;
        }
        let mut form = form.clone();
        form.insert("client_id".to_owned(), self.config.client_id.clone());
        if !secret.is_empty() {
            form.insert("client_secret".to_owned(), secret.to_owned());
        }
        self.ask(&form, None).await
    }

    async fn ask(&self, form: &BTreeMap<String, String>, authorization: Option<String>) -> Result<Token, RequestFault> {
        let failed = |e: &dyn std::fmt::Display| RequestFault::Other(format!("oauth2: cannot fetch token: {e}"));
        let url = Url::parse(&self.config.token_url).map_err(|e| failed(&e))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(text) = authorization {
            let mut value = HeaderValue::from_str(&text).map_err(|e| failed(&e))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let sent = self.client.send(Method::POST, &url, &headers, Bytes::from(body)).await;
        let response = sent.map_err(|e| RequestFault::Other(e.to_string()))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|e| failed(&e))?.to_bytes();
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let granted = Granted::read(content_type, &body);
        if let Ok(granted) = &granted
            && !granted.error.is_empty()
        {
            let parts = [&granted.error, &granted.error_description, &granted.error_uri];
            let shown: Vec<String> =
                parts.into_iter().filter(|part| !part.is_empty()).map(|part| quote(part).to_string()).collect();
            return Err(RequestFault::Other(format!("oauth2: {}", shown.join(" "))));
        }
        if !head.status.is_success() {
            let status = status_text(head.status);
            return Err(failed(&format!("{status}\nResponse: {}", String::from_utf8_lossy(&body))));
        }
        granted?.into_token()
    }
}

fn status_text(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned()
}

/// What a token endpoint says.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Seconds,
    error: String,
    error_description: String,
    error_uri: String,
}

/// A number, which some endpoints write as text.
#[derive(Deserialize, Default)]
#[serde(from = "serde_json::Value")]
struct Seconds(u64);

impl From<serde_json::Value> for Seconds {
    fn from(value: serde_json::Value) -> Self {
        let number = value.as_u64().or_else(|| value.as_f64().filter(|v| *v > 0.0).map(|v| v as u64));
        Self(number.or_else(|| value.as_str()?.parse().ok()).unwrap_or(0))
    }
}

impl Granted {
    fn read(content_type: &str, body: &[u8]) -> Result<Self, RequestFault> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !matches!(kind.as_str(), "application/x-www-form-urlencoded" | "text/plain") {
            return serde_json::from_slice(body)
                .map_err(|e| RequestFault::Other(format!("oauth2: cannot parse json: {e}")));
        }
        let mut granted = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "access_token" => granted.access_token = value.into_owned(),
                "token_type" => granted.token_type = value.into_owned(),
                "expires_in" => granted.expires_in = Seconds(value.parse().unwrap_or(0)),
                "error" => granted.error = value.into_owned(),
                "error_description" => granted.error_description = value.into_owned(),
                "error_uri" => granted.error_uri = value.into_owned(),
                _ => {}
            }
        }
        Ok(granted)
    }

    fn into_token(self) -> Result<Token, RequestFault> {
        if self.access_token.is_empty() {
            return Err(RequestFault::Other("oauth2: server response missing access_token".to_owned()));
        }
        let scheme = match self.token_type.to_ascii_lowercase().as_str() {
            "" | "bearer" => "Bearer",
            "mac" => "MAC",
            "basic" => "Basic",
            _ => self.token_type.as_str(),
        };
        let mut header = HeaderValue::from_str(&format!("{scheme} {}", self.access_token))
            .map_err(|_| RequestFault::Other("oauth2: the access token cannot stand in a header".to_owned()))?;
        header.set_sensitive(true);
        let lifetime = (self.expires_in.0 > 0).then(|| Duration::from_secs(self.expires_in.0));
        Ok(Token { header, until: lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)) })
    }
}
