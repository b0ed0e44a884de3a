//! `remote_read`.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::remote::check_headers;
use crate::remote::write::AUTHORIZATION;
use crate::rules_of_choice::missing;
use crate::section::section;
use crate::{LabelSet, Url};

section! {
    /// An endpoint to read from.
    pub struct RemoteReadConfig("a `remote_read` entry", "*config.RemoteReadConfig", "config.plain") check check {
        url: Url [keep],
        remote_timeout: Duration = Duration::from_secs(60),
        /// Bytes of one frame of a streamed answer.
        chunked_read_limit: u64 = 50_000_000,
        headers: BTreeMap<String, String>,
        read_recent: bool,
        /// Unique when set.
        name: String,
        http: HttpClientConfig [inline],
        required_matchers: LabelSet,
        filter_external_labels: bool = true,
    }
}

fn check(read: &mut RemoteReadConfig, node: &Node, reader: &mut Reader<'_>) {
    if node.get("url").is_none_or(Node::is_null) {
        missing(node, reader, "url", "url for remote_read is empty");
    }
    check_headers(&read.headers, node, reader, AUTHORIZATION);
    check_http(&mut read.http, node, reader);
}
