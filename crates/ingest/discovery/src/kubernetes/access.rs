//! How the cluster is reached: from inside, by the address of its server, or as a kubeconfig says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use firesteel_config::http::Authorization;
use firesteel_config::sd::KubernetesSd;
use firesteel_config::{FilePath, HttpClientConfig, Secret};
use firesteel_net::client::{ClientOptions, HttpClient};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::sync::Mutex;
use url::Url;

use crate::discoverer::BuildContext;
use crate::error::DiscoveryError;
use crate::fetch::{Fetched, Fetcher};
use crate::kubernetes::exec::Exec;
use crate::kubernetes::kubeconfig;

/// A list of a large cluster takes a while; a server that says nothing for so long is gone.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Where the cluster is and who we are.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Way {
    pub(crate) server: String,
    pub(crate) http: HttpClientConfig,
    /// A program that prints credentials.
    pub(crate) exec: Option<Exec>,
    /// The namespace of this process, for `own_namespace`.
    pub(crate) own_namespace: String,
}

impl Way {
    /// Finds the way that a configuration means.
    pub(crate) fn of(config: &KubernetesSd, context: &BuildContext) -> Result<Self, DiscoveryError> {
        if !config.kubeconfig_file.is_empty() {
            return kubeconfig::read(config.kubeconfig_file.as_path());
        }
        if config.api_server.is_empty() {
            let variable = |name| context.environment.get(name);
            let (host, port) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"));
            return Self::inside(host, port, &context.service_account, config.namespaces.own_namespace);
        }
        Ok(Self { server: config.api_server.as_str().to_owned(), http: config.http.clone(), ..Self::default() })
    }

    /// The way from within: the address is in the environment, token and authority are mounted. The token is read anew
    /// for each request, since it changes every hour.
    pub(crate) fn inside(host: &str, port: &str, mounted: &Path, own_namespace: bool) -> Result<Self, DiscoveryError> {
        if host.is_empty() || port.is_empty() {
            let text = "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT \
                        must be defined";
            return Err(DiscoveryError::Other(text.to_owned()));
        }
        let token = mounted.join("token");
        std::fs::metadata(&token)
            .map_err(|error| DiscoveryError::Other(format!("open {}: {error}", token.display())))?;
        let mut http = HttpClientConfig {
            authorization: Some(Authorization {
                scheme: "Bearer".to_owned(),
                credentials_file: file(&token),
                ..Authorization::default()
            }),
            ..HttpClientConfig::default()
        };
        let authority = mounted.join("ca.crt");
        if authority.exists() {
            http.tls_config.ca_file = file(&authority);
        }
        let mut way = Self {
            server: format!("https://{}", crate::host_port::join_host_port(host, port)),
            http,
            ..Self::default()
        };
        if own_namespace {
            let text = std::fs::read_to_string(mounted.join("namespace"))
                .map_err(|error| DiscoveryError::Other(format!("could not determine the pod's namespace: {error}")))?;
            if text.is_empty() {
                return Err(DiscoveryError::Other("could not read own namespace name (empty file)".to_owned()));
            }
            way.own_namespace = text;
        }
        Ok(way)
    }
}

pub(crate) fn file(path: &Path) -> FilePath {
    FilePath::new(path.to_string_lossy())
}

/// Sends requests to the API server.
#[derive(Debug)]
pub(crate) struct Access {
    base: Url,
    way: Way,
    options: ClientOptions,
    /// The client in use, and when the credentials in it end.
    fetcher: Mutex<Option<Arc<Fetcher>>>,
}

impl Access {
    /// Prepares a client; nothing is asked yet.
    pub(crate) fn new(way: Way, context: &BuildContext) -> Result<Self, DiscoveryError> {
        let server = if way.server.contains("://") { way.server.clone() } else { format!("http://{}", way.server) };
        let mut base = Url::parse(&server).map_err(|e| DiscoveryError::Other(format!("parse {server:?}: {e}")))?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let access = Self { base, way, options: context.client_options("kubernetes_sd"), fetcher: Mutex::new(None) };
        if access.way.exec.is_none() {
            *access.fetcher.try_lock().map_err(|_| DiscoveryError::Deadline)? =
                Some(Arc::new(access.client(&access.way.http)?));
        }
        Ok(access)
    }

    fn client(&self, http: &HttpClientConfig) -> Result<Fetcher, DiscoveryError> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        Ok(Fetcher::new(http, self.options.clone(), TIMEOUT)?.with_headers(headers))
    }

    /// Returns the URL of a path below the server's.
    pub(crate) fn url(&self, path: &str) -> Url {
        self.base.join(path).unwrap_or_else(|_| self.base.clone())
    }

    /// Returns the client with credentials that hold.
    async fn fetcher(&self) -> Result<Arc<Fetcher>, DiscoveryError> {
        let mut held = self.fetcher.lock().await;
        if let Some(fetcher) = &*held
            && self.way.exec.as_ref().is_none_or(Exec::is_fresh)
        {
            return Ok(Arc::clone(fetcher));
        }
        let mut http = self.way.http.clone();
        if let Some(exec) = &self.way.exec {
            let credential = exec.run().await?;
            if !credential.token.is_empty() {
                http.authorization = Some(Authorization {
                    scheme: "Bearer".to_owned(),
                    credentials: Secret::new(credential.token),
                    ..Authorization::default()
                });
            }
            if !credential.certificate.is_empty() {
                http.tls_config.cert = credential.certificate;
                http.tls_config.key = Secret::new(credential.key);
            }
        }
        let fetcher = Arc::new(self.client(&http)?);
        *held = Some(Arc::clone(&fetcher));
        Ok(fetcher)
    }

    /// Asks and reads the whole answer.
    pub(crate) async fn get(&self, url: &Url) -> Result<Fetched, DiscoveryError> {
        let fetched = self.fetcher().await?.get(url).await?;
        self.forget_if_refused(fetched.status).await;
        Ok(fetched)
    }

    /// Asks for an answer that goes on. Its head must come in time.
    pub(crate) async fn open(&self, url: &Url) -> Result<Response<Incoming>, DiscoveryError> {
        let fetcher = self.fetcher().await?;
        let client: &HttpClient = fetcher.client();
        let asked = client.send(Method::GET, url, fetcher.headers(), Bytes::new());
        let response = tokio::time::timeout(TIMEOUT, asked).await.map_err(|_| DiscoveryError::Deadline)??;
        self.forget_if_refused(response.status()).await;
        Ok(response)
    }

    /// Credentials of a program may end before they say so.
    async fn forget_if_refused(&self, status: StatusCode) {
        if status == StatusCode::UNAUTHORIZED && self.way.exec.is_some() {
            *self.fetcher.lock().await = None;
        }
    }
}
