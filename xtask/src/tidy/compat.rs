//! The compat tables tell the truth: every test or file that a row names exists.
//!
//! A row names its proof in backquotes in the last column: `path/of/file.rs::test_name`, or a path alone.

use std::fs;

use anyhow::Result;

use crate::shell;

pub(crate) fn check(faults: &mut Vec<String>) -> Result<()> {
    let root = shell::root();
    for entry in fs::read_dir(root.join("docs/compat"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let table = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        for (number, line) in fs::read_to_string(&path)?.lines().enumerate() {
            if !line.starts_with('|') {
                continue;
            }
            let Some(proof) = line.trim_end().trim_end_matches('|').rsplit('|').next() else { continue };
            for quoted in proof.split('`').skip(1).step_by(2).filter(|q| q.contains('/')) {
                let (file, test) = quoted.split_once("::").map_or((quoted, None), |(f, t)| (f, Some(t)));
                let place = format!("{table}:{}", number + 1);
                if file.contains(' ') {
                    continue;
                }
                let path = root.join(file);
                if !path.exists() {
                    faults.push(format!("{place}: {file} does not exist"));
                } else if let Some(test) = test
                    && !fs::read_to_string(&path).is_ok_and(|text| text.contains(test))
                {
                    faults.push(format!("{place}: {file} has no test {test}"));
                }
            }
        }
    }
    Ok(())
}
