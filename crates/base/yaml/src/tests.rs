//! The crate's own promises, by small cases.

use crate::plain::{is_base60, is_timestamp, resolve};
use crate::{Kind, Out, Plain, Source, apply_fixes, nearest, parse, to_yaml};

#[test]
fn plain_texts_mean_what_go_says() {
    let cases = [
        ("yes", Plain::Bool(true)),
        ("Off", Plain::Bool(false)),
        ("n", Plain::Bool(false)),
        ("~", Plain::Null),
        ("1_000", Plain::Int(1000)),
        ("0777", Plain::Int(511)),
        ("0o17", Plain::Int(15)),
        ("0x1F", Plain::Int(31)),
        ("-0b11", Plain::Int(-3)),
        ("08", Plain::Float(8.0)),
        ("12:30", Plain::Str),
        ("1.5e3", Plain::Float(1500.0)),
        (".5", Plain::Float(0.5)),
        ("1e", Plain::Str),
        ("18446744073709551615", Plain::Uint(u64::MAX)),
        ("2024-02-29", Plain::Timestamp),
        ("2023-02-29", Plain::Str),
        ("15s", Plain::Str),
        ("-", Plain::Str),
    ];
    for (text, want) in cases {
        assert_eq!(resolve(text), want, "{text}");
    }
}

#[test]
fn dates_and_base_60() {
    for text in ["2001-12-14t21:59:43.10-05:00", "2001-1-2 3:4:5", "2001-12-14T21:59:43Z"] {
        assert!(is_timestamp(text), "{text}");
    }
    for text in ["2001-12-14 21:59:43Z", "2001-12-14T21:59:43", "2001-13-01", "20-1-1"] {
        assert!(!is_timestamp(text), "{text}");
    }
    assert!(is_base60("12:30") && is_base60("-1:00:59.5") && !is_base60("12:60") && !is_base60("a:1"));
}

#[test]
fn prints_as_go_prints() {
    let text = |t: &str| Out::Str(t.to_owned());
    let cases = [
        (text(""), "\"\"\n"),
        (text("yes"), "\"yes\"\n"),
        (text("12:30"), "\"12:30\"\n"),
        (text("a: b"), "'a: b'\n"),
        (text("it's"), "it's\n"),
        (text("- x"), "'- x'\n"),
        (text("-x"), "-x\n"),
        (text("tab\there"), "\"tab\\there\"\n"),
        (text("two\nlines"), "|-\n  two\n  lines\n"),
        (Out::Seq(vec![]), "[]\n"),
        (Out::Map(vec![]), "{}\n"),
        (Out::Float(0.25), "0.25\n"),
        (Out::Float(1e21), "1e+21\n"),
        (Out::Float(f64::NEG_INFINITY), "-.inf\n"),
        (Out::Map(vec![("a".into(), Out::Flow(vec![text("b"), text("c,d")]))]), "a: [b, 'c,d']\n"),
        (Out::Map(vec![("a".into(), Out::Seq(vec![Out::Map(vec![("b".into(), Out::Null)])]))]), "a:\n- b: null\n"),
    ];
    for (tree, want) in cases {
        assert_eq!(to_yaml(&tree), want, "{tree:?}");
    }
}

#[test]
fn map_keys_are_in_natural_order() {
    let keys = ["b", "a10", "a9", "_x", "A", "a", "10", "9"];
    let Out::Map(pairs) = Out::sorted_map(keys.map(|k| (k.to_owned(), Out::Null))) else { unreachable!() };
    let order: Vec<&str> = pairs.iter().map(|(k, _)| k.as_str()).collect();
    assert_eq!(order, ["_x", "9", "10", "A", "a", "a9", "a10", "b"]);
}

#[test]
fn nodes_know_their_place() {
    let source = Source::new("f", "é: [a, 'b']\nc: &x\n  d: 1\ne: *x\n");
    let root = parse(&source).unwrap().unwrap();
    let b = &root.get("é").unwrap().items()[1];
    assert_eq!((b.span.line, b.span.column, &source.text()[b.span.start..b.span.end]), (1, 8, "'b'"));
    assert_eq!(root.get("e").unwrap().get("d").unwrap().text(), Some("1"));
    assert!(matches!(b.kind, Kind::Scalar { plain: false, .. }));
}

#[test]
fn quoted_texts_need_no_indentation() {
    let source = Source::new("f", "a:\n  b: \"one\ntwo\n  three\"\nc: 'x\ny'\n");
    let root = parse(&source).unwrap().unwrap();
    assert_eq!(root.get("a").unwrap().get("b").unwrap().text(), Some("one two three"));
    assert_eq!(root.get("c").unwrap().text(), Some("x y"));
}

#[test]
fn merges_are_followed() {
    let source = Source::new("f", "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n");
    let root = parse(&source).unwrap().unwrap();
    let own = root.get("own").unwrap();
    assert_eq!((own.get("x").unwrap().text(), own.get("y").unwrap().text()), (Some("1"), Some("3")));
}

#[test]
fn nearest_word_is_two_edits_away_at_most() {
    let legal = ["scheme", "scrape_interval", "job_name"];
    let cases = [("sheme", Some("scheme")), ("scarpe_interval", Some("scrape_interval")), ("jobs", None), ("", None)];
    for (word, want) in cases {
        assert_eq!(nearest(word, legal), want, "{word}");
    }
}

#[test]
fn one_tab_fix_mends_the_whole_run() {
    let text = "a:\n  - b: 1\n\tc:\n\t\t- d\n\t\t- e\n";
    let fault = parse(&Source::new("f", text)).unwrap_err();
    assert_eq!((fault.code, fault.line, fault.column), ("FS0001", 3, 1));
    let mended = apply_fixes(text, &[*fault]);
    assert_eq!(mended, "a:\n  - b: 1\n    c:\n      - d\n      - e\n");
}
