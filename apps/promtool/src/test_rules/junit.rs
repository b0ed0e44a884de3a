//! Reports in JUnit's XML, as Go's encoder writes them.

use std::fmt::Write as _;

/// A file of tests.
#[derive(Debug)]
pub(super) struct Suite {
    name: String,
    pub(super) timestamp: String,
    pub(super) cases: Vec<Case>,
    errors: usize,
}

/// A test.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) failures: Vec<String>,
    pub(super) error: Option<String>,
}

impl Suite {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), timestamp: String::new(), cases: Vec::new(), errors: 0 }
    }

    /// Notes that the file could not be tested.
    pub(super) fn abort(&mut self, error: &str) {
        self.errors += 1;
        self.cases.push(Case { name: "unknown".to_owned(), failures: Vec::new(), error: Some(error.to_owned()) });
    }
}

/// The whole report.
pub(super) fn xml(suites: &[Suite]) -> String {
    let mut out = String::from("<testsuites>");
    for suite in suites {
        // Upstream does not count failures of a file that it gives up.
        let failures: usize = suite.cases.iter().map(|case| case.failures.len()).sum();
        let _ = write!(
            out,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{}\" skipped=\"0\" timestamp=\"{}\">",
            escaped(&suite.name),
            suite.cases.len(),
            suite.errors,
            escaped(&suite.timestamp)
        );
        for case in &suite.cases {
            let _ = write!(out, "<testcase name=\"{}\">", escaped(&case.name));
            for failure in &case.failures {
                let _ = write!(out, "<failure>{}</failure>", escaped(failure));
            }
            if let Some(error) = &case.error {
                let _ = write!(out, "<error>{}</error>", escaped(error));
            }
            out.push_str("</testcase>");
        }
        out.push_str("</testsuite>");
    }
    out + "</testsuites>"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
