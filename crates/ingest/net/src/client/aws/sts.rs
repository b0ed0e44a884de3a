//! The Security Token Service: roles in exchange for credentials, or for a token of somebody else.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::account::{AwsAccount, Granted, Keys};
use super::sign::{Scope, sign};
use crate::xml;

/// Whom to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) external_id: &'a str,
    pub(super) session_name: &'a str,
    /// Empty: AWS SDKs' quarter of an hour.
    pub(super) duration_secs: &'a str,
}

impl AwsAccount {
    /// Asks for a role's credentials with those of somebody who may have them.
    pub(super) async fn assume(&self, keys: &Keys, role: &Role<'_>) -> Result<Keys, String> {
        let name = session_name(role.session_name);
        let duration = if role.duration_secs.is_empty() { "900" } else { role.duration_secs };
        let mut form = vec![("Action", "AssumeRole"), ("RoleArn", role.arn), ("RoleSessionName", &name)];
        form.push(("DurationSeconds", duration));
        if !role.external_id.is_empty() {
            form.push(("ExternalId", role.external_id));
        }
        self.ask_sts("AssumeRole", &form, Some(keys)).await
    }

    /// Asks for a role's credentials with a token of an identity provider (a Kubernetes service account).
    pub(super) async fn assume_with_token(&self, file: &str, arn: &str, session: &str) -> Result<Keys, String> {
        if arn.is_empty() {
            return Err("role ARN is not set".to_owned());
        }
        let token = std::fs::read_to_string(file)
            .map_err(|e| format!("failed to retrieve jwt from provide source, unable to read file at {file}: {e}"))?;
        let name = session_name(session);
        let form = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", arn),
            ("RoleSessionName", &name),
            ("WebIdentityToken", token.trim()),
        ];
        self.ask_sts("AssumeRoleWithWebIdentity", &form, None).await
    }

    async fn ask_sts(&self, action: &str, form: &[(&str, &str)], keys: Option<&Keys>) -> Result<Keys, String> {
        let failed = |why: &str| format!("operation error STS: {action}, {why}");
        let region = self.own_region()?;
        let mut url = self.endpoint("sts", &region).map_err(|e| failed(&e))?;
        let body: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .append_pair("Version", "2011-06-15")
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if let Some(keys) = keys {
            let scope = Scope { region: &region, service: "sts", unix_secs: super::account::now_secs() };
            sign(&Method::POST, &mut url, &mut headers, body.as_bytes(), keys, scope)
                .ok_or_else(|| failed("the credentials cannot stand in a header"))?;
        }
        let (status, body) =
            self.exchange(Method::POST, &url, &headers, Bytes::from(body)).await.map_err(|e| failed(&e))?;
        let root = xml::parse(&body);
        if status != StatusCode::OK {
            let error = root.as_ref().ok().and_then(|root| root.child("Error"));
            let (code, message) = error.map_or(("UnknownError", ""), |e| (e.value("Code"), e.value("Message")));
            let status = status.as_u16();
            return Err(failed(&format!("https response error StatusCode: {status}, api error {code}: {message}")));
        }
        let root = root.map_err(|e| failed(&e))?;
        let found = root.child(&format!("{action}Result")).and_then(|result| result.child("Credentials"));
        let found = found.ok_or_else(|| failed("the answer has no credentials"))?;
        let granted = Granted {
            access_key_id: found.value("AccessKeyId").to_owned(),
            secret_access_key: found.value("SecretAccessKey").to_owned(),
            token: found.value("SessionToken").to_owned(),
            expiration: found.value("Expiration").to_owned(),
            ..Granted::default()
        };
        granted.into_keys().map_err(|e| failed(&e))
    }
}

/// AWS SDKs name a session after the time.
fn session_name(given: &str) -> String {
    if given.is_empty() { super::account::now_nanos().to_string() } else { given.to_owned() }
}
