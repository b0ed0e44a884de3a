//! What is asked of a client's certificate: `client_auth_type`, `client_ca` and `client_allowed_sans`.

use std::sync::Arc;

use firesteel_config::{ClientAuth, WebTlsConfig};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
};

use super::alternative_names::alternative_names;
use super::web_config::WebConfigError;

/// Asks clients for certificates as Go's `tls.ClientAuthType` does.
#[derive(Debug)]
pub(crate) struct ClientCertificates {
    mandatory: bool,
    /// Checks the chain; `None` takes any certificate whose key the client holds.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    authorities: Vec<CertificateDer<'static>>,
    /// When not empty, one of the certificate's alternative names must be among them.
    allowed: Vec<String>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertificates {
    /// Returns `None` when no certificate is asked for.
    pub(crate) fn new(
        settings: &WebTlsConfig,
        authorities_pem: &[u8],
        provider: Arc<CryptoProvider>,
    ) -> Result<Option<Self>, WebConfigError> {
        let (mandatory, verify) = match settings.client_auth_type {
            ClientAuth::Unset | ClientAuth::NoClientCert => return Ok(None),
            ClientAuth::RequestClientCert => (false, false),
            ClientAuth::RequireAnyClientCert => (true, false),
            ClientAuth::VerifyClientCertIfGiven => (false, true),
            ClientAuth::RequireAndVerifyClientCert => (true, true),
        };
        // Go skips what it cannot read in the file, and takes the system's authorities when none is configured.
        let authorities: Vec<_> = if settings.client_ca.is_empty() && settings.client_ca_file.is_empty() {
            rustls_native_certs::load_native_certs().certs
        } else {
            CertificateDer::pem_slice_iter(authorities_pem).filter_map(Result::ok).collect()
        };
        let chain = if verify {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(authorities.iter().cloned());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider)).build();
            Some(verifier.map_err(|e| WebConfigError::Tls(format!("client authorities: {e}")))?)
        } else {
            None
        };
        let allowed = settings.client_allowed_sans.clone();
        Ok(Some(Self { mandatory, chain, authorities, allowed, provider }))
    }
}

impl ClientCertVerifier for ClientCertificates {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            match chain.verify_client_cert(end_entity, intermediates, now) {
                Ok(_) => {}
                // Go accepts a certificate that is itself listed as an authority, webpki does not.
                Err(Error::InvalidCertificate(CertificateError::Other(why)))
                    if why.to_string().contains("CaUsedAsEndEntity")
                        && self.authorities.iter().any(|known| known == end_entity) => {}
                Err(e) => return Err(e),
            }
        }
        if !self.allowed.is_empty() && !alternative_names(end_entity).iter().any(|name| self.allowed.contains(name)) {
            let why = format!("could not find allowed SANs in client cert, found: [{}]", self.allowed.join(" "));
            return Err(Error::General(why));
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
