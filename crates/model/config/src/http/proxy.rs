//! Which proxy to go through.

use std::collections::BTreeMap;

use crate::section::section;
use crate::{Secret, Url};

section! {
    /// A proxy, given or taken from the environment. Checked together with the block it stands in.
    pub struct ProxyConfig("the proxy settings", "config.ProxyConfig", "config.ProxyConfig") {
        proxy_url: Url,
        /// Hosts to reach without it, separated by commas.
        no_proxy: String,
        proxy_from_environment: bool,
        /// Headers of the CONNECT request.
        proxy_connect_header: BTreeMap<String, Vec<Secret>>,
    }
}
