//! Which proxy a request goes through, if any.

use firesteel_config::http::ProxyConfig;
use http::Uri;
use url::Url;

use super::error::ClientError;

/// The proxy settings of a client, the environment read once.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    except: Vec<String>,
    /// Headers of the CONNECT request.
    pub(crate) connect_headers: Vec<(String, String)>,
}

impl Proxies {
    pub(crate) fn new(config: &ProxyConfig) -> Result<Self, ClientError> {
        let parse = |text: &str| Url::parse(text).map_err(|e| ClientError::ProxyUrl(e.to_string()));
        let connect_headers = config
            .proxy_connect_header
            .iter()
            .flat_map(|(name, values)| values.iter().map(|v| (name.clone(), v.reveal().to_owned())))
            .collect();
        let split = |list: &str| list.split(',').map(|s| s.trim().to_lowercase()).filter(|s| !s.is_empty()).collect();
        if config.proxy_from_environment {
            let read =
                |names: [&str; 2]| names.into_iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
            let url = |names| read(names).map(|text| parse(&with_scheme(&text))).transpose();
            return Ok(Self {
                http: url(["HTTP_PROXY", "http_proxy"])?,
                https: url(["HTTPS_PROXY", "https_proxy"])?,
                except: split(&read(["NO_PROXY", "no_proxy"]).unwrap_or_default()),
                connect_headers,
            });
        }
        if config.proxy_url.is_empty() {
            return Ok(Self::default());
        }
        let url = parse(config.proxy_url.as_str())?;
        Ok(Self { http: Some(url.clone()), https: Some(url), except: split(&config.no_proxy), connect_headers })
    }

    /// Returns the proxy for a destination.
    pub(crate) fn for_uri(&self, uri: &Uri) -> Option<&Url> {
        let proxy = if uri.scheme_str() == Some("https") { &self.https } else { &self.http };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
        proxy.as_ref().filter(|_| !self.is_excepted(&host, uri.port_u16()))
    }

    /// As Go's httpproxy: `*`, a host with or without a port, a domain with its subdomains.
    fn is_excepted(&self, host: &str, port: Option<u16>) -> bool {
        self.except.iter().any(|entry| {
            if entry == "*" {
                return true;
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => (name, port.parse::<u16>().ok()),
                _ => (entry.as_str(), None),
            };
            if wanted.is_some() && wanted != port {
                return false;
            }
            let bare = name.trim_start_matches("*.").trim_start_matches('.');
            (host == bare && bare == name) || host.strip_suffix(bare).is_some_and(|sub| sub.ends_with('.'))
        })
    }
}

fn with_scheme(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("http://{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_as_go() {
        let proxies = Proxies {
            http: Url::parse("http://proxy:3128").ok(),
            except: ["a.com", ".b.com", "c.com:81", "10.0.0.1"].map(str::to_owned).to_vec(),
            ..Proxies::default()
        };
        let cases = [
            ("http://a.com/", false),
            ("http://x.a.com/", false),
            ("http://xa.com/", true),
            ("http://b.com/", true),
            ("http://x.b.com/", false),
            ("http://c.com:81/", false),
            ("http://c.com/", true),
            ("http://10.0.0.1:9100/", false),
            ("https://z.com/", false),
        ];
        for (uri, through) in cases {
            assert_eq!(proxies.for_uri(&uri.parse().expect("a URI")).is_some(), through, "{uri}");
        }
    }
}
