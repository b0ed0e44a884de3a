//! One request to a server and its answer, over plain or secured connections, with what `--http.config.file` says.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use firesteel_cli::{Matches, version};
use firesteel_config::{Decode as _, HttpClientConfig, load_http_config};
use firesteel_net::client::{ClientOptions, HttpClient, RequestError, RequestFault};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Limited};
use url::Url;

use crate::{check_config::missing_file, verdict::pictures};

/// Where a server is, and how to speak to it.
#[derive(Debug)]
pub(crate) struct Server {
    url: Url,
    config: HttpClientConfig,
}

/// What is sent along.
#[derive(Debug)]
pub(crate) enum Sent<'a> {
    Nothing,
    /// Fields of a form.
    Form(&'a [(String, String)]),
    /// As it is; the headers say what it is.
    Bytes(Bytes),
}

/// A request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) body: Sent<'a>,
    pub(crate) headers: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub(crate) const fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, body: Sent::Nothing, headers: Vec::new() }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Bodies above this are not answers to one query.
const BODY_BYTES_MAX: usize = 1 << 30;

impl Server {
    /// Reads a server's address, whose scheme may be missing, and the client's configuration, if one is given. The error
    /// is a whole line.
    pub(crate) fn of(text: &str, matches: &Matches) -> Result<Self, String> {
        let url = server_url(text).map_err(|error| format!("promtool: error: {error}, try --help"))?;
        // Without a file, upstream's client takes the environment's proxies.
        let mut config = HttpClientConfig::fresh();
        config.proxy.proxy_from_environment = true;
        if let Some(path) = matches.text_opt("http.config.file") {
            if let Some(refusal) = missing_file(&[path]) {
                return Err(refusal);
            }
            if !url.username().is_empty() {
                return Err("promtool: error: Cannot set base auth in the server URL and use a http.config.file at \
                            the same time"
                    .to_owned());
            }
            let failed = |why: String| format!("promtool: error: Failed to load HTTP config file: {why}");
            let text = fs::read_to_string(path).map_err(|error| failed(format!("{path}: {error}")))?;
            let (loaded, faults) = load_http_config(Path::new(path), &text);
            config = loaded.ok_or_else(|| failed(format!("\n{}", pictures(&faults))))?;
        }
        Ok(Self { url, config })
    }

    /// Reads a server's address; requests are plain, with the environment's proxies.
    pub(crate) fn plain(text: &str) -> Result<Self, String> {
        let mut config = HttpClientConfig::fresh();
        config.proxy.proxy_from_environment = true;
        Ok(Self { url: server_url(text)?, config })
    }

    /// Makes a request; `timeout` bounds it as a whole.
    pub(crate) fn call(&self, call: &Call<'_>, timeout: Duration) -> Result<Answer, String> {
        let options =
            ClientOptions { user_agent: format!("promtool/{}", version().compatible), ..ClientOptions::default() };
        let client = HttpClient::new(&self.config, options)
            .map_err(|error| format!("promtool: error: Failed to create a new HTTP round tripper: {error}"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("promtool: error: {error}"))?;
        runtime.block_on(self.exchange(&client, call, timeout))
    }

    async fn exchange(&self, client: &HttpClient, call: &Call<'_>, timeout: Duration) -> Result<Answer, String> {
        let mut url = self.url.clone();
        let (path, query) = call.path.split_once('?').map_or((call.path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|error| error.to_string())?);
        }
        let body = match &call.body {
            Sent::Nothing => Bytes::new(),
            Sent::Bytes(bytes) => bytes.clone(),
            Sent::Form(form) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                form_urlencoded::Serializer::new(String::new()).extend_pairs(*form).finish().into()
            }
        };
        let asking = async {
            let response = client.send(call.method.clone(), &url, &headers, body).await;
            let response = response.map_err(|error| error.to_string())?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| format!("reading the answer of {url}: {error}"))?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(timeout, asking).await.unwrap_or_else(|_| {
            let method = if call.method == Method::POST { "Post" } else { "Get" };
            Err(RequestError { method, url: url.to_string(), fault: RequestFault::Deadline }.to_string())
        })
    }
}

fn server_url(text: &str) -> Result<Url, String> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).map_err(|error| format!("invalid URL: parse \"{text}\": {error}"))?;
    match (url.scheme(), url.has_host()) {
        ("http" | "https", true) => Ok(url),
        (scheme, _) => Err(format!("invalid URL: parse \"{text}\": unsupported protocol scheme \"{scheme}\"")),
    }
}
