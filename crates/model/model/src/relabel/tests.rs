//! Relabelling against upstream's answers.

use super::*;
use crate::Labels;

fn unhex(text: &str) -> String {
    let digit = |b: u8| (b as char).to_digit(16).expect("a hex digit") as u8;
    String::from_utf8(text.as_bytes().chunks(2).map(|p| digit(p[0]) << 4 | digit(p[1])).collect()).expect("a text")
}

fn action(name: &str) -> Action {
    match name {
        "replace" => Action::Replace,
        "keep" => Action::Keep,
        "drop" => Action::Drop,
        "keepequal" => Action::KeepEqual,
        "dropequal" => Action::DropEqual,
        "hashmod" => Action::HashMod,
        "labelmap" => Action::LabelMap,
        "labeldrop" => Action::LabelDrop,
        "labelkeep" => Action::LabelKeep,
        "lowercase" => Action::Lowercase,
        "uppercase" => Action::Uppercase,
        other => panic!("{other}"),
    }
}

fn labels(packed: &str) -> Labels {
    let texts: Vec<String> = packed.split(',').filter(|t| !t.is_empty()).map(|t| unhex(&t[1..])).collect();
    Labels::from_pairs(texts.chunks(2).map(|pair| (pair[0].as_str(), pair[1].as_str())))
}

/// The table holds what Prometheus 3.14's `relabel.ProcessBuilder` made of rules and labels of ours.
#[test]
fn relabels_as_upstream() {
    let mut builder = LabelsBuilder::new();
    let mut cases = 0;
    for line in include_str!("../../testdata/relabel.tsv").lines().filter(|line| !line.starts_with('#')) {
        let [scheme, name, sources, separator, target, regex, modulus, replacement, input, want] =
            *line.split('\t').collect::<Vec<_>>()
        else {
            panic!("ten columns in {line}");
        };
        let config = RelabelConfig {
            source_labels: sources.split(',').filter(|s| !s.is_empty()).map(|s| unhex(&s[1..])).collect(),
            separator: unhex(separator),
            target_label: unhex(target),
            regex: unhex(regex),
            modulus: modulus.parse().unwrap(),
            replacement: unhex(replacement),
            action: action(name),
            scheme: if scheme == "legacy" { ValidationScheme::Legacy } else { ValidationScheme::Utf8 },
        };
        builder.reset(&labels(input));
        let kept = process(&mut builder, &[Rule::new(config.clone()).unwrap()]);
        let want = (want != "dropped").then(|| labels(want));
        assert_eq!(kept.then(|| builder.build()), want, "{config:?} on {:?}", labels(input));
        cases += 1;
    }
    assert!(cases > 1000, "the table has lost its rows");
}

#[test]
fn rules_run_in_order_until_one_drops() {
    let rule = |config| Rule::new(config).unwrap();
    let set = |target: &str, text: &str| {
        rule(RelabelConfig {
            target_label: target.to_owned(),
            replacement: text.to_owned(),
            ..RelabelConfig::default()
        })
    };
    let drop_b = rule(RelabelConfig {
        source_labels: vec!["a".to_owned()],
        regex: "b".to_owned(),
        action: Action::Drop,
        ..RelabelConfig::default()
    });
    let mut builder = LabelsBuilder::new();
    assert!(process(&mut builder, &[set("a", "b"), set("a", "c"), drop_b.clone(), set("d", "e")]));
    assert_eq!(builder.build(), Labels::from_pairs([("a", "c"), ("d", "e")]));
    assert!(!process(&mut builder, &[set("a", "b"), drop_b, set("f", "g")]));
    assert_eq!(builder.get("f"), "");
}

#[test]
fn a_bad_regex_is_refused_in_gos_words() {
    let config = RelabelConfig { regex: "foo)".to_owned(), ..RelabelConfig::default() };
    assert_eq!(Rule::new(config).unwrap_err().to_string(), "error parsing regexp: unexpected ): `^(?s:foo))$`");
}
