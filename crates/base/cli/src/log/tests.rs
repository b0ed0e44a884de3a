//! Log lines of both shapes beside what Go's slog writes.

use super::*;

/// Renders the event that `emit` makes in both shapes, without time and source.
fn lines(emit: impl Fn()) -> (String, String) {
    use std::sync::{Arc, Mutex};
    #[derive(Clone)]
    struct Keep(Arc<Mutex<(String, String)>>);
    impl Subscriber for Keep {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn event(&self, event: &Event<'_>) {
            let mut record = Record::default();
            event.record(&mut record);
            let at = clock::UtcTime::at(1_795_232_980, 84_000_000);
            let about = About { at, level: *event.metadata().level(), source: event.metadata() };
            let (mut text, mut json) = (Vec::new(), Vec::new());
            logfmt::push(&mut text, &about, &record);
            json::push(&mut json, &about, &record);
            let utf8 = |bytes| String::from_utf8(bytes).expect("lines are UTF-8");
            *self.0.lock().expect("no panic inside") = (utf8(text), utf8(json));
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }
    let keep = Keep(Arc::default());
    tracing::subscriber::with_default(keep.clone(), emit);
    keep.0.lock().expect("no panic inside").clone()
}

#[test]
fn both_shapes() {
    let (text, json) = lines(|| {
        tracing::info!(key = "a b", n = 7, component = "tsdb", empty = "", "Server is ready to receive web requests.");
    });
    let (head, tail) = text.split_once(" source=").expect("a source");
    assert_eq!(head, "time=2026-11-21T03:49:40.084Z level=INFO");
    let (source, tail) = tail.split_once(' ').expect("a message");
    assert!(source.starts_with("tests.rs:"), "{source}");
    assert_eq!(tail, r#"msg="Server is ready to receive web requests." component=tsdb key="a b" n=7 empty="""#);
    assert!(json.starts_with(r#"{"time":"2026-11-21T03:49:40.084Z","level":"INFO","source":"tests.rs:"#), "{json}");
    assert!(json.ends_with(r#","component":"tsdb","key":"a b","n":7,"empty":""}"#), "{json}");
}

#[test]
fn quoting() {
    let (text, json) = lines(|| tracing::warn!(err = r#"open "x": no"#, path = r"C:\data", "plain"));
    assert!(text.ends_with(r#"msg=plain err="open \"x\": no" path=C:\data"#), "{text}");
    assert!(json.ends_with(r#""msg":"plain","err":"open \"x\": no","path":"C:\\data"}"#), "{json}");
}
