//! `/consoles/…`: pages that people write as templates over queries (`web/web.go`, `consoles`).

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse as _, Response};
use firesteel_base::TimestampMs;
use firesteel_promql::{QueryOptions, QueryOrigin, Value};
use firesteel_promql_syntax::parse;
use firesteel_template::Limits;
use firesteel_template::prometheus::{ConsoleData, Expander, QuerySource, Sample, SampleValue, expand_console};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

use crate::Api;
use crate::params::Params;
use crate::respond::go_error;
use crate::state::on_thread;

type Fault = (StatusCode, String);

pub(crate) async fn console(State(api): State<Arc<Api>>, OriginalUri(uri): OriginalUri, params: Params) -> Response {
    let path = uri.path().split_once("/consoles").map_or("/", |(_, path)| path);
    let name = percent_decode_str(path).decode_utf8_lossy().into_owned();
    match on_thread(move || page(&api, &name, &params)).await {
        Ok(Ok(page)) => {
            let kind = HeaderValue::from_static(sniffed(&page));
            let mut response = page.into_response();
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Ok(Err((code, why))) => go_error(code, &why),
        Err(e) => go_error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

/// `name` is the path with its first slash.
fn page(api: &Api, name: &str, params: &Params) -> Result<String, Fault> {
    let path = below(&api.options.console_templates, name);
    let failed = |error: String| (StatusCode::INTERNAL_SERVER_ERROR, error);
    let about = fs::metadata(&path).map_err(|error| (StatusCode::NOT_FOUND, told("open", &path, &error)))?;
    if about.is_dir() {
        return Err(failed(format!("read {}: is a directory", path.display())));
    }
    let text = fs::read(&path).map_err(|error| (StatusCode::NOT_FOUND, told("open", &path, &error)))?;
    if let Some(fault) = params.form_fault() {
        return Err((StatusCode::BAD_REQUEST, fault.to_owned()));
    }
    let libraries = libraries(&api.options.console_libraries).map_err(failed)?;
    let labels = api.status.external_labels();
    let data = ConsoleData {
        params: params.url_pairs().to_vec(),
        path: name.trim_start_matches('/').to_owned(),
        external_labels: labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    let source = Queries { api, origin: params.origin.clone() };
    let expander = Expander { now_ms: api.clock.now().0, external_url: &api.options.external_url, source: &source };
    let limits = Limits { time: api.options.query_timeout, ..Limits::default() };
    let text = String::from_utf8_lossy(&text);
    expand_console(&format!("__console_{name}"), &text, &libraries, &data, &expander, limits).map_err(failed)
}

/// The file below a folder; the path cannot leave it.
fn below(folder: &Path, name: &str) -> PathBuf {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::ParentDir => {
                parts.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    folder.iter().chain(parts).collect()
}

/// A fault of a file in Go's words.
fn told(what: &str, path: &Path, error: &std::io::Error) -> String {
    let why = error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase();
    format!("{what} {}: {why}", path.display())
}

/// The libraries by name, with their texts.
fn libraries(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "lib")).collect();
    names.sort();
    let read = |name: String| {
        let path = folder.join(&name);
        let text = fs::read(&path).map_err(|error| told("open", &path, &error))?;
        Ok((name, String::from_utf8_lossy(&text).into_owned()))
    };
    names.into_iter().map(read).collect()
}

/// `query` in consoles.
struct Queries<'a> {
    api: &'a Api,
    origin: QueryOrigin,
}

impl QuerySource for Queries<'_> {
    fn query(&self, text: &str, at_ms: i64) -> Result<Vec<Sample>, String> {
        let expr = parse(text, self.api.options.parser).map_err(|errors| errors.to_string())?;
        let options = QueryOptions { text: text.into(), origin: self.origin.clone(), ..QueryOptions::default() };
        let answer = self.api.queries.instant(&expr, TimestampMs(at_ms), &options).map_err(|e| e.to_string())?;
        let samples = match answer.value {
            Value::Vector(samples) => samples,
            Value::Scalar { v, .. } => {
                let value = SampleValue::Float(v);
                return Ok(vec![Sample { labels: firesteel_model::Labels::empty(), value }]);
            }
            Value::String { .. } | Value::Matrix(_) => return Err("rule result is not a vector or scalar".to_owned()),
        };
        let value = |sample: &firesteel_promql::VectorSample| match &sample.histogram {
            Some(histogram) => SampleValue::Histogram(Box::new((**histogram).clone())),
            None => SampleValue::Float(sample.v),
        };
        Ok(samples.into_iter().map(|sample| Sample { value: value(&sample), labels: sample.labels }).collect())
    }
}

/// What Go's `http.DetectContentType` makes of a page: consoles say nothing of their type.
fn sniffed(page: &str) -> &'static str {
    const TAGS: [&str; 17] = [
        "<!DOCTYPE HTML",
        "<HTML",
        "<HEAD",
        "<SCRIPT",
        "<IFRAME",
        "<H1",
        "<DIV",
        "<FONT",
        "<TABLE",
        "<A",
        "<STYLE",
        "<TITLE",
        "<B",
        "<BODY",
        "<BR",
        "<P",
        "<!--",
    ];
    let begin = page.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']).as_bytes();
    let is_tag = |tag: &str| {
        begin.get(..tag.len()).is_some_and(|found| found.eq_ignore_ascii_case(tag.as_bytes()))
            && matches!(begin.get(tag.len()), Some(b' ' | b'>'))
    };
    if TAGS.iter().any(|tag| is_tag(tag)) {
        "text/html; charset=utf-8"
    } else if begin.starts_with(b"<?xml") {
        "text/xml; charset=utf-8"
    } else {
        "text/plain; charset=utf-8"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder() {
        for (name, want) in [
            ("/index.html", "c/index.html"),
            ("/a/../../../etc/passwd", "c/etc/passwd"),
            ("//x//y.html", "c/x/y.html"),
            ("/", "c"),
            ("/..", "c"),
        ] {
            assert_eq!(below(Path::new("c"), name), Path::new(want), "{name}");
        }
    }

    #[test]
    fn pages_are_told_from_text() {
        for (page, want) in [
            ("<!DOCTYPE html><p>", "text/html; charset=utf-8"),
            (" \n<html>", "text/html; charset=utf-8"),
            ("<b>x</b>", "text/html; charset=utf-8"),
            ("<base>", "text/plain; charset=utf-8"),
            ("<?xml version='1.0'?>", "text/xml; charset=utf-8"),
            ("", "text/plain; charset=utf-8"),
            ("up 1", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(sniffed(page), want, "{page}");
        }
    }
}
