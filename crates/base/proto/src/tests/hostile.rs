//! Cut, changed and made-up bytes: an error or a message, never a panic, never more memory than the bytes warrant.

use super::messages::{request_v1, request_v2};
use crate::histogram::Histogram;
use crate::read::{ReadRequest, chunked_response};
use crate::{WireError, write_v1, write_v2};

fn read_all(bytes: &[u8]) {
    let _ = write_v1::walk(bytes, |series| {
        let run = write_v1::label_run(series);
        assert!(run <= series.len());
        let _ = write_v1::only_sample(&series[run..]);
        write_v1::items(series, |item| {
            if let write_v1::Item::Exemplar(bytes) = item {
                write_v1::exemplar(bytes, |_, _| {})?;
            }
            if let write_v1::Item::Histogram(bytes) = item {
                Histogram::decode(bytes)?;
            }
            Ok(())
        })
    });
    let mut layout = write_v2::Layout::default();
    if layout.read(bytes).is_ok() {
        for series in layout.series(bytes) {
            let _ = write_v2::items(series, |item| {
                if let write_v2::Item::Exemplar(bytes) = item {
                    let _ = write_v2::exemplar(bytes, |at| {
                        let _ = layout.symbol(bytes, at);
                    });
                }
            });
        }
    }
    let _ = ReadRequest::decode(bytes);
    let _ = chunked_response(bytes);
}

#[test]
fn neighbours_of_good_requests() {
    for good in [request_v1(), request_v2()] {
        for at in 0..good.len() {
            read_all(&good[..at]);
            let mut changed = good.clone();
            for byte in [0, 1, 0x0a, 0x7f, 0x80, 0xff, good[at] ^ 1, good[at].wrapping_add(8)] {
                changed[at] = byte;
                read_all(&changed);
            }
            changed.remove(at);
            read_all(&changed);
        }
    }
}

#[test]
fn faults_are_worded_as_go_words_them() {
    let cases: [(&[u8], &str); 12] = [
        (&[0x0a], "unexpected EOF"),
        (&[0x0a, 5, 1], "unexpected EOF"),
        (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "unexpected EOF"),
        (&[0xff; 11], "proto: integer overflow"),
        (&[0x08, 1], "proto: wrong wireType = 0 for field Timeseries"),
        (&[0x00, 1], "proto: WriteRequest: illegal tag 0 (wire type 0)"),
        (&[0x0c], "proto: WriteRequest: wiretype end group for non-group"),
        (&[0x0f], "proto: illegal wireType 7"),
        (&[0x0a, 2, 0x08, 1], "proto: wrong wireType = 0 for field Labels"),
        (&[0x0a, 4, 0x12, 2, 0x10, 0x80], "unexpected EOF"),
        (&[0x0a, 3, 0x12, 1, 0x0e], "proto: illegal wireType 6"),
        (&[0x1a, 2, 0x12, 5], "unexpected EOF"),
    ];
    for (bytes, want) in cases {
        let got = write_v1::walk(bytes, |series| write_v1::items(series, |_| Ok(())));
        assert_eq!(got.map_err(|e| e.to_string()), Err(want.to_owned()), "{bytes:?}");
    }
}

#[test]
fn groups_are_skipped_to_a_depth() {
    let walk = |bytes: &[u8]| write_v1::walk(bytes, |_| Ok(()));
    assert_eq!(walk(&[0x53, 0x08, 1, 0x5b, 0x5c, 0x54]), Ok(()));
    assert_eq!(walk(&vec![0x53; 100_000]), Err(WireError::TooDeep));
    assert_eq!(walk(&[0x53, 0x08]), Err(WireError::UnexpectedEof));
}
