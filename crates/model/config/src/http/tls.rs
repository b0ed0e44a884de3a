//! TLS for a client.

use firesteel_yaml::{Node, Out, Reader};

use crate::decode::Decode;
use crate::rules_of_choice::{at_most_one, not_a_choice, wrong};
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// Which certificates to trust and to show. CA, certificate and key are each given as text, as a file, or by name.
    pub struct TlsConfig("`tls_config`", "config.TLSConfig", "config.plain") check check {
        ca: String,
        cert: String,
        key: Secret,
        ca_file: FilePath,
        cert_file: FilePath,
        key_file: FilePath,
        ca_ref: String,
        cert_ref: String,
        key_ref: String,
        /// The name that the server's certificate must carry, when not the host of the URL.
        server_name: String,
        insecure_skip_verify: bool [keep],
        min_version: TlsVersion,
        max_version: TlsVersion,
    }
}

impl TlsConfig {
    /// Returns whether a client certificate is given.
    pub fn has_client_cert(&self) -> bool {
        !self.cert.is_empty() || !self.cert_file.is_empty() || !self.cert_ref.is_empty()
    }

    /// Returns whether a client key is given.
    pub fn has_client_key(&self) -> bool {
        !self.key.is_empty() || !self.key_file.is_empty() || !self.key_ref.is_empty()
    }
}

fn check(tls: &mut TlsConfig, node: &Node, reader: &mut Reader<'_>) {
    at_most_one(node, reader, &["ca", "ca_file", "ca_ref"], "at most one of ca, ca_file & ca_ref must be configured");
    let certs = ["cert", "cert_file", "cert_ref"];
    at_most_one(node, reader, &certs, "at most one of cert, cert_file & cert_ref must be configured");
    let keys = ["key", "key_file", "key_ref"];
    at_most_one(node, reader, &keys, "at most one of key and key_file must be configured");
    let first = |names: [&'static str; 3]| names.into_iter().find(|name| node.get(name).is_some()).unwrap_or("cert");
    if tls.has_client_cert() && !tls.has_client_key() {
        let upstream = "exactly one of key or key_file must be configured when a client certificate is configured";
        wrong(node, reader, first(certs), "FS0143", "a client certificate needs its key: add `key_file`", upstream);
    } else if tls.has_client_key() && !tls.has_client_cert() {
        let upstream = "exactly one of cert or cert_file must be configured when a client key is configured";
        wrong(node, reader, first(keys), "FS0143", "a client key needs its certificate: add `cert_file`", upstream);
    }
}

/// A version of TLS; `Unset` leaves it to the library.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum TlsVersion {
    #[default]
    Unset,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl TlsVersion {
    const NAMES: [(&'static str, Self); 4] =
        [("TLS13", Self::Tls13), ("TLS12", Self::Tls12), ("TLS11", Self::Tls11), ("TLS10", Self::Tls10)];
}

impl Decode for TlsVersion {
    fn go_type() -> String {
        "config.TLSVersion".to_owned()
    }
    fn zero() -> Self {
        Self::Unset
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if node.is_null() {
            *self = Self::Unset;
            return;
        }
        let Some(word) = reader.string(node) else { return };
        match Self::NAMES.iter().find(|(name, _)| *name == word) {
            Some((_, version)) => *self = *version,
            None => {
                let upstream = format!("unknown TLS version: {word}");
                let legal = ["TLS13", "TLS12", "TLS11", "TLS10"];
                not_a_choice(reader, node.span, "a version of TLS", &word, &legal, upstream);
            }
        }
    }
    fn is_zero(&self) -> bool {
        *self == Self::Unset
    }
    fn encode(&self) -> Out {
        Self::NAMES.iter().find(|(_, v)| v == self).map_or(Out::Null, |(name, _)| Out::Str((*name).to_owned()))
    }
}
