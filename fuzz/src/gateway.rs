//! What a pushgateway is given: bodies of pushes, and the file of an earlier life.

use std::sync::Arc;

use firesteel_base::{ManualClock, TimestampMs};
use firesteel_expfmt::{protobuf_to_families, text_to_families, write_openmetrics, write_protobuf, write_text};
use firesteel_gateway::{
    Body, Gateway, GatewayOptions, GroupLabels, PathRules, Push, PushOptions, encode_groups, read_groups,
};
use firesteel_model::ValidationScheme;

fn gateway(options: GatewayOptions) -> Gateway {
    Gateway::new(options, Arc::new(ManualClock::new(TimestampMs(1_700_000_000_000))), Vec::new())
}

/// The bytes are a body behind one that says how it is pushed. What was taken can be shown, kept, and read again.
pub fn push_body(data: &[u8]) {
    let Some((how, body)) = data.split_first() else { return };
    let gateway = gateway(GatewayOptions { utf8: how & 2 != 0, watch_quiet: true, ..GatewayOptions::default() });
    let body = if how & 1 == 0 { Body::Text(body) } else { Body::Protobuf(body) };
    let labels = |path| GroupLabels::from_path("j", false, path, PathRules::default()).expect("a good path");
    let push = |path, sum| {
        let options = PushOptions { sum, ..PushOptions::default() };
        gateway.push(&Push { labels: labels(path), replace: how & 4 != 0 && !sum, options }, body)
    };
    let first = push("", false);
    let _ = push("", true);
    let _ = push("/instance/", false);
    let families = gateway.gather(Vec::new()).expect("what was taken is consistent");
    let kept = read_groups(&encode_groups(&gateway.groups())).expect("our own file");
    assert_eq!(kept.len(), gateway.groups().len());
    let (mut text, mut protobuf) = (Vec::new(), Vec::new());
    write_text(&families, &mut text);
    write_openmetrics(&families, &mut Vec::new());
    write_protobuf(&families, &mut protobuf);
    if first.is_ok() {
        let read = protobuf_to_families(&protobuf).expect("our own page");
        assert_eq!(read.len(), families.len());
        let _ = text_to_families(&text, ValidationScheme::Utf8);
    }
}

/// The bytes are a persistence file. What was read can be written and read again.
pub fn pushgateway_file(data: &[u8]) {
    let Ok(groups) = read_groups(data) else { return };
    let groups: Vec<_> = groups.into_iter().map(Arc::new).collect();
    let again = read_groups(&encode_groups(&groups)).expect("our own file");
    assert!(groups.iter().zip(&again).all(|(a, b)| a.labels == b.labels && a.families.len() == b.families.len()));
    let gateway = Gateway::new(
        GatewayOptions::default(),
        Arc::new(ManualClock::new(TimestampMs(0))),
        groups.iter().map(|group| (**group).clone()).collect(),
    );
    let _ = gateway.gather(Vec::new());
}
