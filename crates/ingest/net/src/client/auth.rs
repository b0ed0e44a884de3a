//! Credentials and added headers. Files are read at use, so that a rotated secret works at the next request.

use base64::Engine as _;
use firesteel_config::http::{Authorization, BasicAuth, Headers};
use firesteel_config::{FilePath, HttpClientConfig};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::error::ClientError;

/// What is added to each request.
#[derive(Debug)]
pub(crate) struct Credentials {
    basic: Option<BasicAuth>,
    authorization: Option<Authorization>,
    headers: Option<Headers>,
}

impl Credentials {
    pub(crate) fn new(config: &HttpClientConfig) -> Result<Self, ClientError> {
        let basic = config.basic_auth.clone();
        let authorization = config.authorization.clone();
        let by_reference = basic.as_ref().is_some_and(|b| !b.username_ref.is_empty() || !b.password_ref.is_empty())
            || authorization.as_ref().is_some_and(|a| !a.credentials_ref.is_empty());
        if by_reference {
            return Err(ClientError::SecretReference);
        }
        Ok(Self { basic, authorization, headers: config.http_headers.clone() })
    }

    /// Returns whether something is read from a file at each request.
    pub(crate) fn reads_files(&self) -> bool {
        let basic = self.basic.iter().any(|b| !b.username_file.is_empty() || !b.password_file.is_empty());
        let authorization = self.authorization.iter().any(|a| !a.credentials_file.is_empty());
        let headers = self.headers.iter().any(|all| all.0.values().any(|header| !header.files.is_empty()));
        basic || authorization || headers
    }

    /// Sets `Authorization`, unless the request has left the host it was made for.
    pub(crate) fn authorize(&self, headers: &mut HeaderMap) -> Result<(), ClientError> {
        if headers.contains_key(AUTHORIZATION) {
            return Ok(());
        }
        let value = if let Some(basic) = &self.basic {
            let user = given_or_file(&basic.username, &basic.username_file, "basic auth username")?;
            let password = given_or_file(basic.password.reveal(), &basic.password_file, "basic auth password")?;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
        } else if let Some(authorization) = &self.authorization {
            let (given, file) = (authorization.credentials.reveal(), &authorization.credentials_file);
            let credentials = given_or_file(given, file, "authorization credentials")?;
            let scheme = authorization.scheme.trim();
            format!("{} {credentials}", if scheme.is_empty() { "Bearer" } else { scheme })
        } else {
            return Ok(());
        };
        let mut value = HeaderValue::from_str(&value).map_err(|_| ClientError::Header("Authorization".into()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// Adds the headers of `http_headers`.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) -> Result<(), ClientError> {
        for (name, header) in self.headers.iter().flat_map(|h| &h.0) {
            let bad = || ClientError::Header(name.clone());
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            for value in &header.values {
                headers.append(&key, HeaderValue::from_str(value).map_err(|_| bad())?);
            }
            for value in &header.secrets {
                headers.append(&key, HeaderValue::from_str(value.reveal()).map_err(|_| bad())?);
            }
            for file in &header.files {
                headers.append(&key, HeaderValue::from_str(&read(file, "header")?).map_err(|_| bad())?);
            }
        }
        Ok(())
    }
}

/// Returns the text, or what the file holds, without blanks around it.
pub(super) fn given_or_file(given: &str, file: &FilePath, what: &'static str) -> Result<String, ClientError> {
    if file.is_empty() { Ok(given.to_owned()) } else { read(file, what) }
}

fn read(file: &FilePath, what: &'static str) -> Result<String, ClientError> {
    let path = || file.as_str().to_owned();
    let text =
        std::fs::read_to_string(file.as_path()).map_err(|source| ClientError::File { what, path: path(), source })?;
    Ok(text.trim().to_owned())
}
