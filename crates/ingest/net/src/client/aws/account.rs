//! Whose credentials sign, and where they come from: AWS' default chain.
//!
//! Keys of the configuration; a profile that it names; the environment; a token of a service account; the usual profile;
//! the endpoint of containers; the instance's metadata (aws-sdk-go-v2, config/resolve_credentials.go). On top of each,
//! the role of `role_arn`. Single sign-on is for people and is refused with that reason.

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use firesteel_config::{HttpClientConfig, Secret};
use firesteel_go_compat::Instant;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::profile::{self, Profile};
use super::sts::Role;
use super::{Scope, sign};
use crate::Environment;
use crate::client::error::{ClientError, RequestFault};
use crate::client::request::{ClientOptions, HttpClient};

/// Credentials that end are renewed this long before.
const EARLY: Duration = Duration::from_secs(60);
/// The longest that all questions together may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The longest answer of an endpoint that hands out credentials.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Profiles that lead to profiles.
const PROFILES_MAX: usize = 8;

/// What a configuration says about an account; what is empty is looked for.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    pub region: String,
    pub access_key: String,
    pub secret_key: Secret,
    pub profile: String,
    pub role_arn: String,
    pub external_id: String,
    pub use_fips_sts_endpoint: bool,
    /// TLS and proxies of the questions for credentials.
    pub http: HttpClientConfig,
    pub environment: Environment,
}

impl Default for AwsSettings {
    fn default() -> Self {
        let mut http = HttpClientConfig::default();
        http.proxy.proxy_from_environment = true;
        Self {
            region: String::new(),
            access_key: String::new(),
            secret_key: Secret::default(),
            profile: String::new(),
            role_arn: String::new(),
            external_id: String::new(),
            use_fips_sts_endpoint: false,
            http,
            environment: Environment::of_process(),
        }
    }
}

/// Finds credentials and keeps them while they are good.
pub struct AwsAccount {
    settings: AwsSettings,
    client: Box<HttpClient>,
    held: Mutex<Option<Keys>>,
    /// What the instance said, if it was asked.
    instance_region: OnceLock<String>,
}

/// Credentials.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) session_token: String,
    /// `None`: they do not end.
    pub(crate) until: Option<SystemTime>,
}

/// Credentials as endpoints and programs write them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Granted {
    pub(super) version: u32,
    #[serde(alias = "code")]
    pub(super) code: String,
    #[serde(alias = "message")]
    pub(super) message: String,
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    #[serde(alias = "SessionToken")]
    pub(super) token: String,
    pub(super) expiration: String,
}

impl Granted {
    pub(super) fn into_keys(self) -> Result<Keys, String> {
        if self.access_key_id.is_empty() || self.secret_access_key.is_empty() {
            return Err("the answer has no keys".to_owned());
        }
        let until = Instant::parse_rfc3339(&self.expiration)
            .and_then(|at| UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(at.unix_ms()).ok()?)));
        if until.is_none() && !self.expiration.is_empty() {
            return Err(format!("cannot read the expiration {:?}", self.expiration));
        }
        Ok(Keys {
            access_key: self.access_key_id,
            secret_key: self.secret_access_key,
            session_token: self.token,
            until,
        })
    }
}

type Found<'a> = Pin<Box<dyn Future<Output = Result<Keys, String>> + Send + 'a>>;

impl AwsAccount {
    /// Nothing is looked up yet.
    pub fn new(settings: AwsSettings) -> Result<Self, ClientError> {
        let http = HttpClientConfig { follow_redirects: false, ..settings.http.clone() };
        let client = Box::new(HttpClient::new(&http, ClientOptions::default())?);
        Ok(Self { settings, client, held: Mutex::new(None), instance_region: OnceLock::new() })
    }

    /// Returns the region of configuration, environment or profile; then asks the instance.
    pub async fn region(&self) -> Result<String, String> {
        let failed = |why| format!("could not determine AWS region: {why}");
        let region = self.known_region().map_err(failed)?;
        if !region.is_empty() {
            return Ok(region);
        }
        let found = self.region_of_instance().await.map_err(failed)?;
        Ok(self.instance_region.get_or_init(|| found).clone())
    }

    /// Returns where a service is asked: what `AWS_ENDPOINT_URL_…` says, or its usual place in a region.
    pub fn endpoint(&self, service: &str, region: &str) -> Result<Url, String> {
        let own = format!("AWS_ENDPOINT_URL_{}", service.to_uppercase());
        let given = self.environment().first_of(&[&own, "AWS_ENDPOINT_URL"]);
        let host = if service == "sts" && self.settings.use_fips_sts_endpoint { "sts-fips" } else { service };
        let usual = format!("https://{host}.{region}.{}/", super::hosts::domain(region));
        Url::parse(if given.is_empty() { &usual } else { given }).map_err(|e| e.to_string())
    }

    /// Drops the credentials: they were refused.
    pub async fn forget(&self) {
        *self.held.lock().await = None;
    }

    /// Signs a request. Boxed: a client asks through a client.
    pub(crate) fn sign<'a>(
        &'a self,
        service: &'a str,
        method: &'a Method,
        url: &'a mut Url,
        headers: &'a mut HeaderMap,
        body: &'a [u8],
    ) -> Pin<Box<dyn Future<Output = Result<(), RequestFault>> + Send + 'a>> {
        Box::pin(async move {
            let region = self.own_region().map_err(RequestFault::Other)?;
            let keys = self.keys().await;
            let keys = keys.map_err(|why| RequestFault::Other(format!("error retrieving credentials: {why}")))?;
            let scope = Scope { region: &region, service, unix_secs: now_secs() };
            sign(method, url, headers, body, &keys, scope)
                .ok_or_else(|| RequestFault::Other("failed to sign request: credentials are no header".to_owned()))
        })
    }

    async fn keys(&self) -> Result<Keys, String> {
        let mut held = self.held.lock().await;
        let now = SystemTime::now();
        let holds = |keys: &Keys, ahead| keys.until.is_none_or(|until| now + ahead < until);
        if let Some(keys) = held.as_ref().filter(|keys| holds(keys, EARLY)) {
            return Ok(keys.clone());
        }
        let found = tokio::time::timeout(ANSWER_MAX, self.find()).await;
        match found.unwrap_or_else(|_| Err("context deadline exceeded".to_owned())) {
            Ok(keys) => {
                *held = Some(keys.clone());
                Ok(keys)
            }
            // Those at hand are good for a moment yet.
            Err(why) => held.clone().filter(|keys| holds(keys, Duration::ZERO)).ok_or(why),
        }
    }

    async fn find(&self) -> Result<Keys, String> {
        let s = &self.settings;
        let keys = self.chain().await?;
        if s.role_arn.is_empty() {
            return Ok(keys);
        }
        let role = Role { arn: &s.role_arn, external_id: &s.external_id, ..Role::default() };
        self.assume(&keys, &role).await
    }

    async fn chain(&self) -> Result<Keys, String> {
        let (s, env) = (&self.settings, self.environment());
        if !s.access_key.is_empty() && !s.secret_key.reveal().is_empty() {
            return Ok(fixed(&s.access_key, s.secret_key.reveal(), ""));
        }
        if !s.profile.is_empty() {
            return self.of_profile(&s.profile, true, 0).await;
        }
        if let Some(keys) = self.of_environment() {
            return Ok(keys);
        }
        let token = env.get("AWS_WEB_IDENTITY_TOKEN_FILE");
        if !token.is_empty() {
            return self.assume_with_token(token, env.get("AWS_ROLE_ARN"), env.get("AWS_ROLE_SESSION_NAME")).await;
        }
        let is_named = !env.first_of(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]).is_empty();
        self.of_profile(profile::default_name(env), is_named, 0).await
    }

    fn of_environment(&self) -> Option<Keys> {
        let env = self.environment();
        let id = env.first_of(&["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]);
        let secret = env.first_of(&["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]);
        (!id.is_empty() && !secret.is_empty()).then(|| fixed(id, secret, env.get("AWS_SESSION_TOKEN")))
    }

    /// Boxed: a profile may lead to another.
    fn of_profile<'a>(&'a self, name: &'a str, must_exist: bool, depth: usize) -> Found<'a> {
        Box::pin(async move {
            let missing = || format!("failed to get shared config profile, {name}");
            if depth >= PROFILES_MAX {
                return Err(format!("{}: profiles lead in a circle", missing()));
            }
            let profile = match profile::read(self.environment(), name)? {
                None if must_exist => return Err(missing()),
                found => found.unwrap_or_default(),
            };
            let (source, arn) = (profile.get("source_profile"), profile.get("role_arn"));
            let token = profile.get("web_identity_token_file");
            let keys = if !arn.is_empty() && !source.is_empty() && source != name {
                self.of_profile(source, true, depth + 1).await?
            } else if profile.has_keys() {
                let get = |name| profile.get(name);
                fixed(get("aws_access_key_id"), get("aws_secret_access_key"), get("aws_session_token"))
            } else if !profile.get("credential_source").is_empty() {
                self.of_source(profile.get("credential_source")).await?
            } else if !token.is_empty() {
                return self.assume_with_token(token, arn, profile.get("role_session_name")).await;
            } else if ["sso_session", "sso_start_url", "login_session"].iter().any(|key| !profile.get(key).is_empty()) {
                return Err(format!("profile {name}: single sign-on needs a person, and is not supported"));
            } else if !profile.get("credential_process").is_empty() {
                super::process::run(profile.get("credential_process")).await?
            } else if self.is_in_container() {
                self.of_container().await?
            } else {
                self.of_instance().await?
            };
            if arn.is_empty() { Ok(keys) } else { self.assume(&keys, &role(&profile, name)?).await }
        })
    }

    async fn of_source(&self, source: &str) -> Result<Keys, String> {
        match source {
            "Environment" => self.of_environment().ok_or_else(|| "the environment has no credentials".to_owned()),
            "EcsContainer" if self.is_in_container() => self.of_container().await,
            "EcsContainer" => Err("EcsContainer was specified as the credential_source, but \
                                   'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI' or AWS_CONTAINER_CREDENTIALS_FULL_URI' was not set"
                .to_owned()),
            "Ec2InstanceMetadata" => self.of_instance().await,
            _ => Err("credential source values must be EcsContainer, Ec2InstanceMetadata, or Environment".to_owned()),
        }
    }

    /// Returns the region without asking anybody over a network.
    fn known_region(&self) -> Result<String, String> {
        let (s, env) = (&self.settings, self.environment());
        let given = if s.region.is_empty() { env.first_of(&["AWS_REGION", "AWS_DEFAULT_REGION"]) } else { &s.region };
        if !given.is_empty() {
            return Ok(given.to_owned());
        }
        let name = if s.profile.is_empty() { profile::default_name(env) } else { &s.profile };
        let of_profile = profile::read(env, name)?.map_or_else(String::new, |profile| profile.get("region").to_owned());
        let of_instance = || self.instance_region.get().cloned().unwrap_or_default();
        Ok(if of_profile.is_empty() { of_instance() } else { of_profile })
    }

    pub(super) fn own_region(&self) -> Result<String, String> {
        let region = self.known_region()?;
        if region.is_empty() {
            return Err("region not configured in sigv4 or in default credentials chain".to_owned());
        }
        Ok(region)
    }

    pub(super) fn environment(&self) -> &Environment {
        &self.settings.environment
    }

    /// Asks an endpoint that hands out credentials.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), String> {
        let response = self.client.send(method, url, headers, body).await.map_err(|e| e.to_string())?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(|e| e.to_string())?;
        Ok((status, body.to_bytes()))
    }
}

fn role<'a>(profile: &'a Profile, name: &str) -> Result<Role<'a>, String> {
    if !profile.get("mfa_serial").is_empty() {
        return Err(format!("profile {name}: mfa_serial needs a person, and is not supported"));
    }
    Ok(Role {
        arn: profile.get("role_arn"),
        external_id: profile.get("external_id"),
        session_name: profile.get("role_session_name"),
        duration_secs: profile.get("duration_seconds"),
    })
}

fn fixed(id: &str, secret: &str, token: &str) -> Keys {
    Keys { access_key: id.to_owned(), secret_key: secret.to_owned(), session_token: token.to_owned(), until: None }
}

pub(super) fn now_nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

pub(super) fn now_secs() -> i64 {
    i64::try_from(now_nanos() / 1_000_000_000).unwrap_or(i64::MAX)
}

/// Without what is secret.
impl fmt::Debug for AwsAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.settings;
        f.debug_struct("AwsAccount").field("region", &s.region).field("role_arn", &s.role_arn).finish_non_exhaustive()
    }
}
