//! What is legal but will hardly be meant: nothing to scrape, patterns without a match, certificate files not there.

use std::path::Path;

use firesteel_yaml::{Diagnostic, Node, Source, Span, nearest, parse};

use crate::file_path::join;
use crate::{Config, matching_files};

/// Looks at an accepted configuration and at the files it names. `path` and `text` are those given to [`crate::load`].
pub fn advise(path: &Path, text: &str, config: &Config) -> Vec<Diagnostic> {
    let source = Source::new(path.to_string_lossy(), text);
    let dir = path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    if config.scrape_configs.is_empty() && config.scrape_config_files.is_empty() {
        let start = Span { line: 1, column: 1, start: 0, end: 0 };
        let mut warning = Diagnostic::warning(&source, start, "FS0201", "nothing will be scraped");
        warning.label("there are no `scrape_configs`");
        found.push(warning);
    }
    let Ok(Some(root)) = parse(&source) else { return found };
    for item in root.get("rule_files").map_or(&[][..], Node::items) {
        let pattern = join(dir, item.text().unwrap_or(""));
        if matching_files(Path::new(&pattern)).is_empty() {
            let mut warning = Diagnostic::warning(
                &source,
                item.span,
                "FS0202",
                format!("{} matches no file", item.text().unwrap_or("")),
            );
            if let Some(near) = nearest_file(Path::new(&pattern)) {
                warning.label(format!("nearest: {near}"));
            }
            found.push(warning);
        }
    }
    for job in root.get("scrape_configs").map_or(&[][..], Node::items) {
        let name = job.get("job_name").and_then(Node::text).unwrap_or("");
        for key in ["ca_file", "cert_file", "key_file"] {
            let Some(file) = job.get("tls_config").and_then(|tls| tls.get(key)) else { continue };
            let path = join(dir, file.text().unwrap_or(""));
            if !path.is_empty() && !Path::new(&path).exists() {
                let mut warning = Diagnostic::warning(&source, file.span, "FS0203", format!("{key} not found"));
                warning.label(format!("every scrape of \"{name}\" will fail"));
                found.push(warning);
            }
        }
    }
    found.sort_by_key(|d| (d.line, d.column));
    found
}

/// Returns the file in the pattern's directory, or the directory beside it, whose name is most like what was asked for.
fn nearest_file(pattern: &Path) -> Option<String> {
    let dir = pattern.parent()?;
    if dir.is_dir() || dir.as_os_str().is_empty() {
        return None;
    }
    let (above, name) = (dir.parent()?, dir.file_name()?.to_string_lossy().into_owned());
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    let dirs: Vec<String> = std::fs::read_dir(above)
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let near = nearest(&name, dirs.iter().map(String::as_str))?;
    let beside = dir.with_file_name(near).join(pattern.file_name()?);
    matching_files(&beside).first().map(|file| file.to_string_lossy().into_owned())
}
