//! Pushes and deletions: from a request to the gateway, with upstream's answers.

use bytes::Bytes;
use firesteel_gateway::{Body, Gateway, GroupLabels, PathRules, Push, PushError, PushOptions};
use http::{HeaderMap, StatusCode, header};
use tracing::{debug, error};

/// An answer without more than a text: the empty one, or an error's.
pub(crate) type Answer = (StatusCode, String);

/// What of a request says what is pushed.
#[derive(Clone, Debug)]
pub(crate) struct PushRequest {
    pub(crate) job: String,
    pub(crate) is_base64: bool,
    /// What stands behind the job in the path.
    pub(crate) labels: String,
    pub(crate) query: String,
    pub(crate) replace: bool,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// Takes a push.
pub(crate) fn push(gateway: &Gateway, rules: PathRules, request: &PushRequest) -> Answer {
    let labels = match group(&request.job, request.is_base64, &request.labels, rules) {
        Ok(labels) => labels,
        Err(answer) => return answer,
    };
    let parameters: Vec<_> = form_urlencoded::parse(request.query.as_bytes()).collect();
    let parameters = parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
    let options = match PushOptions::from_query(parameters, request.replace) {
        Ok(options) => options,
        Err(e) => return (StatusCode::BAD_REQUEST, e.to_string()),
    };
    let body =
        if is_protobuf(&request.content_type) { Body::Protobuf(&request.body) } else { Body::Text(&request.body) };
    match gateway.push(&Push { labels, replace: request.replace, options }, body) {
        Ok(()) if gateway.is_checked() => (StatusCode::OK, String::new()),
        Ok(()) => (StatusCode::ACCEPTED, String::new()),
        // Taken unseen: what is wrong is noted at the group.
        Err(PushError::Inconsistent(_)) if !gateway.is_checked() => (StatusCode::ACCEPTED, String::new()),
        Err(e @ PushError::Inconsistent(_)) => {
            let method = if request.replace { "PUT" } else { "POST" };
            error!(method, err = %e, "pushed metrics are invalid or inconsistent with existing metrics");
            (StatusCode::BAD_REQUEST, e.to_string())
        }
        Err(e) => {
            debug!(err = %e, "failed to parse text");
            (StatusCode::BAD_REQUEST, e.to_string())
        }
    }
}

/// Deletes a group.
pub(crate) fn delete(gateway: &Gateway, rules: PathRules, job: &str, is_base64: bool, labels: &str) -> Answer {
    match group(job, is_base64, labels, rules) {
        Ok(labels) => {
            gateway.delete(&labels);
            (StatusCode::ACCEPTED, String::new())
        }
        Err(answer) => answer,
    }
}

fn group(job: &str, is_base64: bool, labels: &str, rules: PathRules) -> Result<GroupLabels, Answer> {
    GroupLabels::from_path(job, is_base64, labels, rules).map_err(|e| {
        debug!(url = labels, err = %e, "failed to parse URL");
        (StatusCode::BAD_REQUEST, e.to_string())
    })
}

/// Whether a body is delimited messages; everything else is text.
fn is_protobuf(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().unwrap_or_default().eq_ignore_ascii_case("application/vnd.google.protobuf") {
        return false;
    }
    let (mut proto, mut encoding) = ("", "");
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "proto" => proto = value,
            "encoding" => encoding = value,
            _ => {}
        }
    }
    proto == "io.prometheus.client.MetricFamily" && encoding == "delimited"
}

/// Returns a header's text, or the empty one.
pub(crate) fn header_text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_is_known_by_its_content_type() {
        let full = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
        let cases = [
            (full, true),
            ("Application/vnd.google.protobuf;encoding=\"delimited\";proto=io.prometheus.client.MetricFamily", true),
            ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text", false),
            ("application/vnd.google.protobuf", false),
            ("text/plain", false),
            ("", false),
        ];
        for (content_type, want) in cases {
            assert_eq!(is_protobuf(content_type), want, "{content_type}");
        }
    }
}
