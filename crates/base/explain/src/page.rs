//! Pages, cut out of the files that hold them.

/// The families of codes: text, settings, advice, machine, scrape, rules and queries.
const FILES: [&str; 6] = [
    include_str!("../pages/text.md"),
    include_str!("../pages/settings.md"),
    include_str!("../pages/advice.md"),
    include_str!("../pages/machine.md"),
    include_str!("../pages/scrape.md"),
    include_str!("../pages/queries.md"),
];

/// What one code means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// `FS` and four digits.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it is, why it matters, an example and the remedy, in Markdown.
    pub text: &'static str,
}

/// Returns all pages in the order of their codes.
pub fn pages() -> Vec<Page> {
    let mut all: Vec<Page> = FILES.iter().flat_map(|file| file.split("\n## ").skip(1)).filter_map(cut).collect();
    all.sort_by_key(|page| page.code);
    all
}

/// Returns the page of a code; letters in either case, and digits alone do as well.
pub fn page(code: &str) -> Option<Page> {
    let wanted = code.trim().to_ascii_uppercase();
    let digits = wanted.strip_prefix("FS").unwrap_or(&wanted);
    pages().into_iter().find(|page| page.code.strip_prefix("FS") == Some(digits))
}

/// Cuts `FS0001: title` from the text below it.
fn cut(section: &'static str) -> Option<Page> {
    let (head, text) = section.split_once('\n')?;
    let (code, title) = head.split_once(": ")?;
    Some(Page { code, title, text: text.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_says_what_and_what_to_do() {
        let all = pages();
        assert!(all.len() > 80, "{}", all.len());
        for page in &all {
            let is_code = page.code.len() == 6 && page.code.starts_with("FS");
            assert!(is_code && page.code[2..].bytes().all(|b| b.is_ascii_digit()), "{page:?}");
            assert!(!page.title.is_empty() && page.text.contains("Fix: "), "{page:?}");
            assert!(page.text.contains("\n    "), "{}: no example", page.code);
        }
        for pair in all.windows(2) {
            assert_ne!(pair[0].code, pair[1].code);
        }
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for code in ["FS0102", "fs0102", "0102", " FS0102\n"] {
            assert_eq!(page(code).map(|page| page.code), Some("FS0102"), "{code:?}");
        }
        assert_eq!(page("FS9999"), None);
        assert_eq!(page(""), None);
    }
}
