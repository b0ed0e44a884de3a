//! Real bodies, and the OpenMetrics conformance cases.

use firesteel_expfmt::{Event, Format, Parser, ParserOptions, SampleLabels};
use firesteel_testkit::corpus;

#[derive(Default, PartialEq, Debug)]
struct Counts {
    families: usize,
    samples: usize,
}

fn read(format: Format, body: &[u8]) -> Result<Counts, String> {
    let mut parser = Parser::new(format, body, ParserOptions::default());
    let (mut counts, mut labels) = (Counts::default(), SampleLabels::default());
    while let Some(event) = parser.next().map_err(|e| format!("line {}: {e}", e.line))? {
        match event {
            Event::Type { .. } => counts.families += 1,
            Event::Sample(_) => {
                counts.samples += 1;
                parser.labels(&mut labels).map_err(|e| e.to_string())?;
            }
            _ => {}
        }
    }
    Ok(counts)
}

#[test]
fn real_bodies_have_the_samples_the_index_says() {
    let Some(dir) = corpus("exposition") else { return };
    let index = std::fs::read_to_string(dir.join("index.tsv")).expect("the index");
    let mut seen = 0;
    for row in index.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, content_type, _, _families, samples, verdict, ..] = columns[..] else { continue };
        let format = match firesteel_expfmt::choose(content_type, None) {
            Ok(firesteel_expfmt::MediaType::Text) => Format::Text,
            Ok(firesteel_expfmt::MediaType::OpenMetrics) => Format::OpenMetrics,
            _ => continue,
        };
        if !(file.starts_with("text/") || file.starts_with("openmetrics/")) {
            continue;
        }
        let body = std::fs::read(dir.join(file)).expect(file);
        let got = read(format, &body);
        if verdict.starts_with("parses") || format == Format::OpenMetrics {
            let got = got.unwrap_or_else(|e| panic!("{file}: {e}"));
            assert_eq!(got.samples.to_string(), samples, "{file}");
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen} bodies");
}

/// Refused by the specification, accepted by Prometheus 3.14, which checks lines and not families. A label given twice
/// is not among them: its parser takes it and its scrape loop refuses the page; ours refuses while it reads the labels.
fn accepted_by_upstream(case: &str) -> bool {
    UPSTREAM_ACCEPTS.lines().any(|line| line == case)
}

const UPSTREAM_ACCEPTS: &str = include_str!("../../testdata/openmetrics-accepted.txt");

#[test]
fn conformance_cases_of_openmetrics() {
    let Some(dir) = corpus("exposition/openmetrics-parser-tests") else { return };
    let mut cases = 0;
    for entry in std::fs::read_dir(&dir).expect("the folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(about) = std::fs::read_to_string(path.join("test.json")) else { continue };
        let body = std::fs::read(path.join("metrics")).expect("the body");
        let should_parse = about.contains("\"shouldParse\": true");
        let got = read(Format::OpenMetrics, &body);
        let want = should_parse || accepted_by_upstream(&name);
        assert_eq!(got.is_ok(), want, "{name}: {got:?}");
        cases += 1;
    }
    assert!(cases > 100, "{cases} cases");
}
