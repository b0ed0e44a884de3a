//! The address under which the server is reached from outside, and the prefix of its routes.

use url::Url;

/// `--web.external-url`, or what stands in for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ExternalUrl {
    pub(crate) scheme: String,
    /// `host` or `host:port`.
    pub(crate) host: String,
    /// Empty, or `/some/path` without a slash at the end.
    pub(crate) path: String,
}

impl ExternalUrl {
    /// Reads the flag; empty means this host's name and the port of the first listener.
    pub(crate) fn new(flag: &str, hostname: &str, port: u16) -> Result<Self, String> {
        if flag.is_empty() {
            return Ok(Self { scheme: "http".to_owned(), host: format!("{hostname}:{port}"), path: String::new() });
        }
        let quoted = |c| matches!(c, '"' | '\'');
        if flag.starts_with(quoted) || flag.ends_with(quoted) {
            return Err("URL must not begin or end with quotes".to_owned());
        }
        let url = Url::parse(flag).map_err(|e| e.to_string())?;
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or_default().to_owned(),
        };
        Ok(Self { scheme: url.scheme().to_owned(), host, path: url.path().trim_end_matches('/').to_owned() })
    }
}

impl std::fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.host, self.path)
    }
}

/// Normalises `--web.route-prefix`: one slash in front, none behind; empty takes the external URL's path.
pub(crate) fn route_prefix(flag: &str, external: &ExternalUrl) -> String {
    let raw = if flag.is_empty() { &external.path } else { flag };
    format!("/{}", raw.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("", ("http", "box:9090", ""), "/"),
            ("https://a.example/prom/", ("https", "a.example", "/prom"), "/prom"),
            ("http://a.example:81", ("http", "a.example:81", ""), "/"),
        ];
        for (flag, (scheme, host, path), prefix) in cases {
            let url = ExternalUrl::new(flag, "box", 9090).expect("good address");
            assert_eq!((url.scheme.as_str(), url.host.as_str(), url.path.as_str()), (scheme, host, path));
            assert_eq!(route_prefix("", &url), prefix);
            assert_eq!(route_prefix("x/", &url), "/x");
        }
        let refused = ExternalUrl::new("'http://a'", "box", 1).expect_err("quotes");
        assert_eq!(refused, "URL must not begin or end with quotes");
    }
}
