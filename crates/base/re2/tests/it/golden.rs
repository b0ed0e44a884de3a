//! The tables hold what Go (grafana/regexp, as Prometheus 3.14 uses it) answered to patterns and texts of ours.

use firesteel_re2::{AnchoredRegex, Regex};

const TEMPLATE: &str = "<$0|$1|${2}|$n|${a}|$1x|$$|$|${|${1|$-|$01|$é>";

fn unhex(text: &str) -> String {
    let digit = |b: u8| (b as char).to_digit(16).expect("a hex digit") as u8;
    let bytes = text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    String::from_utf8(bytes).expect("a text")
}

fn verdicts(regex: &AnchoredRegex, texts: &[String]) -> String {
    texts.iter().map(|text| if regex.is_match(text) { '1' } else { '0' }).collect()
}

#[test]
fn matches_and_refuses_as_go() {
    let mut lines = include_str!("../../testdata/golden.tsv").lines().filter(|line| !line.starts_with('#'));
    let texts: Vec<String> = lines.next().expect("the texts").split('\t').map(unhex).collect();
    let mut faults = Vec::new();
    let mut patterns = 0;
    for line in lines {
        let [pattern, matcher_error, wrapped_error, matched, wrapped_matched, expanded] =
            *line.split('\t').collect::<Vec<_>>()
        else {
            panic!("six columns in {line}");
        };
        let pattern = unhex(pattern);
        patterns += 1;
        let mut check = |what: &str, got: String, want: String| {
            if got != want {
                faults.push(format!("{pattern:?} {what}:\n  got  {got}\n  want {want}"));
            }
        };
        // Named loosely: 3.14's matchers refuse what its relabelling takes, and here both take it.
        let differs = [r"\p{greek}", r"\p{Letter}"].contains(&pattern.as_str());
        let matcher = AnchoredRegex::new(&pattern);
        let error = matcher.as_ref().err().map(ToString::to_string).unwrap_or_default();
        if !differs {
            check("error", error, unhex(matcher_error));
            check("matches", matcher.map(|m| verdicts(&m, &texts)).unwrap_or_default(), matched.to_owned());
        }
        let wrapped = AnchoredRegex::wrapped(&pattern);
        let error = wrapped.as_ref().err().map(ToString::to_string).unwrap_or_default();
        check("wrapped error", error, unhex(wrapped_error));
        let Ok(wrapped) = wrapped else { continue };
        check("wrapped matches", verdicts(&wrapped, &texts), wrapped_matched.to_owned());
        let got: Vec<String> = texts.iter().filter_map(|text| wrapped.expand(text, TEMPLATE)).collect();
        let want: Vec<String> = expanded.split_terminator(',').map(unhex).collect();
        check("expands", format!("{got:?}"), format!("{want:?}"));
    }
    assert!(patterns > 500, "the table has lost its rows");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn replaces_as_go() {
    for line in include_str!("../../testdata/replace.tsv").lines().skip(1) {
        let columns: Vec<String> = line.split('\t').map(unhex).collect();
        let regex = Regex::new(&columns[0]).unwrap();
        assert_eq!(regex.replace_all(&columns[1], &columns[2]), columns[3], "{columns:?}");
    }
}
