//! Messages of remote write and read, and what wraps them.

use firesteel_proto::histogram::Histogram;
use firesteel_proto::read::{ReadRequest, chunked_response, walk_response};
use firesteel_proto::{frames, snappy, write_v1, write_v2};

/// The bytes are a 1.0 request, or any other message of remote read.
pub fn remote_write_v1(data: &[u8]) {
    let _ = write_v1::walk(data, |series| {
        let run = write_v1::label_run(series);
        let _ = write_v1::only_sample(&series[run..]);
        write_v1::items(series, |item| {
            match item {
                write_v1::Item::Exemplar(bytes) => drop(write_v1::exemplar(bytes, |_, _| {})?),
                write_v1::Item::Histogram(bytes) => drop(Histogram::decode(bytes)?),
                write_v1::Item::Label(..) | write_v1::Item::Sample { .. } => {}
            }
            Ok(())
        })
    });
    if let Ok(request) = ReadRequest::decode(data) {
        assert!(request.queries.len() + request.accepted.len() <= data.len(), "more than there are bytes");
    }
    let _ = walk_response(data, |_, _| Ok(()));
}

/// The bytes are a 2.0 request.
pub fn remote_write_v2(data: &[u8]) {
    let mut layout = write_v2::Layout::default();
    if layout.read(data).is_err() {
        return;
    }
    assert!(layout.symbol_count() <= data.len(), "more symbols than bytes");
    for series in layout.series(data) {
        let _ = write_v2::items(series, |item| match item {
            write_v2::Item::LabelRef(at) => drop(layout.symbol(data, at).map(<[u8]>::len)),
            write_v2::Item::Exemplar(bytes) => drop(write_v2::exemplar(bytes, |_| {}).is_ok()),
            write_v2::Item::Histogram(bytes) => drop(Histogram::decode(bytes)),
            write_v2::Item::Sample { .. } | write_v2::Item::Metadata(_) => {}
        });
    }
}

/// The bytes are a snappy block, and a stream of frames.
pub fn remote_wrapping(data: &[u8]) {
    let mut buffer = Vec::new();
    let _ = snappy::decode(data, 1 << 20, &mut buffer);
    assert!(buffer.len() <= 1 << 20, "more than the limit");
    let mut rest = data;
    while let Ok(Some(frame)) = frames::take_frame(&mut rest, 1 << 20) {
        let _ = chunked_response(frame);
    }
}
