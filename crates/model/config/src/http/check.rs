//! What must hold between the settings of an HTTP client block (prometheus/common, `HTTPClientConfig.Validate`).

use firesteel_yaml::{Node, Reader};

use crate::http::headers::{RESERVED, canonical};
use crate::http::oauth2::JWT_BEARER;
use crate::http::{Authorization, HttpClientConfig, OAuth2, ProxyConfig};
use crate::rules_of_choice::{at_most_one, key_span, missing, not_a_choice, wrong};
use crate::{FilePath, Secret};

/// For blocks of their own; where the settings stand inline, the owner calls [`check_http`].
pub(crate) fn check_http_block(http: &mut HttpClientConfig, node: &Node, reader: &mut Reader<'_>) {
    check_http(http, node, reader);
}

/// Notes what does not go together, and turns `bearer_token` into `authorization`. `node` is the block that holds the
/// settings.
pub(crate) fn check_http(http: &mut HttpClientConfig, node: &Node, reader: &mut Reader<'_>) {
    let bearer = ["bearer_token", "bearer_token_file"];
    let has_bearer = !http.bearer_token.is_empty() || !http.bearer_token_file.is_empty();
    at_most_one(node, reader, &bearer, "at most one of bearer_token & bearer_token_file must be configured");
    if has_bearer {
        let upstream = if http.authorization.is_some() {
            "authorization is not compatible with bearer_token & bearer_token_file"
        } else {
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured"
        };
        let old = if http.bearer_token.is_empty() { bearer[1] } else { bearer[0] };
        at_most_one(node, reader, &["basic_auth", "oauth2", "authorization", old], upstream);
    } else {
        let upstream = "at most one of basic_auth, oauth2 & authorization must be configured";
        at_most_one(node, reader, &["basic_auth", "oauth2", "authorization"], upstream);
    }
    if let Some(block) = node.get("basic_auth") {
        let names = ["username", "username_file", "username_ref"];
        let upstream = "at most one of basic_auth username, username_file & username_ref must be configured";
        at_most_one(block, reader, &names, upstream);
        let words = ["password", "password_file", "password_ref"];
        let upstream = "at most one of basic_auth password, password_file & password_ref must be configured";
        at_most_one(block, reader, &words, upstream);
    }
    match &mut http.authorization {
        Some(authorization) => check_authorization(authorization, node, reader),
        None if has_bearer => {
            http.authorization = Some(Authorization {
                scheme: "Bearer".to_owned(),
                credentials: std::mem::take(&mut http.bearer_token),
                credentials_file: std::mem::take(&mut http.bearer_token_file),
                credentials_ref: String::new(),
            });
        }
        None => {}
    }
    http.bearer_token = Secret::default();
    http.bearer_token_file = FilePath::default();
    if let Some(oauth2) = &http.oauth2 {
        reader.within("oauth2", |reader| check_oauth2(oauth2, node, reader));
    }
    check_proxy(&http.proxy, node, reader);
    if let (Some(headers), Some(block)) = (&http.http_headers, node.get("http_headers")) {
        for name in headers.0.keys().filter(|name| RESERVED.contains(&name.to_ascii_lowercase().as_str())) {
            let upstream = format!("setting header \"{}\" is not allowed", canonical(name));
            let span = key_span(block, name);
            reader
                .error(span, "FS0144", format!("the header `{name}` is set by the program itself"))
                .label("remove it")
                .upstream(upstream);
        }
    }
}

fn check_authorization(authorization: &mut Authorization, node: &Node, reader: &mut Reader<'_>) {
    authorization.scheme = match authorization.scheme.trim() {
        "" => "Bearer".to_owned(),
        scheme => scheme.to_owned(),
    };
    let Some(block) = node.get("authorization") else { return };
    let keys = ["credentials", "credentials_file", "credentials_ref"];
    let upstream = "at most one of authorization credentials & credentials_file must be configured";
    at_most_one(block, reader, &keys, upstream);
    if authorization.scheme.eq_ignore_ascii_case("basic") {
        let upstream = "authorization type cannot be set to \"basic\", use \"basic_auth\" instead";
        wrong(block, reader, "type", "FS0145", "for basic authentication there is `basic_auth`", upstream);
    }
}

fn check_oauth2(oauth2: &OAuth2, node: &Node, reader: &mut Reader<'_>) {
    let block = node.get("oauth2").unwrap_or(node);
    if oauth2.client_id.is_empty() {
        missing(block, reader, "client_id", "oauth2 client_id must be configured");
    }
    if oauth2.token_url.is_empty() {
        missing(block, reader, "token_url", "oauth2 token_url must be configured");
    }
    if oauth2.grant_type == JWT_BEARER {
        let keys = ["client_certificate_key", "client_certificate_key_file", "client_certificate_key_ref"];
        let upstream = "at most one of oauth2 client_certificate_key, client_certificate_key_file & \
                        client_certificate_key_ref must be configured using \
                        grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer";
        at_most_one(block, reader, &keys, upstream);
        let legal = ["RS256", "RS384", "RS512"];
        let word = oauth2.signature_algorithm.as_str();
        if !word.is_empty() && !legal.contains(&word) {
            let span = crate::rules_of_choice::value_span(block, "signature_algorithm");
            let upstream = "valid signature algorithms are RS256, RS384 and RS512";
            not_a_choice(reader, span, "a signature algorithm", word, &legal, upstream);
        }
    } else {
        let keys = ["client_secret", "client_secret_file", "client_secret_ref"];
        let upstream = "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured \
                        using grant-type=client_credentials";
        at_most_one(block, reader, &keys, upstream);
    }
}

/// Notes proxy settings that do not go together.
pub(crate) fn check_proxy(proxy: &ProxyConfig, node: &Node, reader: &mut Reader<'_>) {
    let has_url = !proxy.proxy_url.is_empty();
    if !proxy.proxy_connect_header.is_empty() && !proxy.proxy_from_environment && !has_url {
        let upstream =
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured";
        wrong(node, reader, "proxy_connect_header", "FS0146", "there is no proxy to send these headers to", upstream)
            .label("add `proxy_url` or `proxy_from_environment: true`");
    }
    if proxy.proxy_from_environment && has_url {
        let upstream = "if proxy_from_environment is configured, proxy_url must not be configured";
        wrong(node, reader, "proxy_url", "FS0146", "the proxy is already taken from the environment", upstream)
            .label("keep one of `proxy_url` and `proxy_from_environment`");
    }
    if proxy.proxy_from_environment && !proxy.no_proxy.is_empty() {
        let upstream = "if proxy_from_environment is configured, no_proxy must not be configured";
        wrong(
            node,
            reader,
            "no_proxy",
            "FS0146",
            "the proxy is taken from the environment, and so is no_proxy",
            upstream,
        )
        .label("remove it, and set the variable NO_PROXY");
    }
    // A `proxy_url: ""` counts as given here, as a parsed URL does in Go.
    if node.get("proxy_url").is_none_or(Node::is_null) && !proxy.proxy_from_environment && !proxy.no_proxy.is_empty() {
        let upstream = "if no_proxy is configured, proxy_url must also be configured";
        wrong(node, reader, "no_proxy", "FS0146", "there is no proxy to make exceptions from", upstream)
            .label("add `proxy_url`");
    }
}
