//! Pages one after another into the store.

use firesteel_base::TimestampMs;
use firesteel_expfmt::Format;
use firesteel_scrape::PageFormat;
use firesteel_scrape::{Counts, Ingester, MetadataStore, Page, SampleRules, TargetCache};
use firesteel_storage::Appendable;

use crate::recorder::Recorder;

/// One target whose pages are handed in by the test.
struct Target {
    store: Recorder,
    rules: SampleRules,
    cache: TargetCache,
    metadata: MetadataStore,
    ingester: Ingester,
    format: PageFormat,
}

impl Target {
    fn new() -> Self {
        Self::with(SampleRules { honor_timestamps: true, ..SampleRules::default() })
    }

    fn with(rules: SampleRules) -> Self {
        Self {
            store: Recorder::default(),
            rules: SampleRules { job: "job1".into(), ..rules },
            cache: TargetCache::new(),
            metadata: MetadataStore::default(),
            ingester: Ingester::new(),
            format: PageFormat::Lines(Format::Text),
        }
    }

    /// Takes a page; a refused one is handled as a failed scrape.
    fn scrape(&mut self, t: i64, body: &str) -> Result<Counts, (Counts, String)> {
        self.scrape_bytes(t, body.as_bytes())
    }

    fn scrape_bytes(&mut self, t: i64, body: &[u8]) -> Result<Counts, (Counts, String)> {
        let page = Page { body, format: self.format, scrape_time: TimestampMs(t), now: TimestampMs(t) };
        let (counts, result) =
            self.ingester.ingest(page, &self.rules, &mut self.cache, &mut self.metadata, &self.store);
        match result {
            Ok(app) => {
                app.commit().expect("memory takes all");
                Ok(counts)
            }
            Err(e) => {
                let mut app = self.store.appender();
                self.ingester.mark_all_stale(&mut self.cache, TimestampMs(t), &mut *app);
                app.commit().expect("memory takes all");
                Err((counts, e.to_string()))
            }
        }
    }

    fn check(&mut self, t: i64, body: &str, want: &[&str]) -> Counts {
        let counts = self.scrape(t, body).unwrap_or_else(|e| panic!("refused: {e:?}"));
        assert_eq!(self.store.at(t), want, "at {t}");
        counts
    }
}

#[test]
fn pages_that_keep_their_order_need_no_new_series() {
    let mut target = Target::new();
    let counts = target.check(
        1000,
        "# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\nb 3\n",
        &["__name__=a,x=1 1", "__name__=a,x=2 2", "__name__=b 3"],
    );
    assert_eq!((counts.scraped, counts.post_relabel, counts.series_added), (3, 3, 3));
    let counts = target.check(
        2000,
        "# TYPE a counter\na{x=\"1\"} 1.5\na{x=\"2\"} NaN\nb +Inf",
        &["__name__=a,x=1 1.5", "__name__=a,x=2 NaN", "__name__=b inf"],
    );
    assert_eq!((counts.scraped, counts.series_added), (3, 0));
    assert_eq!(target.store.created(), 3);
    assert_eq!(target.cache.lines(), 4);
}

#[test]
fn vanished_series_get_one_marker() {
    let mut target = Target::new();
    target.check(1, "a 1\nb 1\nc 1\n", &["__name__=a 1", "__name__=b 1", "__name__=c 1"]);
    target.check(2, "a 1\nc 1\n", &["__name__=a 1", "__name__=b stale", "__name__=c 1"]);
    target.check(3, "a 1\n", &["__name__=a 1", "__name__=c stale"]);
    target.check(4, "a 1\n", &["__name__=a 1"]);
    let counts = target.check(5, "c 1\nb 1\na 1\n", &["__name__=a 1", "__name__=b 1", "__name__=c 1"]);
    assert_eq!(counts.series_added, 2);
    assert_eq!(target.store.created(), 3);
}

#[test]
fn any_order_is_followed() {
    let mut target = Target::new();
    let lines: Vec<String> = (0..200).map(|i| format!("m{{i=\"{i}\"}} {i}\n")).collect();
    target.scrape(0, &lines.concat()).expect("a good page");
    let mut state = 7u64;
    for round in 1..50 {
        let mut page = lines.clone();
        for at in (1..page.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            if state >> 60 < round % 16 {
                page.swap(at, (state >> 33) as usize % (at + 1));
            }
        }
        let counts = target.scrape(round as i64, &page.concat()).expect("a good page");
        assert_eq!((counts.scraped, counts.series_added, counts.duplicates), (200, 0, 0), "round {round}");
        let got = target.store.at(round as i64);
        assert_eq!(got.len(), 200);
        assert!(got.iter().all(|row| !row.contains("stale")));
    }
    assert_eq!(target.store.created(), 200);
}

#[test]
fn equal_lines_are_duplicates() {
    let mut target = Target::new();
    for t in 1..4 {
        let counts = target.check(t, "a 1\nb 2\na 3\n", &["__name__=a 1", "__name__=b 2"]);
        assert_eq!((counts.scraped, counts.post_relabel, counts.duplicates), (3, 3, 1), "at {t}");
    }
    // What was the second becomes the first.
    let counts = target.check(4, "b 2\na 3\n", &["__name__=a 3", "__name__=b 2"]);
    assert_eq!(counts.duplicates, 0);
    // Different lines, one series: the storage decides.
    let counts = target.check(5, "b 2\na 3\na{} 4\n", &["__name__=a 3", "__name__=b 2"]);
    assert_eq!(counts.duplicates, 1);
    target.check(6, "b 2\na{} 4\n", &["__name__=a 4", "__name__=b 2"]);
}

#[test]
fn explicit_timestamps_are_not_tracked() {
    let mut target = Target::new();
    target.check(1000, "a 1 500\nb 1\n", &["__name__=b 1"]);
    assert_eq!(target.store.at(500), ["__name__=a 1"]);
    target.check(2000, "b 1\n", &["__name__=b 1"]);
    target.rules.track_timestamps_staleness = true;
    target.check(3000, "a 1 2500\nb 1\n", &["__name__=b 1"]);
    target.check(4000, "b 1\n", &["__name__=a stale", "__name__=b 1"]);
    target.rules.honor_timestamps = false;
    target.check(5000, "a 1 2500\nb 1\n", &["__name__=a 1", "__name__=b 1"]);
}

#[test]
fn samples_from_the_future_are_out_of_bounds() {
    let mut target = Target::new();
    for t in [1000, 2000] {
        let counts = target.check(t, &format!("a 1 {}\nb 1\n", 600_000 + 2001), &["__name__=b 1"]);
        assert_eq!((counts.out_of_bounds, counts.series_added), (1, u64::from(t == 1000)));
    }
    assert_eq!(target.store.created(), 1);
}

#[test]
fn out_of_order_samples_are_counted_and_the_rest_taken() {
    let mut target = Target::new();
    target.scrape(1000, "a 1 900\nb 1\n").expect("a good page");
    let counts = target.check(2000, "a 1 800\nb 1\n", &["__name__=b 1"]);
    assert_eq!((counts.out_of_order, counts.post_relabel), (1, 2));
}

#[test]
fn a_refused_page_leaves_nothing_but_markers() {
    let mut target = Target::new();
    target.check(1, "a 1\nb 1\n", &["__name__=a 1", "__name__=b 1"]);
    let (counts, error) = target.scrape(2, "a 2\nc 3\nb{ 4\n").expect_err("an open brace");
    assert_eq!(counts.scraped, 2);
    assert_eq!(error, "expected label name, got \"4\" (\"INVALID\") while parsing: \"b{ 4\" (line 3 of the page)");
    assert_eq!(target.store.at(2), ["__name__=a stale", "__name__=b stale"]);
    target.scrape(3, "").expect("an empty page is no error here");
    assert_eq!(target.store.at(3), [""; 0]);
    let counts = target.check(4, "a 1\nb 1\n", &["__name__=a 1", "__name__=b 1"]);
    assert_eq!(counts.series_added, 2, "an empty page was taken in between");
}

#[test]
fn bad_pages_say_what_and_where() {
    let cases = [
        (
            "<html>\n<body>404</body>\n</html>\n",
            "expected a valid start token, got \"<\" (\"INVALID\") while parsing: \"<\" (line 1 of the page, which is \
             HTML or XML and not metrics: check the target's address and metrics_path)",
        ),
        (
            "a 1\nb{x=\"\u{1}\"} 2\nc abc\n",
            "strconv.ParseFloat: parsing \"abc\": invalid syntax while parsing: \"c abc\" (line 3 of the page)",
        ),
        ("a{b=\"1\",b=\"2\"} 1\n", "label name \"b\" is not unique: invalid sample (line 1 of the page)"),
        ("{\"a\",\"\"=\"x\"} 1\n", "invalid metric name or label names: {\"\"=\"x\", __name__=\"a\"}"),
        ("# TYPE a foo\n", "invalid metric type \"foo\" (line 1 of the page)"),
    ];
    for (body, want) in cases {
        let (_, error) = Target::new().scrape(1, body).expect_err(body);
        assert_eq!(error, want);
    }
    let (_, error) = Target::new().scrape(1, &format!("a{{b=\"{}", "x".repeat(10 << 20))).expect_err("never closed");
    assert!(error.starts_with("expected label value, got \"\\\"xxx") && error.len() < 2000, "{} bytes", error.len());
    let mut page = b"a{b=\"".to_vec();
    page.extend_from_slice(b"\xff\"} 1\n");
    let mut t = Target::new();
    let page =
        Page { body: &page, format: PageFormat::Lines(Format::Text), scrape_time: TimestampMs(1), now: TimestampMs(1) };
    let (_, result) = t.ingester.ingest(page, &t.rules, &mut t.cache, &mut t.metadata, &t.store);
    let error = result.err().expect("not UTF-8").to_string();
    assert_eq!(error, "invalid UTF-8 label value: \"\\\"\\xff\\\"\" (line 1 of the page)");
}

#[test]
fn label_conflicts_as_upstream() {
    let target_labels = || vec![("instance".to_owned(), "i".to_owned()), ("job".to_owned(), "j".to_owned())];
    let mut target = Target::with(SampleRules { target_labels: target_labels(), ..SampleRules::default() });
    target.check(
        1,
        "a{job=\"x\",exported_job=\"y\"} 1\nb{job=\"\"} 1\n",
        &["__name__=a,exported_exported_job=x,exported_job=y,instance=i,job=j 1", "__name__=b,instance=i,job=j 1"],
    );
    let rules = SampleRules { target_labels: target_labels(), honor_labels: true, ..SampleRules::default() };
    Target::with(rules).check(
        1,
        "a{job=\"x\"} 1\nb{job=\"\"} 1\n",
        &["__name__=a,instance=i,job=x 1", "__name__=b,instance=i 1"],
    );
}

#[test]
fn limits_refuse_the_page() {
    let cases = [
        (SampleRules { sample_limit: 2, ..SampleRules::default() }, "sample limit exceeded", 3),
        (
            SampleRules { label_limit: 2, ..SampleRules::default() },
            "label_limit exceeded (metric: a, number of labels: 3, limit: 2)",
            1,
        ),
        (
            SampleRules { label_name_length_limit: 7, ..SampleRules::default() },
            "label_name_length_limit exceeded (metric: a, label name: __name__, length: 8, limit: 7)",
            1,
        ),
        (
            SampleRules { label_value_length_limit: 2, ..SampleRules::default() },
            "label_value_length_limit exceeded (metric: a, label name: y, value: \"long\", length: 4, limit: 2)",
            1,
        ),
    ];
    for (rules, want, scraped) in cases {
        let mut target = Target::with(rules);
        let (counts, error) = target.scrape(1, "a{x=\"1\",y=\"long\"} 1\nb 1\nc 1\n").expect_err(want);
        assert_eq!((error.as_str(), counts.scraped), (want, scraped));
        assert_eq!(target.store.at(1), [""; 0]);
    }
}

#[test]
fn the_type_line_decides_bucket_labels() {
    let mut target = Target::new();
    target.check(1, "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n", &["__name__=h_bucket,le=1.0 1"]);
    target.check(
        2,
        "# TYPE h gauge\nh_bucket{le=\"1\"} 1\n",
        &["__name__=h_bucket,le=1 1", "__name__=h_bucket,le=1.0 stale"],
    );
    target.check(
        3,
        "# TYPE h histogram\nh_bucket{le=\"1\"} 1\n",
        &["__name__=h_bucket,le=1 stale", "__name__=h_bucket,le=1.0 1"],
    );
}

#[test]
fn a_storage_that_forgot_gets_the_series_again() {
    let mut target = Target::new();
    target.check(1, "a 1\nb 1\n", &["__name__=a 1", "__name__=b 1"]);
    target.store.forget_series();
    let counts = target.check(2, "a 1\nb 1\n", &["__name__=a 1", "__name__=b 1"]);
    assert_eq!(counts.series_added, 0);
    target.check(3, "a 1\n", &["__name__=a 1", "__name__=b stale"]);
    assert_eq!(target.store.created(), 4);
}

#[test]
fn openmetrics_with_exemplars_and_metadata() {
    let mut target = Target::with(SampleRules { exemplars: true, append_metadata: true, ..SampleRules::default() });
    target.format = PageFormat::Lines(Format::OpenMetrics);
    let page = "# HELP a Help.\n# TYPE a counter\na_total 1 # {id=\"x\"} 0.5 3.5\n# EOF\n";
    for t in [1, 2] {
        target.check(t, page, &["__name__=a_total 1"]);
    }
    assert_eq!(target.store.exemplars(), ["{\"id\": \"x\"} 0.5 3500"; 2]);
    assert_eq!(target.store.metadata(), ["1 counter Help."]);
    target.check(3, &page.replace("Help.", "Other."), &["__name__=a_total 1"]);
    assert_eq!(target.store.metadata(), ["1 counter Help.", "1 counter Other."]);
    assert_eq!(target.metadata.get("a").map(|m| m.help.as_str()), Some("Other."));
}

#[test]
fn metadata_outlives_its_lines_for_ten_scrapes() {
    let mut target = Target::new();
    target.scrape(0, "# TYPE a counter\na 1\n").expect("a good page");
    for t in 1..=10 {
        target.scrape(t, "b 1\n").expect("a good page");
        assert!(target.metadata.get("a").is_some(), "at {t}");
    }
    target.scrape(11, "b 1\n").expect("a good page");
    assert!(target.metadata.get("a").is_none() && target.metadata.is_empty());
}

#[test]
fn created_lines_are_start_timestamps_where_they_are_wanted() {
    let page = |n: i64| {
        format!(
            "# TYPE a counter\na_total{{x=\"1\"}} {n}\na_created{{x=\"1\"}} 5\na_total{{x=\"2\"}} {n}\n# TYPE g gauge\n\
             g {n}\ng_created 7\n# TYPE h histogram\nh_bucket{{le=\"+Inf\"}} {n}\nh_count {n}\nh_created 6\n# EOF\n"
        )
    };
    let mut target = Target::with(SampleRules { starts: true, ..SampleRules::default() });
    target.format = PageFormat::Lines(Format::OpenMetrics);
    for t in [10_000, 20_000, 30_000] {
        let counts = target.scrape(t, &page(t)).expect("a good page");
        assert_eq!((counts.scraped, counts.series_added), (6, if t == 10_000 { 6 } else { 0 }));
    }
    let each = |t| [(5000, t), (6000, t), (6000, t)];
    assert_eq!(target.store.starts(), [each(10_000), each(20_000), each(30_000)].concat());
    assert_eq!(target.store.created(), 6);
    // Where nobody asks they are samples, and nothing is a start.
    let mut plain = Target::new();
    plain.format = PageFormat::Lines(Format::OpenMetrics);
    assert_eq!(plain.scrape(10_000, &page(1)).expect("a good page").scraped, 8);
    assert_eq!(plain.store.starts(), []);
}

#[test]
fn classic_lines_become_custom_buckets() {
    let page = |n: i64, more: &str| {
        format!(
            "a {n}\n# TYPE h histogram\nh_bucket{{x=\"1\",le=\"1\"}} {n}\nh_bucket{{x=\"1\",le=\"+Inf\"}} {n}\nh_count{{x=\"1\"}} {n}\n\
             h_bucket{{x=\"2\",le=\"1\"}} {n}\nh_bucket{{x=\"2\",le=\"+Inf\"}} {n}\n{more}# TYPE g gauge\ng {n}\n"
        )
    };
    let mut target = Target::with(SampleRules { custom_buckets: true, ..SampleRules::default() });
    let mut want = Vec::new();
    for t in 1..4 {
        let counts = target.scrape(t, &page(t, "")).expect("a good page");
        assert_eq!((counts.scraped, counts.series_added), (4, if t == 1 { 4 } else { 0 }), "at {t}");
        assert_eq!(target.store.at(t), [format!("__name__=a {t}"), format!("__name__=g {t}")]);
        want.extend([format!("h {t} 0 -53 1 {t}"), format!("h {t} 0 -53 1 {t}")]);
        assert_eq!(target.store.histograms(), want);
    }
    // One is gone, the other stands twice.
    let again = "h_bucket{le=\"+Inf\",x=\"2\"} 9\nother 1\nh_count{x=\"2\"} 7\n";
    let counts = target.scrape(4, &page(4, again)).expect("a good page");
    assert_eq!((counts.scraped, counts.duplicates), (6, 1));
    let counts = target.scrape(5, "a 1\n# TYPE h histogram\nh_count{x=\"1\"} 3\n").expect("a good page");
    assert_eq!((counts.scraped, counts.series_added), (2, 0));
    assert_eq!(
        target.store.at(5),
        ["__name__=a 1", "__name__=g stale", "__name__=h,x=2 stale", "__name__=other stale"]
    );
    // The classic series beside.
    let mut both =
        Target::with(SampleRules { custom_buckets: true, always_classic_histograms: true, ..SampleRules::default() });
    for t in 1..4 {
        assert_eq!(both.scrape(t, &page(t, "")).expect("a good page").scraped, 9);
        assert_eq!(both.store.at(t).len(), 7);
    }
}

/// A field that holds bytes.
fn put(field: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2, bytes.len() as u8];
    out.extend_from_slice(bytes);
    out
}

fn double(field: u8, v: f64) -> Vec<u8> {
    [&[field << 3 | 1][..], &v.to_le_bytes()].concat()
}

fn delimited(family: &[u8]) -> Vec<u8> {
    [&[family.len() as u8][..], family].concat()
}

/// A counter that began a second before 9 s, and a native histogram of six buckets, as a page of protobuf.
fn protobuf_page(counter: f64, buckets: u8) -> Vec<u8> {
    let start = put(3, &[8, 8]);
    let label = put(1, &[put(1, b"x"), put(2, b"1")].concat());
    let counter = [label, put(3, &[double(1, counter), start].concat())].concat();
    let counters = [put(1, b"c_total"), put(4, &counter)].concat();
    let span = put(12, &[8, 0, 16, buckets]);
    let deltas: Vec<u8> = (0..buckets).map(|at| if at == 0 { 2 } else { 0 }).collect();
    // Schema 2 in zigzag; count; classic buckets: one, up to 1.
    let classic = put(3, &[&[8, 4][..], &double(2, 1.0)].concat());
    let histogram = [vec![8, buckets], double(2, 1.5), vec![5 << 3, 4], span, put(13, &deltas), classic].concat();
    let histograms = [put(1, b"h"), vec![3 << 3, 4], put(4, &put(7, &histogram))].concat();
    [delimited(&counters), delimited(&histograms)].concat()
}

#[test]
fn protobuf_brings_histograms_and_start_timestamps() {
    let rules = SampleRules { starts: true, native_histograms: true, ..SampleRules::default() };
    let mut target = Target::with(rules);
    target.format = PageFormat::Protobuf;
    for (round, t) in [10_000i64, 20_000, 30_000].into_iter().enumerate() {
        let counts = target.scrape_bytes(t, &protobuf_page(round as f64, 6)).expect("a good page");
        assert_eq!((counts.scraped, counts.series_added), (2, if round == 0 { 2 } else { 0 }));
        assert_eq!(target.store.at(t), [format!("__name__=c_total,x=1 {round}")]);
    }
    assert_eq!(target.store.starts(), [(8000, 10_000), (8000, 20_000), (8000, 30_000)]);
    assert_eq!(target.store.histograms(), ["h 10000 0 2 6 6", "h 20000 0 2 6 6", "h 30000 0 2 6 6"]);
    assert_eq!((target.store.created(), target.cache.lines()), (2, 2));
    // The order is left: what is gone is stale, what stays is known.
    let page = protobuf_page(5.0, 6);
    let first = usize::from(page[0]) + 1;
    target.scrape_bytes(40_000, &page[first..]).expect("a good page");
    assert_eq!(target.store.at(40_000), ["__name__=c_total,x=1 stale"]);
    assert_eq!(target.store.created(), 2);
}

#[test]
fn histograms_are_brought_within_their_limits() {
    let page = protobuf_page(1.0, 8);
    let check = |rules: SampleRules, want: Result<&[&str], &str>| {
        let mut target = Target::with(SampleRules { native_histograms: true, ..rules });
        target.format = PageFormat::Protobuf;
        match (target.scrape_bytes(1000, &page), want) {
            (Ok(_), Ok(want)) => assert_eq!(target.store.histograms(), want),
            (Err((_, why)), Err(want)) => assert_eq!(why, want),
            (got, want) => panic!("{got:?} instead of {want:?}"),
        }
    };
    check(SampleRules::default(), Ok(&["h 1000 0 2 8 8"]));
    check(SampleRules { bucket_limit: 4, ..SampleRules::default() }, Ok(&["h 1000 0 0 3 8"]));
    check(SampleRules { schema_max: 1, ..SampleRules::default() }, Ok(&["h 1000 0 1 5 8"]));
    check(SampleRules { bucket_limit: 1, ..SampleRules::default() }, Err("histogram bucket limit exceeded"));
    let classic = SampleRules { native_histograms: false, custom_buckets: true, ..SampleRules::default() };
    let mut target = Target::with(SampleRules { native_histograms: false, ..classic.clone() });
    target.format = PageFormat::Protobuf;
    target.scrape_bytes(1000, &page).expect("a good page");
    assert_eq!(target.store.histograms(), ["h 1000 0 -53 2 8"]);
    let mut both = Target::with(SampleRules { always_classic_histograms: true, ..classic });
    both.format = PageFormat::Protobuf;
    assert_eq!(both.scrape_bytes(1000, &page).expect("a good page").scraped, 6);
    assert_eq!(both.store.at(1000).len(), 5);
}
