//! A kubeconfig: which cluster, and who we are there (<https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firesteel_config::http::{Authorization, BasicAuth};
use firesteel_config::{FilePath, HttpClientConfig, Secret, Url};
use firesteel_yaml::{Node, Source, parse};

use crate::error::DiscoveryError;
use crate::kubernetes::access::{Way, file};
use crate::kubernetes::exec::Exec;

/// Reads the file and follows its current context.
pub(crate) fn read(path: &Path) -> Result<Way, DiscoveryError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let said = if error.kind() == std::io::ErrorKind::NotFound {
            "no such file or directory".to_owned()
        } else {
            error.to_string()
        };
        DiscoveryError::Other(format!("stat {}: {said}", path.display()))
    })?;
    way(&text, path).map_err(|why| DiscoveryError::Other(format!("{}: {why}", path.display())))
}

fn way(text: &str, path: &Path) -> Result<Way, String> {
    let source = Source::new(path.to_string_lossy(), text);
    let root = parse(&source).map_err(|fault| fault.message.clone())?.ok_or("the file is empty")?;
    let dir = path.parent().unwrap_or(Path::new(""));
    let context = named(&root, "contexts", word(&root, "current-context"), "context")?;
    let cluster = named(&root, "clusters", word(context, "cluster"), "cluster")?;
    let mut way = Way { server: word(cluster, "server").to_owned(), ..Way::default() };
    if way.server.is_empty() {
        return Err("invalid configuration: no server found for cluster".to_owned());
    }
    let tls = &mut way.http.tls_config;
    tls.insecure_skip_verify = word(cluster, "insecure-skip-tls-verify") == "true";
    word(cluster, "tls-server-name").clone_into(&mut tls.server_name);
    tls.ca = data(cluster, "certificate-authority-data")?;
    if tls.ca.is_empty() {
        tls.ca_file = beside(dir, word(cluster, "certificate-authority"));
    }
    way.http.proxy.proxy_url = Url::new(word(cluster, "proxy-url"));
    // A context without a user is legal: an open server.
    if let Ok(user) = named(&root, "users", word(context, "user"), "user") {
        identify(user, dir, &mut way.http)?;
        way.exec = exec(user, dir);
        if user.get("auth-provider").is_some() {
            return Err("auth-provider is not supported since Kubernetes 1.26; use exec".to_owned());
        }
    }
    Ok(way)
}

/// Returns the text under a key, or nothing.
fn word<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(Node::text).unwrap_or_default()
}

/// Returns what stands in a list under a name.
fn named<'n>(root: &'n Node, list: &str, name: &str, what: &str) -> Result<&'n Node, String> {
    let items = root.get(list).map_or(&[][..], Node::items);
    let found = items.iter().find(|item| !name.is_empty() && word(item, "name") == name);
    found
        .and_then(|item| item.get(what))
        .ok_or_else(|| format!("invalid configuration: {what} {name:?} does not exist"))
}

fn data(node: &Node, key: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(word(node, key).trim()).map_err(|error| format!("{key}: {error}"))?;
    String::from_utf8(bytes).map_err(|error| format!("{key}: {error}"))
}

fn beside(dir: &Path, name: &str) -> FilePath {
    if name.is_empty() { FilePath::default() } else { file(&dir.join(name)) }
}

fn identify(user: &Node, dir: &Path, http: &mut HttpClientConfig) -> Result<(), String> {
    let tls = &mut http.tls_config;
    tls.cert = data(user, "client-certificate-data")?;
    if tls.cert.is_empty() {
        tls.cert_file = beside(dir, word(user, "client-certificate"));
    }
    tls.key = Secret::new(data(user, "client-key-data")?);
    if tls.key.is_empty() {
        tls.key_file = beside(dir, word(user, "client-key"));
    }
    let (token, token_file) = (word(user, "token"), word(user, "tokenFile"));
    if !token.is_empty() || !token_file.is_empty() {
        // A file changes under us, so it comes first, as in client-go.
        let from_file = beside(dir, token_file);
        http.authorization = Some(Authorization {
            scheme: "Bearer".to_owned(),
            credentials: Secret::new(if token_file.is_empty() { token } else { "" }),
            credentials_file: from_file,
            ..Authorization::default()
        });
    } else if !word(user, "username").is_empty() {
        http.basic_auth = Some(BasicAuth {
            username: word(user, "username").to_owned(),
            password: Secret::new(word(user, "password")),
            ..BasicAuth::default()
        });
    }
    Ok(())
}

fn exec(user: &Node, dir: &Path) -> Option<Exec> {
    let exec = user.get("exec").filter(|node| !node.is_null())?;
    let command = word(exec, "command");
    // A name without a slash is looked for in PATH, a relative path beside the file.
    let command =
        if command.contains('/') { dir.join(command).to_string_lossy().into_owned() } else { command.to_owned() };
    let words = exec.get("args").map_or(&[][..], Node::items).iter().filter_map(Node::text);
    let env = exec.get("env").map_or(&[][..], Node::items).iter();
    let env = env.map(|pair| (word(pair, "name").to_owned(), word(pair, "value").to_owned()));
    Some(Exec::new(command, words.map(str::to_owned).collect(), env.collect(), word(exec, "apiVersion").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: there, context: {cluster: far, user: nobody}}
- {name: here, context: {cluster: near, user: me, namespace: x}}
clusters:
- name: near
  cluster: {server: 'https://10.0.0.1:6443', certificate-authority-data: Y2E=, tls-server-name: api, proxy-url: 'http://p:1'}
users:
- name: me
  user: {client-certificate: c.pem, client-key: /k.pem, token: t, tokenFile: token}
";

    #[test]
    fn the_current_context_is_followed() {
        let way = way(FILE, Path::new("/etc/kube/config")).expect("a good file");
        assert_eq!(way.server, "https://10.0.0.1:6443");
        let tls = &way.http.tls_config;
        assert_eq!((tls.ca.as_str(), tls.server_name.as_str()), ("ca", "api"));
        assert_eq!((tls.cert_file.as_str(), tls.key_file.as_str()), ("/etc/kube/c.pem", "/k.pem"));
        assert_eq!(way.http.proxy.proxy_url.as_str(), "http://p:1");
        let authorization = way.http.authorization.expect("a token");
        assert_eq!(authorization.credentials_file.as_str(), "/etc/kube/token");
        assert!(authorization.credentials.is_empty());
    }

    #[test]
    fn programs_and_passwords() {
        let exec = FILE.replace(
            "user: {client-certificate: c.pem, client-key: /k.pem, token: t, tokenFile: token}",
            "user: {username: u, password: p, exec: {command: bin/get-token, args: [-x, y], env: [{name: A, value: b}], apiVersion: v}}",
        );
        let way = way(&exec, Path::new("/etc/kube/config")).expect("a good file");
        let want = Exec::new(
            "/etc/kube/bin/get-token".to_owned(),
            vec!["-x".to_owned(), "y".to_owned()],
            vec![("A".to_owned(), "b".to_owned())],
            "v".to_owned(),
        );
        assert_eq!(way.exec, Some(want));
        assert_eq!(way.http.basic_auth.map(|auth| auth.username), Some("u".to_owned()));
    }

    #[test]
    fn faults_name_what_is_missing() {
        for (text, want) in [
            ("", "the file is empty"),
            ("current-context: x\n", "invalid configuration: context \"x\" does not exist"),
            (&FILE.replace("name: near", "name: far"), "invalid configuration: cluster \"near\" does not exist"),
            (&FILE.replace("Y2E=", "'%'"), "certificate-authority-data: "),
            (&FILE.replace("token: t", "auth-provider: {name: gcp}"), "auth-provider is not supported"),
        ] {
            let error = way(text, Path::new("/c")).expect_err(want);
            assert!(error.starts_with(want), "{error}");
        }
    }
}
