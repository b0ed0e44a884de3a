//! `tls_config` as a rustls configuration; files are read again when a connection is made, and the configuration is
//! rebuilt when they changed.

use std::sync::{Arc, Mutex};

use firesteel_config::http::{TlsConfig, TlsVersion};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::error::{ClientError, RequestFault};
use super::trust::{AnyCertificate, GoVerifier};

/// The TLS side of a client.
#[derive(Debug)]
pub(crate) struct Tls {
    config: TlsConfig,
    http2: bool,
    /// What the files held, and what was built from it.
    built: Mutex<Option<(Material, Arc<ClientConfig>)>>,
}

/// PEM texts.
#[derive(Clone, PartialEq, Debug, Default)]
struct Material {
    ca: Vec<u8>,
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    pub(crate) fn new(config: &TlsConfig, http2: bool) -> Result<Self, ClientError> {
        let set = |v: TlsVersion| v != TlsVersion::Unset;
        if set(config.min_version) && set(config.max_version) && config.max_version < config.min_version {
            return Err(ClientError::TlsVersions);
        }
        if !config.ca_ref.is_empty() || !config.cert_ref.is_empty() || !config.key_ref.is_empty() {
            return Err(ClientError::SecretReference);
        }
        let tls = Self { config: config.clone(), http2, built: Mutex::new(None) };
        // A file that is missing fails the configuration, not each request. Without settings the system's trust store
        // is read at the first use.
        if config.has_client_cert() || !config.ca.is_empty() || !config.ca_file.is_empty() {
            tls.client_config()?;
        }
        Ok(tls)
    }

    /// Returns the configuration for a new connection.
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>, ClientError> {
        let material = self.read()?;
        let mut built = self.built.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((with, config)) = &*built
            && *with == material
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.build(&material)?);
        *built = Some((material, Arc::clone(&config)));
        Ok(config)
    }

    /// Returns the name that the server's certificate must carry.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, RequestFault> {
        let name = if self.config.server_name.is_empty() { host } else { &self.config.server_name };
        let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
        ServerName::try_from(name).map_err(|e| RequestFault::Tls(e.to_string()))
    }

    fn read(&self) -> Result<Material, ClientError> {
        let c = &self.config;
        let text = |given: &str, file: &firesteel_config::FilePath, what| {
            if file.is_empty() {
                return Ok(given.as_bytes().to_vec());
            }
            let path = file.as_str().to_owned();
            std::fs::read(file.as_path()).map_err(|source| ClientError::File { what, path, source })
        };
        Ok(Material {
            ca: text(&c.ca, &c.ca_file, "CA cert")?,
            cert: text(&c.cert, &c.cert_file, "specified client cert")?,
            key: text(c.key.reveal(), &c.key_file, "specified client key")?,
        })
    }

    fn build(&self, material: &Material) -> Result<ClientConfig, ClientError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = |e: &dyn std::fmt::Display| ClientError::Tls(e.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions())
            .map_err(|e| tls(&e))?;
        let builder = if self.config.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        } else {
            let (mut store, mut roots) = (RootCertStore::empty(), Vec::new());
            if material.ca.is_empty() {
                roots = rustls_native_certs::load_native_certs().certs;
                store.add_parsable_certificates(roots.iter().cloned());
            } else {
                for cert in CertificateDer::pem_slice_iter(&material.ca) {
                    let cert = cert.map_err(|_| ClientError::CaCert(self.ca_name()))?;
                    store.add(cert.clone()).map_err(|_| ClientError::CaCert(self.ca_name()))?;
                    roots.push(cert);
                }
                if roots.is_empty() {
                    return Err(ClientError::CaCert(self.ca_name()));
                }
            }
            if store.is_empty() {
                // No trust store on this machine: every certificate is refused, as in Go.
                builder.with_root_certificates(store)
            } else {
                let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                    .build()
                    .map_err(|e| tls(&e))?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(GoVerifier::new(inner, roots)))
            }
        };
        let mut config = if material.cert.is_empty() {
            builder.with_no_client_auth()
        } else {
            let bad = |why: String| ClientError::ClientCert {
                cert: described(self.config.cert_file.as_str()),
                key: described(self.config.key_file.as_str()),
                why,
            };
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&material.cert).collect();
            let chain = chain.map_err(|e| bad(e.to_string()))?;
            let key = PrivateKeyDer::from_pem_slice(&material.key).map_err(|e| bad(e.to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(|e| bad(e.to_string()))?
        };
        if self.http2 {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok(config)
    }

    /// TLS 1.0 and 1.1 are accepted as a lower bound and mean 1.2, the least that rustls speaks.
    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let (min, max) = (self.config.min_version, self.config.max_version);
        let mut versions = Vec::new();
        if min <= TlsVersion::Tls12 {
            versions.push(&rustls::version::TLS12);
        }
        if max == TlsVersion::Unset || max == TlsVersion::Tls13 {
            versions.push(&rustls::version::TLS13);
        }
        versions
    }

    fn ca_name(&self) -> String {
        described(self.config.ca_file.as_str())
    }
}

fn described(file: &str) -> String {
    if file.is_empty() { "inline".to_owned() } else { format!("file {file}") }
}
