//! Expressions of ours and what Prometheus 3.14 answered to each of them: `input<TAB>answer`, with `\n`, `\t` and `\\`.

use firesteel_promql_syntax::{ParserOptions, parse};

fn rows(table: &str) -> impl Iterator<Item = (String, String)> {
    table.lines().map(|line| {
        let (input, answer) = line.split_once('\t').expect("two columns");
        (unescaped(input), unescaped(answer))
    })
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(match chars.next().expect("an escape is two characters") {
                'n' => '\n',
                't' => '\t',
                c => c,
            }),
            c => out.push(c),
        }
    }
    out
}

#[test]
fn faults_are_worded_and_placed_as_upstream() {
    let mut count = 0;
    for (input, message) in rows(include_str!("golden/errors.tsv")) {
        let error = parse(&input, ParserOptions::ALL).expect_err(&input);
        assert_eq!(error.to_string(), message, "{input}");
        count += 1;
    }
    assert!(count >= 250, "only {count} rows");
}

#[test]
fn experimental_parts_are_refused_unless_switched_on() {
    for (input, answer) in rows(include_str!("golden/features_off.tsv")) {
        let result = parse(&input, ParserOptions::default());
        let text = result.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        assert_eq!(text, answer, "{input}");
    }
}

#[test]
fn expressions_are_laid_out_as_upstream() {
    for (input, pretty) in rows(include_str!("golden/printed.tsv")) {
        let expr = parse(&input, ParserOptions::ALL).unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!(expr.pretty(), pretty, "{input}");
        let line = expr.to_string();
        if line == "up[0s]" {
            continue; // upstream prints ranges below a millisecond so that they cannot be read again.
        }
        let again = parse(&line, ParserOptions::ALL).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(again.to_string(), line, "{input}");
    }
}

#[test]
fn nesting_is_bounded_and_does_not_reach_the_stack() {
    let refused = |input: String| {
        let error = parse(&input, ParserOptions::ALL).expect_err("too deep");
        assert!(error.to_string().contains("too deeply"), "{error}");
    };
    for n in [5_000, 100_000] {
        refused("(".repeat(n) + "1" + &")".repeat(n));
        refused("-".repeat(n) + "up");
        refused("abs(".repeat(n) + "up" + &")".repeat(n));
        refused("sum(".repeat(n) + "up" + &")".repeat(n));
        refused("a+".repeat(n) + "a");
        refused("a^".repeat(n) + "a");
        refused("up".to_owned() + &"[5m:1m]".repeat(n));
        refused(format!("up[{}5m{}]", "(".repeat(n), ")".repeat(n)));
        refused(format!("up[{}5m]", "-".repeat(n)));
        refused(format!("up[5m{}]", "+5m".repeat(n)));
        assert!(parse(&"(".repeat(n), ParserOptions::ALL).is_err());
    }
    for n in [100, 500] {
        let chain = "a+".repeat(n) + "a";
        assert_eq!(parse(&chain, ParserOptions::ALL).expect("not too deep").to_string().len(), 4 * n + 1);
        assert!(parse(&("(".repeat(n) + "1" + &")".repeat(n)), ParserOptions::ALL).is_ok());
    }
}
