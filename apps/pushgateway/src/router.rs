//! Which handler a request gets, by upstream's rules: paths are decoded before they are split, what lies on another method
//! is 405, a slash too many or too few is a redirect (httprouter 1.3 behind Go's `ServeMux`).

use http::Method;

/// A place on the site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    Healthy,
    Ready,
    Metrics,
    Push {
        job: String,
        is_base64: bool,
        labels: String,
    },
    Delete {
        job: String,
        is_base64: bool,
        labels: String,
    },
    Status,
    Static,
    Quit,
    /// GET of the place where others quit.
    QuitByGet,
    ApiOptions,
    ApiStatus,
    ApiMetrics,
    Wipe,
}

/// What becomes of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Route(Route),
    /// To the same place with or without a slash at its end, or with no empty parts.
    Redirect(String),
    /// The methods that are allowed.
    NotAllowed(String),
    Nothing,
}

/// Where the site's parts lie.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Empty, or with a slash in front and none behind.
    pub(crate) prefix: String,
    /// Where metrics are shown, below the prefix.
    pub(crate) telemetry_path: String,
    pub(crate) admin: bool,
}

impl Places {
    /// Finds what `path`, already decoded, stands for.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found {
        let clean = cleaned(path);
        if clean != path {
            return Found::Redirect(clean);
        }
        if let Some(rest) = path.strip_prefix(&self.prefix).and_then(|path| path.strip_prefix("/api/v1")) {
            if rest.starts_with('/') {
                return self.find_by(method, rest, Self::api);
            }
            if rest.is_empty() {
                return Found::Redirect(format!("{path}/"));
            }
        }
        self.find_by(method, path, Self::site)
    }

    fn find_by(&self, method: &Method, path: &str, at: impl Fn(&Self, &Method, &str) -> Option<Route>) -> Found {
        if let Some(route) = at(self, method, path) {
            return Found::Route(route);
        }
        if path != "/" {
            let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
            if at(self, method, &other).is_some() {
                return Found::Redirect(other);
            }
        }
        let methods = [Method::DELETE, Method::GET, Method::POST, Method::PUT];
        let mut allowed: Vec<&str> =
            methods.iter().filter(|m| at(self, m, path).is_some()).map(Method::as_str).collect();
        if allowed.is_empty() {
            return Found::Nothing;
        }
        allowed.push("OPTIONS");
        allowed.sort_unstable();
        Found::NotAllowed(allowed.join(", "))
    }

    fn site(&self, method: &Method, path: &str) -> Option<Route> {
        // Registered without the prefix (`main.go`, 1.11); kept.
        if method == Method::GET && path == "/-/quit" {
            return Some(Route::QuitByGet);
        }
        let path = path.strip_prefix(&self.prefix)?;
        match *method {
            Method::GET if path == self.telemetry_path => Some(Route::Metrics),
            Method::GET => match path {
                "/-/healthy" => Some(Route::Healthy),
                "/-/ready" => Some(Route::Ready),
                "/" | "/status" => Some(Route::Status),
                _ if path.starts_with("/static/") => Some(Route::Static),
                _ => None,
            },
            Method::PUT | Method::POST if path == "/-/quit" => Some(Route::Quit),
            Method::PUT | Method::POST => {
                group(path).map(|(job, is_base64, labels)| Route::Push { job, is_base64, labels })
            }
            Method::DELETE => group(path).map(|(job, is_base64, labels)| Route::Delete { job, is_base64, labels }),
            _ => None,
        }
    }

    fn api(&self, method: &Method, path: &str) -> Option<Route> {
        match (method, path) {
            (&Method::OPTIONS, _) => Some(Route::ApiOptions),
            (&Method::GET, "/status") => Some(Route::ApiStatus),
            (&Method::GET, "/metrics") => Some(Route::ApiMetrics),
            (&Method::PUT, "/admin/wipe") if self.admin => Some(Route::Wipe),
            _ => None,
        }
    }
}

/// Returns job, whether it is base64, and what stands behind it with its slash.
fn group(path: &str) -> Option<(String, bool, String)> {
    let rest = path.strip_prefix("/metrics/")?;
    let (rest, is_base64) = match rest.strip_prefix("job@base64/") {
        Some(rest) => (rest, true),
        None => (rest.strip_prefix("job/")?, false),
    };
    let (job, labels) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    (!job.is_empty()).then(|| (job.to_owned(), is_base64, labels.to_owned()))
}

/// Go's `path.Clean` with a slash in front, and one behind where there was one.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{slash}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Found {
        let places = Places { prefix: "/p".to_owned(), telemetry_path: "/metrics".to_owned(), admin: false };
        places.find(&method, path)
    }

    #[test]
    fn places_are_found() {
        let push = |job: &str, is_base64, labels: &str| {
            Found::Route(Route::Push { job: job.to_owned(), is_base64, labels: labels.to_owned() })
        };
        let cases = [
            (Method::GET, "/p/metrics", Found::Route(Route::Metrics)),
            (Method::GET, "/p/", Found::Route(Route::Status)),
            (Method::GET, "/p", Found::Redirect("/p/".to_owned())),
            (Method::GET, "/p/metrics/", Found::Redirect("/p/metrics".to_owned())),
            (Method::GET, "/metrics", Found::Nothing),
            (Method::GET, "/-/quit", Found::Route(Route::QuitByGet)),
            (Method::PUT, "/p/-/quit", Found::Route(Route::Quit)),
            (Method::POST, "/p/metrics/job/a", push("a", false, "")),
            (Method::PUT, "/p/metrics/job/a/", push("a", false, "/")),
            (Method::PUT, "/p/metrics/job@base64/YQ/b/c", push("YQ", true, "/b/c")),
            (Method::POST, "/p/metrics/job/a//b", Found::Redirect("/p/metrics/job/a/b".to_owned())),
            (Method::POST, "/p/metrics", Found::NotAllowed("GET, OPTIONS".to_owned())),
            (Method::GET, "/p/metrics/job/a", Found::NotAllowed("DELETE, OPTIONS, POST, PUT".to_owned())),
            (Method::POST, "/p/metrics/job/", Found::Nothing),
            (Method::GET, "/p/api/v1/status", Found::Route(Route::ApiStatus)),
            (Method::OPTIONS, "/p/api/v1/anything", Found::Route(Route::ApiOptions)),
            (Method::PUT, "/p/api/v1/admin/wipe", Found::Nothing),
            (Method::GET, "/p/api/v1", Found::Redirect("/p/api/v1/".to_owned())),
        ];
        for (method, path, want) in cases {
            assert_eq!(found(method.clone(), path), want, "{method} {path}");
        }
    }

    #[test]
    fn paths_are_cleaned() {
        for (path, want) in
            [("", "/"), ("//", "/"), ("/a//b/", "/a/b/"), ("/a/../b", "/b"), ("/..", "/"), ("/a/.", "/a")]
        {
            assert_eq!(cleaned(path), want, "{path}");
        }
    }
}
