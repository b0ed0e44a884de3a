//! Codes in the sources of the house, beside the pages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the `FSnnnn` of a text with what stands in front of them.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("FS").filter_map(|(at, _)| {
        let code = text.get(at..at + 6)?;
        let digits = code.bytes().skip(2).all(|b| b.is_ascii_digit());
        let alone = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        (digits && alone).then_some(code)
    })
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory of the house").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            let name = entry.file_name();
            // Tests may speak of codes that do not exist; the pages are no source.
            if name != "tests" && name != "explain" {
                sources(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).expect("the house");
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    sources(&root.join("apps"), &mut files);
    let mut emitted: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for code in codes(&text) {
            emitted.entry(code.to_owned()).or_insert_with(|| file.clone());
        }
    }
    let pages: BTreeSet<String> = firesteel_explain::pages().iter().map(|page| page.code.to_owned()).collect();
    let lacking: Vec<_> = emitted.iter().filter(|(code, _)| !pages.contains(*code)).collect();
    assert!(lacking.is_empty(), "codes without a page: {lacking:?}");
    let idle: Vec<_> = pages.iter().filter(|code| !emitted.contains_key(*code)).collect();
    assert!(idle.is_empty(), "pages of codes that nothing emits: {idle:?}");
}
