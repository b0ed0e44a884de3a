//! `file_sd_configs`: targets from files that others write.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::FilePath;
use crate::rules_of_choice::missing;
use crate::section::section;

section! {
    /// Which files; a `*` in the last part of the path matches many.
    pub struct FileSd("`file_sd_configs`", "*file.SDConfig", "file.plain") check check {
        /// Each ends in `.json`, `.yml` or `.yaml`.
        files: Vec<FilePath> [keep],
        /// How often they are read even when no change is seen.
        refresh_interval: Duration = Duration::from_secs(300),
    }
}

fn check(sd: &mut FileSd, node: &Node, reader: &mut Reader<'_>) {
    if sd.files.is_empty() {
        missing(node, reader, "files", "file service discovery config must contain at least one path name");
    }
    for item in node.get("files").map_or(&[][..], Node::items) {
        let path = item.text().unwrap_or("");
        if !is_sd_file_name(path) {
            let upstream = format!("path name {} is not valid for file discovery", quote(path.as_bytes()));
            reader
                .error(item.span, "FS0160", format!("`{path}` cannot be a file of targets"))
                .label("the name must end in .json, .yml or .yaml, with at most one * in its last part")
                .upstream(upstream);
        }
    }
}

/// `^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$`
fn is_sd_file_name(path: &str) -> bool {
    let endings = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"];
    let Some(stem) = endings.iter().find_map(|ending| path.strip_suffix(ending)) else { return false };
    stem.find('*').is_none_or(|star| !stem[star + 1..].contains('/'))
}
