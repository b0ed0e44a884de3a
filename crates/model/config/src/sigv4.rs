//! `sigv4`: signing requests as AWS wants them.

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::rules_of_choice::wrong;
use crate::section::section;

section! {
    /// Region and keys (prometheus/sigv4 v0.4.1).
    pub struct SigV4Config("`sigv4`", "sigv4.SigV4Config", "sigv4.plain") check check {
        region: String,
        access_key: String,
        secret_key: Secret,
        profile: String,
        role_arn: String,
        external_id: String,
        use_fips_sts_endpoint: bool,
        service_name: String,
    }
}

fn check(sigv4: &mut SigV4Config, node: &Node, reader: &mut Reader<'_>) {
    if sigv4.access_key.is_empty() != sigv4.secret_key.is_empty() {
        let upstream =
            "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config";
        let key = if sigv4.access_key.is_empty() { "secret_key" } else { "access_key" };
        wrong(node, reader, key, "FS0182", "`access_key` and `secret_key` come together", upstream);
    }
    if !sigv4.external_id.is_empty() && sigv4.role_arn.is_empty() {
        let upstream = "external_id can only be used with role_arn";
        wrong(node, reader, "external_id", "FS0183", "`external_id` needs `role_arn`", upstream);
    }
}
