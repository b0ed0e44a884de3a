//! The signed statement of the JWT bearer grant (RFC 7523, section 3.1).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use firesteel_config::http::OAuth2;
use firesteel_yaml::Out;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::error::RequestFault;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a statement holds.
const LIFETIME_SECS: u64 = 600;

/// Returns the statement, signed with an RSA key in PEM.
pub(super) fn assertion(config: &OAuth2, key: &str) -> Result<String, RequestFault> {
    let wrong = |why: &str| RequestFault::Other(format!("oauth2: cannot sign the JWT assertion: {why}"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut id = [0; 16];
    aws_lc_rs::default_provider().secure_random.fill(&mut id).map_err(|_| wrong("no random numbers"))?;
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    claim("iss", json!(if config.iss.is_empty() { &config.client_id } else { &config.iss }));
    claim("sub", json!(config.client_id));
    claim("jti", json!(uuid(id)));
    claim("aud", json!(if config.audience.is_empty() { &config.token_url } else { &config.audience }));
    claim("iat", json!(now));
    claim("exp", json!(now + LIFETIME_SECS));
    if !config.scopes.is_empty() {
        claim("scope", json!(config.scopes.join(" ")));
    }
    for (name, value) in &config.claims {
        claim(name, as_json(&value.0));
    }
    let id = &config.client_certificate_key_id;
    sign_jwt(&config.signature_algorithm, id, &Value::Object(claims), key).map_err(|why| wrong(&why))
}

/// Signs claims with an RSA key in PEM: `RS256`, unless `algorithm` is `RS384` or `RS512`. The key's name may be empty.
pub fn sign_jwt(algorithm: &str, key_id: &str, claims: &Value, key: &str) -> Result<String, String> {
    let (algorithm, scheme) = match algorithm {
        "RS384" => ("RS384", SignatureScheme::RSA_PKCS1_SHA384),
        "RS512" => ("RS512", SignatureScheme::RSA_PKCS1_SHA512),
        _ => ("RS256", SignatureScheme::RSA_PKCS1_SHA256),
    };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| e.to_string())?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|e| e.to_string())?;
    let signer = key.choose_scheme(&[scheme]).ok_or("key is not a valid RSA private key")?;
    let mut header = json!({"alg": algorithm, "typ": "JWT"});
    if !key_id.is_empty() {
        header["kid"] = json!(key_id);
    }
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = signer.sign(text.as_bytes()).map_err(|e| e.to_string())?;
    Ok(format!("{text}.{}", BASE64.encode(signature)))
}

/// A random UUID (version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn as_json(value: &Out) -> Value {
    match value {
        Out::Null => Value::Null,
        Out::Bool(v) => json!(v),
        Out::Int(v) => json!(v),
        Out::Uint(v) => json!(v),
        Out::Float(v) => json!(v),
        Out::Str(v) => json!(v),
        Out::Seq(items) | Out::Flow(items) => items.iter().map(as_json).collect(),
        Out::Map(pairs) => Value::Object(pairs.iter().map(|(k, v)| (k.clone(), as_json(v))).collect()),
    }
}
