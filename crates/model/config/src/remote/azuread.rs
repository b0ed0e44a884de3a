//! `azuread`: logging in to Microsoft Entra.

use firesteel_yaml::{Node, Reader};

use crate::Secret;
use crate::rules_of_choice::{at_most_one, missing, one_of, require, wrong};
use crate::section::section;

section! {
    /// A cloud and exactly one way to log in (storage/remote/azuread).
    pub struct AzureAdConfig("`azuread`", "azuread.AzureADConfig", "azuread.plain") check check {
        managed_identity: Option<AzureManagedIdentity>,
        workload_identity: Option<AzureWorkloadIdentity>,
        oauth: Option<AzureOAuth>,
        sdk: Option<AzureSdk>,
        certificate: Option<AzureCertificate>,
        cloud: String,
        scope: String,
    }
}

section! {
    /// The identity of the machine.
    pub struct AzureManagedIdentity("`managed_identity`", "azuread.ManagedIdentityConfig", "azuread.ManagedIdentityConfig") {
        client_id: String,
    }
}

section! {
    /// A federated token of Kubernetes.
    pub struct AzureWorkloadIdentity("`workload_identity`", "azuread.WorkloadIdentityConfig", "azuread.WorkloadIdentityConfig") {
        client_id: String,
        tenant_id: String,
        token_file_path: String,
    }
}

section! {
    /// An application's secret.
    pub struct AzureOAuth("`oauth`", "azuread.OAuthConfig", "azuread.OAuthConfig") {
        client_id: String,
        client_secret: Secret,
        tenant_id: String,
    }
}

section! {
    /// Azure's own default chain.
    pub struct AzureSdk("`sdk`", "azuread.SDKConfig", "azuread.SDKConfig") {
        tenant_id: String,
    }
}

section! {
    /// An application's certificate. Paths are relative to the working directory.
    pub struct AzureCertificate("`certificate`", "azuread.CertificateConfig", "azuread.CertificateConfig") {
        client_id: String,
        tenant_id: String,
        certificate_path: String,
        certificate_key_path: String,
        certificate_password: Secret,
        send_certificate_chain: bool,
    }
}

const CLOUDS: [&str; 3] = ["AzurePublic", "AzureChina", "AzureGovernment"];
const METHODS: [&str; 5] = ["managed_identity", "workload_identity", "oauth", "sdk", "certificate"];

fn check(azure: &mut AzureAdConfig, node: &Node, reader: &mut Reader<'_>) {
    if azure.cloud.is_empty() {
        CLOUDS[0].clone_into(&mut azure.cloud);
    }
    let unknown = |_: &str| "must provide a cloud in the Azure AD config".to_owned();
    one_of(node, reader, "cloud", &azure.cloud, &CLOUDS, "", unknown);
    let given = METHODS.iter().filter(|key| node.get(key).is_some_and(|n| !n.is_null())).count();
    if given == 0 {
        let upstream = "must provide an Azure Managed Identity, Azure Workload Identity, Azure OAuth, Azure Certificate \
                        or Azure SDK in the Azure AD config";
        missing(node, reader, "managed_identity", upstream);
    }
    at_most_one(node, reader, &METHODS, "cannot provide multiple authentication methods in the Azure AD config");
    if let Some(identity) = &azure.managed_identity {
        check_id(&identity.client_id, "Managed Identity client_id", node, reader, "managed_identity");
    }
    if let Some(identity) = &mut azure.workload_identity {
        let what = "Workload Identity";
        need(what, "client_id", !identity.client_id.is_empty(), node, reader, "workload_identity");
        need(what, "tenant_id", !identity.tenant_id.is_empty(), node, reader, "workload_identity");
        check_id(&identity.client_id, "Workload Identity client_id", node, reader, "workload_identity");
        check_id(&identity.tenant_id, "Workload Identity tenant_id", node, reader, "workload_identity");
        if identity.token_file_path.is_empty() {
            identity.token_file_path = std::env::var("AZURE_FEDERATED_TOKEN_FILE")
                .ok()
                .filter(|path| !path.is_empty())
                .unwrap_or_else(|| "/var/run/secrets/azure/tokens/azure-identity-token".to_owned());
        }
    }
    if let Some(oauth) = &azure.oauth {
        need("OAuth", "client_id", !oauth.client_id.is_empty(), node, reader, "oauth");
        need("OAuth", "client_secret", !oauth.client_secret.is_empty(), node, reader, "oauth");
        need("OAuth", "tenant_id", !oauth.tenant_id.is_empty(), node, reader, "oauth");
        check_id(&oauth.client_id, "OAuth client_id", node, reader, "oauth");
    }
    if let Some(certificate) = &azure.certificate {
        need("Certificate", "client_id", !certificate.client_id.is_empty(), node, reader, "certificate");
        need("Certificate", "tenant_id", !certificate.tenant_id.is_empty(), node, reader, "certificate");
        let given = !certificate.certificate_path.is_empty();
        need("Certificate", "certificate_path", given, node, reader, "certificate");
        check_id(&certificate.client_id, "Certificate client_id", node, reader, "certificate");
    }
    let in_scope = |c: char| c.is_ascii_alphanumeric() || "_:/.- \t\n\r\x0c".contains(c);
    if !azure.scope.chars().all(in_scope) {
        let upstream = "the provided scope contains invalid characters";
        wrong(node, reader, "scope", "FS0185", "letters, digits and _ : / . - only", upstream);
    }
}

fn need(what: &str, key: &str, given: bool, node: &Node, reader: &mut Reader<'_>, block: &str) {
    let node = node.get(block).unwrap_or(node);
    require(node, reader, key, given, &format!("must provide an Azure {what} {key} in the Azure AD config"));
}

fn check_id(id: &str, what: &str, node: &Node, reader: &mut Reader<'_>, block: &str) {
    if id.is_empty() || is_uuid(id) {
        return;
    }
    let node = node.get(block).unwrap_or(node);
    let key = what.rsplit(' ').next().unwrap_or("client_id");
    let upstream = format!("the provided Azure {what} is invalid");
    wrong(node, reader, key, "FS0186", format!("`{key}` is not a UUID"), upstream);
}

/// The forms that google/uuid reads: plain, in braces, as `urn:uuid:…`, or without dashes.
fn is_uuid(text: &str) -> bool {
    let hex = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_hexdigit());
    let body = match text.len() {
        32 => return hex(text),
        38 => text.get(1..37).unwrap_or(""),
        45 if text.get(..9).is_some_and(|urn| urn.eq_ignore_ascii_case("urn:uuid:")) => text.get(9..).unwrap_or(""),
        _ => text,
    };
    let parts: Vec<&str> = body.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.iter().all(|part| hex(part))
}
