//! What the shortcuts find and tell.

use firesteel_re2::AnchoredRegex;

fn set(pattern: &str) -> Option<Vec<String>> {
    AnchoredRegex::new(pattern).expect("a pattern").set_matches().map(<[String]>::to_vec)
}

#[test]
fn sets_are_found() {
    let cases: &[(&str, Option<&[&str]>)] = &[
        ("foo", Some(&["foo"])),
        ("", Some(&[""])),
        ("foo|bar", Some(&["bar", "foo"])),
        ("(foo)|(?:bar)", Some(&["bar", "foo"])),
        ("^foo$", Some(&["foo"])),
        ("fo[ox]|foo", Some(&["foo", "fox"])),
        ("a(b|c)?d", Some(&["abd", "acd", "ad"])),
        (r"x\.y", Some(&["x.y"])),
        ("foo.*", None),
        ("(?i)foo", None),
        ("[a-z][a-z]", None),
        (".", None),
    ];
    for (pattern, want) in cases {
        let want = want.map(|texts| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
        assert_eq!(set(pattern), want, "{pattern}");
    }
}

#[test]
fn large_sets_are_hashed() {
    let names: Vec<String> = (0..1000).map(|n| format!("instance-{n}.example:9100")).collect();
    let regex = AnchoredRegex::new(&names.join("|").replace('.', r"\.")).unwrap();
    assert_eq!(regex.set_matches().unwrap().len(), 1000);
    assert!(names.iter().all(|name| regex.is_match(name)));
    assert!(!regex.is_match("instance-1000.example:9100"));
    assert_eq!(regex.prefix(), "instance-");
}

#[test]
fn prefixes_are_found() {
    for (pattern, want) in
        [("foo.*", "foo"), ("foo[0-9]+", "foo"), ("(foo).*", "foo"), ("foo|fob", "fo"), (".*foo", ""), ("(?i)foo", "")]
    {
        assert_eq!(AnchoredRegex::new(pattern).unwrap().prefix(), want, "{pattern}");
    }
}

#[test]
fn everything_is_known() {
    for (pattern, want) in [(".*", true), ("(.*)", true), (".+", false), ("(?-s).*", false), ("", false)] {
        assert_eq!(AnchoredRegex::new(pattern).unwrap().matches_everything(), want, "{pattern}");
    }
}

#[test]
fn whole_text_groups_need_no_automaton() {
    let regex = AnchoredRegex::wrapped("(.*)").unwrap();
    assert_eq!(regex.expand("a\nb", "<$1|$0|$2>").as_deref(), Some("<a\nb|a\nb|>"));
    let captures = regex.captures("x").unwrap();
    assert_eq!((captures.get(0), captures.get(1), captures.get(2)), (Some("x"), Some("x"), None));
}

#[test]
fn deep_and_large_patterns_are_refused_not_fatal() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(AnchoredRegex::new(&nested(500)).unwrap().is_match("a"));
    let error = AnchoredRegex::new(&nested(1500)).unwrap_err().to_string();
    assert!(error.starts_with("error parsing regexp: expression nests too deeply: `((("), "{}", &error[..80]);
    let error = AnchoredRegex::new("((((a{100}){10}){100}").unwrap_err().to_string();
    assert_eq!(error, "error parsing regexp: invalid repeat count: `{100}`");
}
