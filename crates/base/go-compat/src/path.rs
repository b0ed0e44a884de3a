//! Paths as Go's `path/filepath` treats them: cleaning, and patterns with `*`, `?` and `[…]`.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Returns the shortest path of the same meaning, as `filepath.Clean`: no `.`, no `x/..`, no double slashes.
pub fn clean_path(path: &Path) -> String {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir) => {}
                _ => out.push(".."),
            },
            other => out.push(other),
        }
    }
    let text = out.to_string_lossy().into_owned();
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Returns whether a name within one directory matches, as `filepath.Match`. A malformed pattern matches nothing.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut done) = (0, 0);
    // Where the last `*` stands, and how far the name was when it took nothing more.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some((at, done));
                at += 1;
                continue;
            }
            None if done == name.len() => return true,
            None => None,
            Some(_) => name.get(done).and_then(|c| one(&pattern[at..], *c)),
        };
        match (step, star) {
            (Some(taken), _) => (at, done) = (at + taken, done + 1),
            (None, Some((place, from))) if from < name.len() => {
                star = Some((place, from + 1));
                (at, done) = (place + 1, from + 1);
            }
            _ => return false,
        }
    }
}

/// Matches one character against the front of a pattern that is no `*`; how much of the pattern it took.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', class @ ..] => {
            let (negated, class) = match class {
                ['^', class @ ..] => (true, class),
                class => (false, class),
            };
            let end = class.iter().skip(1).position(|c| *c == ']')? + 1;
            let (mut hit, mut rest) = (false, &class[..end]);
            while let [low, tail @ ..] = rest {
                let (high, tail) = match tail {
                    ['-', high, tail @ ..] => (high, tail),
                    tail => (low, tail),
                };
                hit |= (low..=high).contains(&&c);
                rest = tail;
            }
            (hit != negated).then_some(end + 2 + usize::from(negated))
        }
        ['\\', literal, ..] => (*literal == c).then_some(2),
        [literal, ..] => (*literal == c).then_some(1),
        [] => None,
    }
}

/// Returns what exists and matches, as `filepath.Glob`: every part of the path may be a pattern. By directory, then name.
pub fn glob_paths(pattern: &Path) -> Vec<PathBuf> {
    let is_pattern = |text: &str| text.contains(['*', '?', '[', '\\']);
    if !is_pattern(&pattern.to_string_lossy()) {
        return if pattern.symlink_metadata().is_ok() { vec![pattern.to_owned()] } else { Vec::new() };
    }
    let Some(name) = pattern.file_name().map(|name| name.to_string_lossy().into_owned()) else { return Vec::new() };
    let parent = pattern.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    for dir in if parent.as_os_str().is_empty() { vec![PathBuf::new()] } else { glob_paths(parent) } {
        let read = fs::read_dir(if dir.as_os_str().is_empty() { Path::new(".") } else { &dir });
        let Ok(entries) = read else { continue };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|entry| name_matches(&name, entry))
            .collect();
        names.sort();
        found.extend(names.into_iter().map(|name| dir.join(name)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_gos() {
        let cases = [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "abc", true),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a\u{263a}b", true),
            ("a[^a]b", "a\u{263a}b", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("[", "a", false),
            ("a[", "ab", false),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
            ("*********************************b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ];
        for (pattern, name, want) in cases {
            assert_eq!(name_matches(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn paths_are_cleaned_as_gos() {
        let cases =
            [("", "."), ("./a//b/", "a/b"), ("a/../b", "b"), ("/../a", "/a"), ("../a/./b", "../a/b"), ("a/..", ".")];
        for (path, want) in cases {
            assert_eq!(clean_path(Path::new(path)), want, "{path}");
        }
    }
}
