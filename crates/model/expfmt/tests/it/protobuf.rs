//! What Prometheus 3.14 reads from protobuf bodies of ours, from `testdata/protobuf.txt`; and bodies that are no such thing.

use std::fmt::Write as _;

use firesteel_expfmt::{Event, NativeHistogram, ProtobufOptions, ProtobufParser, SampleLabels};
use firesteel_go_compat::{FloatForm, push_float, quote};
use firesteel_model::Span;

fn go(v: f64) -> String {
    let mut out = Vec::new();
    push_float(&mut out, v, FloatForm::General);
    String::from_utf8(out).expect("ASCII")
}

fn labels_of(labels: &SampleLabels) -> String {
    // Labels of empty values are kept: they say something to a target with `honor_labels`.
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    pairs.sort_unstable();
    let legacy = |name: &str| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
    let pair = |(name, value): (&str, &str)| {
        if legacy(name) { format!("{name}={}", quote(value)) } else { format!("{}={}", quote(name), quote(value)) }
    };
    format!("{{{}}}", pairs.into_iter().map(pair).collect::<Vec<_>>().join(", "))
}

fn list<T>(all: &[T], shown: impl Fn(&T) -> String) -> String {
    format!("[{}]", all.iter().map(shown).collect::<Vec<_>>().join(" "))
}

fn spans(all: &[Span]) -> String {
    list(all, |s| format!("{{{} {}}}", s.offset, s.length))
}

fn histogram(h: &NativeHistogram) -> String {
    match h {
        NativeHistogram::Int(h) => format!(
            "int {} {} {} {} {} {} {} {} {} {} {}",
            h.counter_reset as u8,
            h.schema,
            go(h.zero_threshold),
            h.zero_count,
            h.count,
            go(h.sum),
            spans(&h.positive_spans),
            spans(&h.negative_spans),
            list(&h.positive_buckets, i64::to_string),
            list(&h.negative_buckets, i64::to_string),
            list(&h.custom_values, |v| go(*v)),
        ),
        NativeHistogram::Float(h) => format!(
            "float {} {} {} {} {} {} {} {} {} {} {}",
            h.counter_reset as u8,
            h.schema,
            go(h.zero_threshold),
            go(h.zero_count),
            go(h.count),
            go(h.sum),
            spans(&h.positive_spans),
            spans(&h.negative_spans),
            list(&h.positive_buckets, |v| go(*v)),
            list(&h.negative_buckets, |v| go(*v)),
            list(&h.custom_values, |v| go(*v)),
        ),
    }
}

/// Writes what the parser yields as the golden file has it.
fn read(body: &[u8], options: ProtobufOptions) -> Vec<u8> {
    let mut out = Vec::new();
    let mut parser = ProtobufParser::new(body, options);
    let mut labels = SampleLabels::default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    loop {
        let line = match parser.next() {
            Ok(None) => return out,
            Err(e) => {
                out.extend_from_slice(format!("error {e}\n").as_bytes());
                return out;
            }
            Ok(Some(Event::Help { name, text: help })) => format!("help {} {}", text(name), quote(&*help)),
            Ok(Some(Event::Type { name, metric_type })) => format!("type {} {}", text(name), metric_type.as_str()),
            Ok(Some(Event::Unit { name, unit })) => format!("unit {} {}", text(name), text(unit)),
            Ok(Some(Event::Comment(_))) => unreachable!("there are no comments"),
            Ok(Some(Event::Sample(sample))) => {
                if let Err(e) = parser.labels(&mut labels) {
                    out.extend_from_slice(format!("error {e}\n").as_bytes());
                    return out;
                }
                let of = labels_of(&labels);
                let t = sample.timestamp.map_or("-".to_owned(), |t| t.0.to_string());
                let mut line = match parser.histogram() {
                    Some(h) => format!("histogram {of} {} {t}", histogram(&h)),
                    None => format!("sample {of} {:016x} {t}", sample.value.to_bits()),
                };
                let _infallible = write!(line, " {}", parser.start().0);
                parser.exemplars(&mut labels, |e, labels| {
                    let t = e.timestamp.map_or("-".to_owned(), |t| t.0.to_string());
                    let _infallible = write!(line, " # {} {} {t}", labels_of(labels), go(e.value));
                });
                line
            }
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal")).collect()
}

#[test]
fn bodies_are_read_as_upstream() {
    let golden = String::from_utf8_lossy(include_bytes!("../../testdata/protobuf.txt"));
    let (mut body, mut runs) = (Vec::new(), 0);
    for part in golden.split("\n> ").skip(1) {
        // The body stands at the end of the part before; the first one is in front of all.
        let (head, rest) = part.split_once('\n').unwrap_or((part, ""));
        let words: Vec<&str> = head.split(' ').collect();
        let before = &golden[..golden.find(&format!("> {head}\n")).expect("is there")];
        let line = before.lines().rev().find(|l| l.starts_with("= ")).expect("a body");
        if let Some(hex) = line.split(' ').nth(2) {
            body = bytes(hex);
        }
        let on = |at: usize| words[at] == "true";
        let options = ProtobufOptions {
            native_histograms: on(1),
            always_classic: on(2),
            custom_buckets: on(3),
            type_and_unit_labels: on(4),
        };
        let want: Vec<&str> = rest.lines().filter(|l| !l.starts_with("= ")).collect();
        let found = read(&body, options);
        let found = String::from_utf8_lossy(&found).into_owned();
        let found: Vec<&str> = found.lines().collect();
        for (at, want) in want.iter().enumerate() {
            assert_eq!(found.get(at), Some(want), "{head}, line {at}");
        }
        assert_eq!(found.len(), want.len(), "{head}");
        runs += 1;
    }
    assert_eq!(runs, 20);
}

#[test]
fn cut_and_changed_bodies_end_with_an_error_or_without() {
    let golden = String::from_utf8_lossy(include_bytes!("../../testdata/protobuf.txt"));
    let hex = golden.lines().find_map(|l| l.strip_prefix("= good ")).expect("a body");
    let good = bytes(hex);
    let all = ProtobufOptions {
        native_histograms: true,
        always_classic: true,
        custom_buckets: true,
        type_and_unit_labels: false,
    };
    for at in 0..good.len() {
        read(&good[..at], all);
        for bit in [0, 3, 7] {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            read(&changed, all);
        }
    }
}
