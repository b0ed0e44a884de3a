//! Google's default credentials: a file that the environment names, the file of the gcloud command, the metadata server
//! (golang.org/x/oauth2 v0.36, google/default.go).

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use firesteel_net::Environment;
use firesteel_net::client::{go_io, sign_jwt};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::error::DiscoveryError;
use crate::fetch::Fetcher;

const SCOPE: &str = "https://www.googleapis.com/auth/compute.readonly";
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a signed statement holds.
const LIFETIME_SECS: u64 = 3600;
/// A token is renewed this long before it ends.
const EARLY: Duration = Duration::from_secs(60);

pub(super) struct Credentials {
    source: Source,
    held: Option<(HeaderValue, Instant)>,
}

enum Source {
    File(Box<File>),
    /// Host and port.
    Metadata(String),
}

/// A file of credentials, of whatever type.
#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: String,
    private_key_id: String,
    token_uri: String,
    client_id: String,
    client_secret: String,
    refresh_token: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Credentials {
    /// Reads the file, if there is one; nobody is asked yet.
    pub(super) fn find(environment: &Environment) -> Result<Self, String> {
        let named = environment.get("GOOGLE_APPLICATION_CREDENTIALS");
        if !named.is_empty() {
            let text = std::fs::read(named).map_err(|e| {
                let why = go_io(&e);
                format!(
                    "google: error getting credentials using GOOGLE_APPLICATION_CREDENTIALS environment variable: \
                     open {named}: {why}"
                )
            })?;
            return Self::of_file(&text);
        }
        let usual = match environment.get("CLOUDSDK_CONFIG") {
            "" => environment.at_home(".config/gcloud"),
            directory => PathBuf::from(directory),
        };
        if let Ok(text) = std::fs::read(usual.join("application_default_credentials.json")) {
            return Self::of_file(&text);
        }
        let host = match environment.get("GCE_METADATA_HOST") {
            "" => "169.254.169.254",
            host => host,
        };
        Ok(Self { source: Source::Metadata(host.to_owned()), held: None })
    }

    fn of_file(text: &[u8]) -> Result<Self, String> {
        let file: File = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        match file.kind.as_str() {
            "service_account" | "authorized_user" => Ok(Self { source: Source::File(Box::new(file)), held: None }),
            "" => Err("missing 'type' field in credentials".to_owned()),
            other => {
                Err(format!("credentials of the type \"{other}\" are not supported: use those of a service account"))
            }
        }
    }

    /// Drops the token: it was refused.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    /// Returns the `Authorization` header, perhaps after asking for a new token.
    pub(super) async fn header(&mut self, fetcher: &Fetcher) -> Result<HeaderValue, DiscoveryError> {
        if let Some((header, until)) = &self.held
            && Instant::now() + EARLY < *until
        {
            return Ok(header.clone());
        }
        let granted = match &self.source {
            Source::File(file) => file.ask(fetcher).await?,
            Source::Metadata(host) => of_metadata(host, fetcher).await?,
        };
        let wrong = || DiscoveryError::Answer("oauth2/google: the token cannot stand in a header".to_owned());
        let mut header = HeaderValue::from_str(&format!("Bearer {}", granted.access_token)).map_err(|_| wrong())?;
        header.set_sensitive(true);
        let until = Instant::now().checked_add(Duration::from_secs(granted.expires_in)).ok_or_else(wrong)?;
        self.held = Some((header.clone(), until));
        Ok(header)
    }
}

impl File {
    fn form(&self, url: &str) -> Result<String, String> {
        let mut form = Serializer::new(String::new());
        if self.kind == "service_account" {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let until = now + LIFETIME_SECS;
            let claims = json!({"iss": self.client_email, "scope": SCOPE, "aud": url, "iat": now, "exp": until});
            let assertion = sign_jwt("RS256", &self.private_key_id, &claims, &self.private_key)?;
            form.append_pair("grant_type", JWT_BEARER).append_pair("assertion", &assertion);
        } else {
            form.append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", &self.refresh_token)
                .append_pair("client_id", &self.client_id)
                .append_pair("client_secret", &self.client_secret);
        }
        Ok(form.finish())
    }

    async fn ask(&self, fetcher: &Fetcher) -> Result<Granted, DiscoveryError> {
        let failed = |why: &dyn std::fmt::Display| DiscoveryError::Other(format!("oauth2: cannot fetch token: {why}"));
        let url = if self.token_uri.is_empty() { TOKEN_URL } else { &self.token_uri };
        let body = Bytes::from(self.form(url).map_err(|e| failed(&e))?);
        let url = Url::parse(url).map_err(|e| failed(&e))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let fetched = fetcher.send_with(Method::POST, &url, &headers, body).await?;
        if fetched.status != StatusCode::OK {
            let said = String::from_utf8_lossy(&fetched.body);
            return Err(failed(&format!("{}\nResponse: {said}", fetched.status_text())));
        }
        read(&fetched.body)
    }
}

async fn of_metadata(host: &str, fetcher: &Fetcher) -> Result<Granted, DiscoveryError> {
    let text = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let url = Url::parse_with_params(&text, [("scopes", SCOPE)]).map_err(|e| DiscoveryError::Other(e.to_string()))?;
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("metadata-flavor"), HeaderValue::from_static("Google"));
    let fetched = fetcher.send_with(Method::GET, &url, &headers, Bytes::new()).await?;
    if fetched.status != StatusCode::OK {
        let said = String::from_utf8_lossy(&fetched.body);
        let status = fetched.status.as_u16();
        return Err(DiscoveryError::Status(format!("compute: Received {status} `{}`", said.trim())));
    }
    read(&fetched.body)
}

fn read(body: &[u8]) -> Result<Granted, DiscoveryError> {
    let wrong = |why: String| DiscoveryError::Answer(format!("oauth2/google: {why}"));
    let granted: Granted = serde_json::from_slice(body).map_err(|e| wrong(format!("invalid token JSON: {e}")))?;
    if granted.access_token.is_empty() || granted.expires_in == 0 {
        return Err(wrong("incomplete token received".to_owned()));
    }
    Ok(granted)
}
