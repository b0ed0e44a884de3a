//! Bodies as they were before they were packed: gzip, or snappy in its framed form. Other encodings pass as they are.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

/// Most that a body may hold, packed or not.
pub(crate) const BODY_MAX: usize = 256 << 20;

/// A body cannot be unpacked; the texts are Go's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DecodeError(pub(crate) String);

/// Unpacks by the value of `Content-Encoding`.
pub(crate) fn decoded(encoding: &str, body: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    match encoding.to_ascii_lowercase().as_str() {
        "gzip" => {
            // Go looks at the header before anybody reads.
            if body.len() < 10 {
                return Err(DecodeError(if body.is_empty() { "EOF" } else { "unexpected EOF" }.to_owned()));
            }
            if !body.starts_with(&[0x1f, 0x8b]) {
                return Err(DecodeError("gzip: invalid header".to_owned()));
            }
            read(MultiGzDecoder::new(body), |e| match e.kind() {
                io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
                _ => format!("gzip: {e}"),
            })
            .map(Some)
        }
        "snappy" => read(snap::read::FrameDecoder::new(body), |e| match e.kind() {
            io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
            _ => "snappy: corrupt input".to_owned(),
        })
        .map(Some),
        _ => Ok(None),
    }
}

fn read(reader: impl Read, told: impl Fn(&io::Error) -> String) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    reader.take(BODY_MAX as u64 + 1).read_to_end(&mut out).map_err(|e| DecodeError(told(&e)))?;
    if out.len() > BODY_MAX {
        return Err(DecodeError(format!("the body unpacks to more than {BODY_MAX} bytes")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn packed_bodies_are_unpacked_or_refused() {
        let text = b"a 1\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let mut snappy = Vec::new();
        snap::write::FrameEncoder::new(&mut snappy).write_all(&text).expect("memory");
        assert_eq!(decoded("gzip", &gzip), Ok(Some(text.clone())));
        assert_eq!(decoded("GZIP", &gzip), Ok(Some(text.clone())));
        assert_eq!(decoded("snappy", &snappy), Ok(Some(text.clone())));
        assert_eq!(decoded("br", &gzip), Ok(None));
        let fault = |encoding, body: &[u8]| decoded(encoding, body).expect_err("no such body").0;
        assert_eq!(fault("gzip", b"0123456789ab"), "gzip: invalid header");
        assert_eq!(fault("gzip", b""), "EOF");
        assert_eq!(fault("gzip", &gzip[..gzip.len() - 9]), "unexpected EOF");
        assert_eq!(fault("snappy", b"0123456789ab"), "snappy: corrupt input");
    }
}
