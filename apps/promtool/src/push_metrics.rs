//! `push metrics`: a body in the text format becomes remote write.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use firesteel_cli::Matches;
use firesteel_go_compat::format_float;
use firesteel_model::ValidationScheme;
use firesteel_proto::{encode, snappy, write_v1, write_v2};
use http::Method;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    file_error::file_error,
    http_call::{Answer, Call, Sent, Server},
    key_value::key_value,
    metric_families::{Family, Kind, Metric, metric_families},
};

/// The message of 2.0; 1.0 is the default.
const V2: &str = "io.prometheus.write.v2.Request";
const LABEL_DEFAULT: &str = "job=promtool";
/// A server that fails is asked again so often, with pauses that double from one second to ten.
const RETRIES: u32 = 10;
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Labels by name, `__name__` among them.
type Labels = BTreeMap<String, String>;

/// One series with its sample.
struct Series {
    labels: Labels,
    t_ms: i64,
    value: f64,
}

pub(crate) fn run(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let server = match Server::of(matches.arg("remote-write-url"), matches) {
        Ok(server) => server,
        Err(refusal) => {
            console.complain(refusal);
            return FAILURE;
        }
    };
    let files = matches.args("metric-files");
    if files.is_empty() {
        let mut body = Vec::new();
        if let Err(error) = console.input.read_to_end(&mut body) {
            console.complain(format_args!("  FAILED: {error}"));
            return FAILURE;
        }
        console.say("Parsing standard input");
        return match push(matches, &server, &body, console) {
            Ok(()) => {
                console.say("  SUCCESS: metrics pushed to remote write.");
                SUCCESS
            }
            Err(error) => {
                console.complain(format_args!("  FAILED: {error}"));
                FAILURE
            }
        };
    }
    let mut code = SUCCESS;
    for file in files {
        let pushed = fs::read(file).map_err(|error| file_error("open", file, &error)).and_then(|body| {
            console.say(format_args!("Parsing metrics file {file}"));
            push(matches, &server, &body, console)
        });
        match pushed {
            Ok(()) => console.say(format_args!("  SUCCESS: metrics file {file} pushed to remote write.")),
            Err(error) => {
                console.complain(format_args!("  FAILED: {error}"));
                code = FAILURE;
            }
        }
    }
    code
}

fn push(matches: &Matches, server: &Server, body: &[u8], console: &mut Console<'_>) -> Result<(), String> {
    let mut families = metric_families(body, ValidationScheme::Utf8).map_err(|error| error.to_string())?;
    families.sort_by(|a, b| a.name.cmp(&b.name));
    let extra = extra_labels(&matches.texts("label"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let is_v2 = matches.text("protobuf_message") == V2;
    let message = if is_v2 { message_v2(&families, &extra, now) } else { message_v1(&families, &extra, now) };
    let mut packed = Vec::new();
    snappy::encode(&message, &mut packed).map_err(|error| error.to_string())?;
    let content =
        if is_v2 { "application/x-protobuf;proto=io.prometheus.write.v2.Request" } else { "application/x-protobuf" };
    let version = if is_v2 { "2.0.0" } else { "0.1.0" };
    let mut headers: Vec<(String, String)> =
        [("Content-Encoding", "snappy"), ("Content-Type", content), ("X-Prometheus-Remote-Write-Version", version)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
    let given = matches.texts("header");
    headers.extend(given.iter().filter_map(|h| h.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())));
    let path = format!("/{}", matches.text("remote-write.path").trim_matches('/'));
    let call = Call { method: Method::POST, path: &path, body: Sent::Bytes(Bytes::from(packed)), headers };
    let answer = send(server, &call, matches.duration("timeout"), console)?;
    let written = |kind: &str| {
        let name = format!("x-prometheus-remote-write-{kind}-written");
        answer.headers.get(name).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok())
    };
    if is_v2 && written("samples").unwrap_or(0) == 0 && !families.is_empty() {
        // A receiver that knows 1.0 alone may take the bytes for something else and say 200.
        return Err("the server took the request but says that no sample was written; perhaps it knows only \
                    --protobuf_message=prometheus.WriteRequest"
            .to_owned());
    }
    Ok(())
}

/// Sends until it is taken or refused.
fn send(server: &Server, call: &Call<'_>, timeout: Duration, console: &mut Console<'_>) -> Result<Answer, String> {
    let mut pause = Duration::from_secs(1);
    for retry in 0.. {
        let error = match server.call(call, timeout) {
            Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer),
            Ok(answer) => {
                let reason = http::StatusCode::from_u16(answer.status).ok().and_then(|s| s.canonical_reason());
                let body = String::from_utf8_lossy(&answer.body);
                let error =
                    format!("server returned HTTP status {} {}: {body}", answer.status, reason.unwrap_or_default());
                if answer.status < 500 {
                    return Err(error);
                }
                error
            }
            Err(error) => error,
        };
        if retry == RETRIES {
            return Err(error);
        }
        console.complain(format_args!("  {}; trying again in {} s", error.trim_end(), pause.as_secs()));
        sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
    unreachable!("the loop ends at the last retry")
}

/// Returns the labels that were given; they take the place of the default.
fn extra_labels(given: &[&str]) -> Labels {
    let given = if given.is_empty() { &[LABEL_DEFAULT] } else { given };
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    given.iter().filter_map(|text| key_value(text)).map(owned).collect()
}

/// Calls `each` with the series of a metric, in upstream's order: parts, sum, count.
fn series_of(family: &Family, metric: &Metric, extra: &Labels, now_ms: i64, mut each: impl FnMut(Series)) {
    let t_ms = metric.t_ms.filter(|t| *t != 0).unwrap_or(now_ms);
    let mut labels = extra.clone();
    for (name, value) in &metric.labels {
        // The target's job is the pusher's.
        let name = if name == "job" { "exported_job" } else { name };
        labels.insert(name.to_owned(), value.clone());
    }
    let mut emit = |suffix: &str, part: Option<(&str, f64)>, value: f64| {
        let mut labels = labels.clone();
        let mut name = family.name.clone();
        name.push_str(suffix);
        labels.insert("__name__".to_owned(), name);
        if let Some((label, number)) = part {
            labels.insert(label.to_owned(), format_float(number).to_string());
        }
        each(Series { labels, t_ms, value });
    };
    match family.kind() {
        Kind::Summary => metric.parts.iter().for_each(|(q, value)| emit("", Some(("quantile", *q)), *value)),
        Kind::Histogram | Kind::GaugeHistogram => {
            metric.parts.iter().for_each(|(le, value)| emit("_bucket", Some(("le", *le)), *value));
            if !metric.parts.iter().any(|(le, _)| *le == f64::INFINITY) {
                emit("_bucket", Some(("le", f64::INFINITY)), metric.count);
            }
        }
        _ => return emit("", None, metric.value),
    }
    emit("_sum", None, metric.value);
    emit("_count", None, metric.count);
}

fn message_v1(families: &[Family], extra: &Labels, now_ms: i64) -> Vec<u8> {
    let mut out = Vec::new();
    for family in families {
        for metric in &family.metrics {
            series_of(family, metric, extra, now_ms, |series| {
                write_v1::put_series(&mut out, |out| {
                    series.labels.iter().for_each(|(name, value)| write_v1::put_label(out, name, value));
                    write_v1::put_sample(out, series.t_ms, series.value);
                });
            });
        }
        encode::put_message(&mut out, 3, |out| {
            encode::put_varint_field(out, 1, type_number(family.kind()));
            encode::put_text_field(out, 2, &family.name);
            encode::put_text_field(out, 4, family.help.as_deref().unwrap_or(""));
        });
    }
    out
}

fn message_v2(families: &[Family], extra: &Labels, now_ms: i64) -> Vec<u8> {
    let mut encoder = write_v2::Encoder::default();
    for family in families {
        let help = encoder.symbol(family.help.as_deref().unwrap_or(""));
        for metric in &family.metrics {
            series_of(family, metric, extra, now_ms, |series| {
                let texts = series.labels.iter().flat_map(|(name, value)| [name, value]);
                let refs: Vec<u32> = texts.map(|text| encoder.symbol(text)).collect();
                encoder.series(&refs, |out| {
                    write_v2::put_sample(out, series.t_ms, series.value, 0);
                    encode::put_message(out, 5, |out| {
                        encode::put_varint_field(out, 1, type_number(family.kind()));
                        encode::put_varint_field(out, 3, u64::from(help));
                    });
                });
            });
        }
    }
    encoder.finish()
}

/// The number of a type in the metadata of both messages.
fn type_number(kind: Kind) -> u64 {
    match kind {
        Kind::Untyped => 0,
        Kind::Counter => 1,
        Kind::Gauge => 2,
        Kind::Histogram => 3,
        Kind::GaugeHistogram => 4,
        Kind::Summary => 5,
    }
}
