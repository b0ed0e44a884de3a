//! `tls_server_config` as a rustls configuration; certificate, key and authorities are read again for each connection, and
//! the configuration is rebuilt when they changed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use firesteel_config::http::TlsVersion;
use firesteel_config::{FilePath, WebTlsConfig};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{NamedGroup, ServerConfig, SupportedProtocolVersion};

use super::client_certificates::ClientCertificates;
use super::web_config::WebConfigError;

/// The last configuration that was built, and from what.
#[derive(Debug, Default)]
pub(crate) struct ServerTls(Mutex<Option<(Material, Arc<ServerConfig>)>>);

/// Everything that a configuration is built from.
#[derive(Clone, PartialEq, Debug)]
struct Material {
    settings: WebTlsConfig,
    http2: bool,
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Vec<u8>,
}

impl ServerTls {
    /// Returns the configuration for a new connection.
    pub(crate) fn current(&self, settings: &WebTlsConfig, http2: bool) -> Result<Arc<ServerConfig>, WebConfigError> {
        let text = |given: &str, file: &FilePath, what| {
            if file.is_empty() { Ok(given.as_bytes().to_vec()) } else { read(file.as_path(), what) }
        };
        let material = Material {
            cert: text(&settings.cert, &settings.cert_file, "cert_file")?,
            key: text(settings.key.reveal(), &settings.key_file, "key_file")?,
            client_ca: text(&settings.client_ca, &settings.client_ca_file, "client_ca_file")?,
            settings: settings.clone(),
            http2,
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((with, built)) = &*last
            && *with == material
        {
            return Ok(Arc::clone(built));
        }
        let built = Arc::new(material.build()?);
        *last = Some((material, Arc::clone(&built)));
        Ok(built)
    }
}

fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, WebConfigError> {
    std::fs::read(path).map_err(|source| WebConfigError::File { what, path: path.to_owned(), source })
}

impl Material {
    fn build(&self) -> Result<ServerConfig, WebConfigError> {
        let provider = Arc::new(self.provider()?);
        let pair = |why: &dyn std::fmt::Display| WebConfigError::KeyPair(why.to_string());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.cert).collect();
        let chain = chain.map_err(|e| pair(&e))?;
        if chain.is_empty() {
            return Err(pair(&"tls: failed to find any PEM data in certificate input"));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| pair(&"tls: failed to find any PEM data in key input"))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions()?)
            .map_err(|e| WebConfigError::Tls(e.to_string()))?;
        let builder = match ClientCertificates::new(&self.settings, &self.client_ca, provider)? {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => pair(&"tls: private key does not match public key"),
            other => pair(&other),
        })?;
        config.ignore_client_order = self.settings.prefer_server_cipher_suites;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.http2 {
            config.alpn_protocols.insert(0, b"h2".to_vec());
        }
        Ok(config)
    }

    /// TLS 1.0 and 1.1 as a lower bound mean 1.2, the least that rustls speaks; as an upper bound they leave nothing.
    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, WebConfigError> {
        let (min, max) = (self.settings.min_version, self.settings.max_version);
        let mut versions = Vec::new();
        if min <= TlsVersion::Tls12 && (max == TlsVersion::Unset || max >= TlsVersion::Tls12) {
            versions.push(&rustls::version::TLS12);
        }
        if max == TlsVersion::Unset || max == TlsVersion::Tls13 {
            versions.push(&rustls::version::TLS13);
        }
        if versions.is_empty() {
            return Err(WebConfigError::Tls(
                "min_version and max_version leave no version that is spoken here: TLS12 and TLS13".to_owned(),
            ));
        }
        Ok(versions)
    }

    /// Keeps the suites and curves that are asked for, in their order. As in Go, suites of TLS 1.3 are not chosen.
    fn provider(&self) -> Result<CryptoProvider, WebConfigError> {
        let mut provider = aws_lc_rs::default_provider();
        let wanted = &self.settings.cipher_suites;
        if !wanted.is_empty() {
            let all = std::mem::take(&mut provider.cipher_suites);
            let (newer, older): (Vec<_>, Vec<_>) = all.into_iter().partition(|suite| suite.tls13().is_some());
            provider.cipher_suites = newer;
            let chosen = wanted.iter().filter_map(|name| older.iter().find(|s| suite_name(s.suite()) == *name));
            provider.cipher_suites.extend(chosen);
            if !provider.cipher_suites.iter().any(|suite| suite.tls13().is_none())
                && self.settings.max_version == TlsVersion::Tls12
            {
                return Err(WebConfigError::Tls(format!(
                    "none of the cipher_suites is spoken here; these are: {}",
                    older.iter().map(|s| suite_name(s.suite())).collect::<Vec<_>>().join(", ")
                )));
            }
        }
        let wanted = &self.settings.curve_preferences;
        if !wanted.is_empty() {
            let all = std::mem::take(&mut provider.kx_groups);
            let group = |name: &String| {
                let group = match name.as_str() {
                    "CurveP256" => NamedGroup::secp256r1,
                    "CurveP384" => NamedGroup::secp384r1,
                    "X25519" => NamedGroup::X25519,
                    // CurveP521: not spoken here.
                    _ => return None,
                };
                all.iter().copied().find(|known| known.name() == group)
            };
            provider.kx_groups = wanted.iter().filter_map(group).collect();
            if provider.kx_groups.is_empty() {
                return Err(WebConfigError::Tls(
                    "none of the curve_preferences is spoken here; these are: X25519, CurveP256, CurveP384".to_owned(),
                ));
            }
        }
        Ok(provider)
    }
}

/// Returns Go's name of a suite: that of IANA, but for ChaCha20 the one of TLS 1.2.
fn suite_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}")
}
