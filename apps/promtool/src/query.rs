//! `query instant|range|series|labels` against a running server.

use std::time::Duration;

use firesteel_cli::Matches;
use firesteel_go_compat::format_float;
use http::Method;
use serde_json::Value as Json;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    http_call::{Call, Sent, Server},
    query_time::QueryTime,
    show_value,
};

type Fields = Vec<(String, String)>;
const TIMEOUT: Duration = Duration::from_mins(2);
/// Upstream's window for series and labels without times.
const FAR: Duration = Duration::from_hours(9999);

fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

pub(crate) fn instant(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let run = || {
        let time = QueryTime::read(matches.text_opt("time"), "evaluation time", QueryTime::now())?;
        let form = vec![field("query", matches.arg("expr")), field("time", time.param())];
        post(matches, "/api/v1/query", &form, matches.texts("header"))
    };
    show(matches, run(), show_value::value, console)
}

pub(crate) fn range(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let run = || {
        let end = QueryTime::read(matches.text_opt("end"), "end time", QueryTime::now())?;
        let start = QueryTime::read(matches.text_opt("start"), "start time", end.earlier(Duration::from_mins(5)))?;
        if start >= end {
            return Err("start time is not before end time".to_owned());
        }
        let given = matches.duration("step").as_secs_f64();
        let step = if given > 0.0 { given } else { (end.seconds_since(start) / 250.0).floor().max(1.0) };
        let form = vec![
            field("query", matches.arg("expr")),
            field("start", start.param()),
            field("end", end.param()),
            field("step", format_float(step).to_string()),
        ];
        post(matches, "/api/v1/query_range", &form, matches.texts("header"))
    };
    show(matches, run(), show_value::value, console)
}

pub(crate) fn series(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let run = || post(matches, "/api/v1/series", &window(matches)?, Vec::new());
    show(matches, run(), show_value::series, console)
}

pub(crate) fn labels(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let run = || {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(window(matches)?).finish();
        let name: String = form_urlencoded::byte_serialize(matches.arg("name").as_bytes()).collect();
        let path = format!("/api/v1/label/{name}/values?{query}");
        ask(matches, &Call::get(&path))
    };
    show(matches, run(), show_value::label_values, console)
}

fn window(matches: &Matches) -> Result<Fields, String> {
    let now = QueryTime::now();
    let start = QueryTime::read(matches.text_opt("start"), "start time", now.earlier(FAR))?;
    let end = QueryTime::read(matches.text_opt("end"), "end time", now.later(FAR))?;
    let mut fields = vec![field("start", start.param()), field("end", end.param())];
    fields.extend(matches.texts("match").into_iter().map(|selector| field("match[]", selector)));
    Ok(fields)
}

fn post(matches: &Matches, path: &str, form: &Fields, headers: Vec<&str>) -> Result<Json, String> {
    let headers = headers.into_iter().filter_map(|header| header.split_once('='));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    ask(matches, &Call { method: Method::POST, path, body: Sent::Form(form), headers })
}

/// What a server answered, with its warnings.
pub(crate) struct Answered {
    pub(crate) data: Json,
    pub(crate) warnings: Vec<String>,
}

/// Asks for a range query; times and step in seconds.
pub(crate) fn query_range(
    server: &Server,
    expr: &str,
    [start_s, end_s]: [f64; 2],
    step_s: f64,
) -> Result<Answered, String> {
    let form = vec![
        field("query", expr),
        field("start", start_s.to_string()),
        field("end", end_s.to_string()),
        field("step", format_float(step_s).to_string()),
    ];
    exchange(
        server,
        &Call { method: Method::POST, path: "/api/v1/query_range", body: Sent::Form(&form), headers: Vec::new() },
    )
}

/// Asks for a selector with a range at one time; returns its series.
pub(crate) fn matrix_at(server: &Server, expr: &str, time: QueryTime) -> Result<Vec<Json>, String> {
    let form = vec![field("query", expr), field("time", time.param())];
    let call = Call { method: Method::POST, path: "/api/v1/query", body: Sent::Form(&form), headers: Vec::new() };
    let data = exchange(server, &call)?.data;
    match (data.get("resultType").and_then(Json::as_str), data.get("result").and_then(Json::as_array)) {
        (Some("matrix"), Some(series)) => Ok(series.clone()),
        _ => Err("query of buckets resulted in non-Matrix".to_owned()),
    }
}

/// Returns the `data` of the answer.
fn ask(matches: &Matches, call: &Call<'_>) -> Result<Json, String> {
    Ok(exchange(&Server::of(matches.arg("server"), matches)?, call)?.data)
}

fn exchange(server: &Server, call: &Call<'_>) -> Result<Answered, String> {
    let answer = server.call(call, TIMEOUT).map_err(|error| format!("query error: {error}"))?;
    let detail = || String::from_utf8_lossy(&answer.body).trim().to_owned();
    // Only these statuses carry an error of the API; any other comes from something in between.
    match answer.status {
        200..=299 | 400 | 422 => {}
        status @ 500.. => {
            return Err(format!("query error: server_error: server error: {status} (detail: {})", detail()));
        }
        status => return Err(format!("query error: client_error: client error: {status} (detail: {})", detail())),
    }
    let json: Json = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("query error: bad_response: {error} (detail: {})", detail()))?;
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or("").to_owned();
    if text("status") == "error" {
        return Err(format!("query error: {}: {}", text("errorType"), text("error")));
    }
    let warnings = json.get("warnings").and_then(Json::as_array).into_iter().flatten();
    let warnings = warnings.filter_map(Json::as_str).map(str::to_owned).collect();
    Ok(Answered { data: json.get("data").cloned().unwrap_or(Json::Null), warnings })
}

fn show(
    matches: &Matches,
    answer: Result<Json, String>,
    print: impl Fn(&Json) -> Result<Vec<String>, String>,
    console: &mut Console<'_>,
) -> u8 {
    let lines = answer.and_then(|data| {
        if matches.text("format") == "json" { show_value::json(&data).map(|line| vec![line]) } else { print(&data) }
    });
    match lines {
        Ok(lines) => {
            for line in lines {
                console.say(line);
            }
            SUCCESS
        }
        Err(message) => {
            console.complain(message);
            FAILURE
        }
    }
}
