//! Frames of streamed answers: the length as a varint, the body's CRC-32C big-endian, the body.

use firesteel_base::bytes::put_uvarint;

use crate::fields::take_varint;

/// A frame cannot be read. The texts are upstream's (`storage/remote/chunked.go`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    #[error("unexpected EOF")]
    UnexpectedEof,
    #[error("chunkedReader: message size exceeded the limit {limit} bytes; got: {bytes} bytes")]
    TooLarge { bytes: u64, limit: u64 },
    #[error("chunkedReader: corrupted frame; checksum mismatch")]
    Checksum,
}

/// Appends one frame; an empty body makes none.
pub fn push_frame(out: &mut Vec<u8>, body: &[u8]) {
    if body.is_empty() {
        return;
    }
    put_uvarint(out, body.len() as u64);
    out.extend_from_slice(&crc32c::crc32c(body).to_be_bytes());
    out.extend_from_slice(body);
}

/// Takes the next frame's body from the front; `None` at the end.
pub fn take_frame<'a>(bytes: &mut &'a [u8], limit: u64) -> Result<Option<&'a [u8]>, FrameError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let len = take_varint(bytes).map_err(|_| FrameError::UnexpectedEof)?;
    if len > limit {
        return Err(FrameError::TooLarge { bytes: len, limit });
    }
    let (sum, rest) = bytes.split_first_chunk::<4>().ok_or(FrameError::UnexpectedEof)?;
    let (body, rest) = rest.split_at_checked(len as usize).ok_or(FrameError::UnexpectedEof)?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*sum) {
        return Err(FrameError::Checksum);
    }
    *bytes = rest;
    Ok(Some(body))
}
