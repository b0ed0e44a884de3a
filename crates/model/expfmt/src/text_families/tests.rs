//! Pages of ours with what upstream's reader made of them: the families as upstream writes them, or its error.
//!
//! `testdata/text_families.golden` holds that after each `== SCHEME "page"`.

use firesteel_go_compat::unquote;

use super::*;
use crate::write_text;

const GOLDEN: &str = include_str!("../../testdata/text_families.golden");

#[test]
fn pages_give_upstreams_families_and_errors() {
    let mut cases = 0;
    for case in GOLDEN.split("== ").skip(1) {
        let (head, want) = case.split_once('\n').expect("a head line");
        let (scheme, page) = head.split_once(' ').expect("scheme and page");
        let page = unquote(page.as_bytes()).expect("a quoted page");
        let scheme = if scheme == "legacy" { ValidationScheme::Legacy } else { ValidationScheme::Utf8 };
        let got = match text_to_families(&page, scheme) {
            Err(error) => format!("error {error}\n"),
            Ok(mut families) => {
                families.sort_by(|a, b| a.name.cmp(&b.name));
                let mut out = Vec::new();
                write_text(&families, &mut out);
                String::from_utf8(out).expect("text")
            }
        };
        assert_eq!(got, want, "{head}");
        cases += 1;
    }
    assert!(cases > 100, "{cases}");
}

#[test]
fn empty_values_stay_and_so_do_fractions_of_counts() {
    let page = b"# TYPE h histogram\nh_bucket{x=\"\",le=\"1\"} 1\nh_bucket{x=\"\",le=\"2\"} 1.5\nh_count{x=\"\"} 2\nh_sum{x=\"\"} 3\n";
    let families = text_to_families(page, ValidationScheme::Legacy).expect("a good page");
    let metric = &families[0].metrics[0];
    assert_eq!(metric.labels.iter().collect::<Vec<_>>(), [("x", "")]);
    let MetricValue::RichHistogram(histogram) = &metric.value else { panic!("{metric:?}") };
    assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(1.0, 1.0), (2.0, 1.5)]);
    assert_eq!((histogram.count(), histogram.classic.sum), (2.0, 3.0));
}
