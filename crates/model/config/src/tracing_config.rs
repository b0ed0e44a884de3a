//! `tracing`: where to send our own traces.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::TlsConfig;
use crate::remote::check_headers;
use crate::rules_of_choice::{one_of, require};
use crate::section::section;

section! {
    /// An OTLP endpoint.
    pub struct TracingConfig("`tracing`", "config.TracingConfig", "config.plain") check check {
        /// `grpc` (also when the block is absent and this is empty) or `http`.
        client_type: String,
        endpoint: String,
        /// 0 to 1.
        sampling_fraction: f64,
        insecure: bool,
        tls_config: TlsConfig,
        headers: BTreeMap<String, String>,
        /// Empty or `gzip`.
        compression: String,
        /// 0: the default of the exporter.
        timeout: Duration,
    }
}

fn check(tracing: &mut TracingConfig, node: &Node, reader: &mut Reader<'_>) {
    match node.get("client_type") {
        Some(given) if !given.is_null() => {
            let unknown = |word: &str| format!("expected tracing client type to be to be http or grpc, but got {word}");
            one_of(node, reader, "client_type", &tracing.client_type, &["http", "grpc"], "", unknown);
        }
        Some(_) => {}
        None => "grpc".clone_into(&mut tracing.client_type),
    }
    let upstream = "custom authorization header configuration is not yet supported";
    check_headers(&tracing.headers, node, reader, upstream);
    require(node, reader, "endpoint", !tracing.endpoint.is_empty(), "tracing endpoint must be set");
    if !tracing.compression.is_empty() {
        let unknown = |word: &str| format!("invalid compression type {word} provided, valid options: gzip");
        one_of(node, reader, "compression", &tracing.compression, &["gzip"], "", unknown);
    }
}
