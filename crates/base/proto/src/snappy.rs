//! Snappy blocks, with a bound on what they may unfold to.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

/// A block cannot be unfolded. The texts are those of Go's snappy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnappyError {
    #[error("snappy: corrupt input")]
    Corrupt,
    #[error("snappy: decoded block is too large")]
    TooLarge,
    /// The block says that it unfolds to more than the caller allows.
    #[error("decoded size exceeds the {limit} bytes limit")]
    AboveLimit { bytes: usize, limit: usize },
}

/// Unfolds `block` into the front of `buffer`, which grows when it must and keeps its memory; returns the unfolded bytes.
/// Nothing is allocated for a block that promises more than `limit`.
pub fn decode<'b>(block: &[u8], limit: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], SnappyError> {
    let len = decompress_len(block).map_err(|e| match e {
        snap::Error::TooBig { .. } => SnappyError::TooLarge,
        _ => SnappyError::Corrupt,
    })?;
    if block.is_empty() {
        return Err(SnappyError::Corrupt);
    }
    if len > limit {
        return Err(SnappyError::AboveLimit { bytes: len, limit });
    }
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let n = Decoder::new().decompress(block, &mut buffer[..len]).map_err(|_| SnappyError::Corrupt)?;
    Ok(&buffer[..n])
}

/// Appends `bytes` to `out` as one block. Bytes beyond what a block can hold (4 GiB) are refused.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SnappyError> {
    let from = out.len();
    out.resize(from + max_compress_len(bytes.len()), 0);
    let n = Encoder::new().compress(bytes, &mut out[from..]).map_err(|_| SnappyError::TooLarge)?;
    out.truncate(from + n);
    Ok(())
}
