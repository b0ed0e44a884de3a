//! Real queries, with the verdict of a reference program, and the expressions of upstream's test scripts.

use std::fs;

use firesteel_promql_syntax::{ParserOptions, parse};
use firesteel_testkit::corpus;

/// Column 1 is the verdict of promtool 2.42. The texts of its messages are the same in 3.14 unless the language grew.
#[test]
fn real_queries_get_the_reference_verdict() {
    let Some(dir) = corpus("queries") else { return };
    let (mut count, mut stricter, mut wider) = (0, Vec::new(), 0);
    for file in ["alerts.tsv", "compliance.tsv", "dashboards.tsv"] {
        let text = fs::read_to_string(dir.join(file)).expect(file);
        for line in text.lines().skip(1) {
            let mut columns = line.split('\t');
            let (Some(verdict), Some(query)) = (columns.next(), columns.next()) else { continue };
            count += 1;
            match (verdict, parse(query, ParserOptions::default())) {
                ("accepted", Err(error)) => stricter.push(format!("{query}: {error}")),
                ("accepted", Ok(expr)) => {
                    let line = expr.to_string();
                    assert_eq!(parse(&line, ParserOptions::default()).expect(&line).to_string(), line, "{query}");
                }
                // What 3.x added: durations as numbers, expressions in brackets, names in quotes.
                (_, Ok(_)) => wider += 1,
                (_, Err(_)) => {}
            }
        }
    }
    assert!(count > 3000, "only {count} queries");
    let removed = |fault: &String| fault.contains("unknown function with name \"holt_winters\"");
    stricter.retain(|fault| !removed(fault));
    assert!(stricter.is_empty(), "{stricter:#?}");
    assert!(wider < count / 20, "{wider} of {count} that 2.42 refuses");
}

#[test]
fn every_expression_of_the_test_scripts_parses() {
    let Some(dir) = corpus("promqltest") else { return };
    let mut count = 0;
    for entry in fs::read_dir(dir).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a test script");
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let skip = match words.as_slice() {
                [eval, "instant", "at", _, _, ..] if eval.starts_with("eval") => 4,
                [eval, "range", "from", _, "to", _, "step", _, _, ..] if eval.starts_with("eval") => 8,
                _ => continue,
            };
            let query = words.get(skip..).unwrap_or_default().join(" ");
            count += 1;
            parse(&query, ParserOptions::ALL).unwrap_or_else(|error| panic!("{}: {query}: {error}", path.display()));
        }
    }
    assert!(count > 1000, "only {count} expressions");
}
