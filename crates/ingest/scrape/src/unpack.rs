//! Unpacking gzip bodies into a reused buffer, with a bound on what comes out.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};

/// Why a body cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("gzip: invalid header")]
    Header,
    #[error("{0}")]
    Corrupt(io::Error),
    #[error("unexpected EOF")]
    Truncated,
    /// As many bytes as allowed came out, or more.
    #[error("body size limit exceeded")]
    Limit,
}

/// Unpacks all members of a gzip body. `out` is cleared and filled; fewer than `limit` bytes may come out. Checksums
/// are not compared: TCP and the parser behind do that better than 100 MB/s of CRC-32 could.
pub(crate) fn gunzip(
    body: &[u8],
    out: &mut Vec<u8>,
    inflate: &mut Option<Decompress>,
    limit: u64,
) -> Result<(), UnpackError> {
    out.clear();
    let inflate = inflate.get_or_insert_with(|| Decompress::new(false));
    let mut rest = body;
    while !rest.is_empty() {
        rest = after_header(rest)?;
        inflate.reset(false);
        loop {
            if out.capacity() - out.len() < 4096 {
                out.reserve(out.capacity().clamp(64 << 10, 8 << 20));
            }
            let before = inflate.total_in();
            let status = inflate
                .decompress_vec(rest, out, FlushDecompress::None)
                .map_err(|e| UnpackError::Corrupt(io::Error::other(format!("flate: corrupt input: {e}"))))?;
            let taken = (inflate.total_in() - before) as usize;
            rest = rest.get(taken..).unwrap_or_default();
            if out.len() as u64 >= limit {
                return Err(UnpackError::Limit);
            }
            match status {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError if rest.is_empty() && out.len() < out.capacity() => {
                    return Err(UnpackError::Truncated);
                }
                Status::Ok | Status::BufError => {}
            }
        }
        // The checksum and length of the member.
        rest = rest.get(8..).ok_or(UnpackError::Truncated)?;
    }
    Ok(())
}

/// Steps over a member's header (RFC 1952, 2.3).
fn after_header(body: &[u8]) -> Result<&[u8], UnpackError> {
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] = body else { return Err(UnpackError::Header) };
    let mut rest = rest;
    if flags & 4 != 0 {
        let [low, high, after @ ..] = rest else { return Err(UnpackError::Header) };
        rest = after.get(usize::from(u16::from_le_bytes([*low, *high]))..).ok_or(UnpackError::Header)?;
    }
    for text in [8, 16] {
        if flags & text != 0 {
            let end = memchr::memchr(0, rest).ok_or(UnpackError::Header)?;
            rest = rest.get(end + 1..).ok_or(UnpackError::Header)?;
        }
    }
    if flags & 2 != 0 {
        rest = rest.get(2..).ok_or(UnpackError::Header)?;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn pack(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    #[test]
    fn bodies_come_back() {
        let (mut out, mut inflate) = (Vec::new(), None);
        for text in [&b""[..], b"a 1\n", &b"metric{label=\"value\"} 12345\n".repeat(50_000)] {
            gunzip(&pack(text), &mut out, &mut inflate, u64::MAX).expect("a good body");
            assert!(out == text, "{} bytes", text.len());
        }
        let two = [pack(b"a 1\n"), pack(b"b 2\n")].concat();
        gunzip(&two, &mut out, &mut inflate, u64::MAX).expect("two members");
        assert_eq!(out, b"a 1\nb 2\n");
    }

    #[test]
    fn bad_bodies_are_refused() {
        let (mut out, mut inflate) = (Vec::new(), None);
        let good = pack(&b"metric 1\n".repeat(1000));
        for cut in 1..good.len() {
            let result = gunzip(&good[..cut], &mut out, &mut inflate, u64::MAX);
            assert!(matches!(result, Err(UnpackError::Header | UnpackError::Truncated)), "cut at {cut}: {result:?}");
        }
        assert!(matches!(gunzip(b"a 1\n", &mut out, &mut inflate, 9), Err(UnpackError::Header)));
        let bomb = pack(&vec![b'a'; 10 << 20]);
        assert!(matches!(gunzip(&bomb, &mut out, &mut inflate, 1 << 20), Err(UnpackError::Limit)));
        assert!(out.len() < 4 << 20, "unpacked {} bytes", out.len());
    }
}
