//! OAuth 2.0: client credentials and JWT bearer grants.

use std::collections::BTreeMap;

use firesteel_yaml::{Node, Reader};

use crate::any_value::AnyValue;
use crate::http::{ProxyConfig, TlsConfig, check};
use crate::section::section;
use crate::{FilePath, Secret};

/// The grant of RFC 7523.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

section! {
    /// Where and how to get a token.
    pub struct OAuth2("`oauth2`", "config.OAuth2", "config.plain") check check_proxy {
        client_id: String,
        client_secret: Secret,
        client_secret_file: FilePath,
        client_secret_ref: String,
        client_certificate_key_id: String,
        client_certificate_key: Secret,
        /// Not joined with the configuration's directory. upstream: SetDirectory in prometheus/common v0.70.1 leaves it out; kept.
        client_certificate_key_file: String,
        client_certificate_key_ref: String,
        /// `client_credentials` (also when empty) or `urn:ietf:params:oauth:grant-type:jwt-bearer`.
        grant_type: String,
        /// RS256 (also when empty), RS384 or RS512.
        signature_algorithm: String,
        iss: String,
        audience: String,
        claims: BTreeMap<String, AnyValue>,
        scopes: Vec<String>,
        token_url: String,
        endpoint_params: BTreeMap<String, String>,
        tls_config: TlsConfig,
        proxy: ProxyConfig [inline],
    }
}

fn check_proxy(oauth2: &mut OAuth2, node: &Node, reader: &mut Reader<'_>) {
    check::check_proxy(&oauth2.proxy, node, reader);
}
