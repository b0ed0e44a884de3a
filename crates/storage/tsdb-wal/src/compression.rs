//! Whole records are compressed, and only where that makes them smaller.

use std::io::Read;

/// How records are compressed (`--storage.tsdb.wal-compression-type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    None,
    #[default]
    Snappy,
    Zstd,
}

/// Set in the type byte of every fragment of a compressed record.
pub(super) const SNAPPY_FLAG: u8 = 1 << 3;
pub(super) const ZSTD_FLAG: u8 = 1 << 4;

/// A record that claims to be larger than this is not unpacked.
const MAX_RECORD_BYTES: u64 = 256 * 1024 * 1024;
/// The densest snappy element makes 64 bytes of 3.
const MAX_SNAPPY_RATIO: usize = 22;

/// Compresses records one after the other; keeps its tables.
#[derive(Default)]
pub(super) struct Compressor {
    snappy: Option<snap::raw::Encoder>,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    packed: Vec<u8>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    /// Appends the record to `out` in its smaller form and returns the flag that belongs to it.
    pub(super) fn append(&mut self, how: Compression, record: &[u8], out: &mut Vec<u8>) -> u8 {
        let (packed_len, flag) = match how {
            Compression::None => (None, 0),
            Compression::Snappy => {
                let most = snap::raw::max_compress_len(record.len());
                if self.packed.len() < most {
                    self.packed.resize(most, 0);
                }
                let encoder = self.snappy.get_or_insert_with(snap::raw::Encoder::new);
                (encoder.compress(record, &mut self.packed).ok(), SNAPPY_FLAG)
            }
            Compression::Zstd => (self.zstd(record), ZSTD_FLAG),
        };
        match packed_len.and_then(|n| self.packed.get(..n)) {
            Some(packed) if packed.len() < record.len() => {
                out.extend_from_slice(packed);
                flag
            }
            _ => {
                out.extend_from_slice(record);
                0
            }
        }
    }

    fn zstd(&mut self, record: &[u8]) -> Option<usize> {
        let most = zstd::zstd_safe::compress_bound(record.len());
        if self.packed.len() < most {
            self.packed.resize(most, 0);
        }
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL).ok();
        }
        self.zstd.as_mut()?.compress_to_buffer(record, &mut self.packed[..]).ok()
    }
}

/// Unpacks `stored` into `plain`, which is cleared. Memory is bounded by what `stored` can really hold, not by its claims.
pub(super) fn unpack(flags: u8, stored: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
    plain.clear();
    if flags & SNAPPY_FLAG != 0 {
        let len = snap::raw::decompress_len(stored).map_err(|e| e.to_string())?;
        if len > stored.len().saturating_mul(MAX_SNAPPY_RATIO) {
            return Err(format!("snappy: {} bytes cannot hold {len}", stored.len()));
        }
        plain.resize(len, 0);
        let n = snap::raw::Decoder::new().decompress(stored, plain).map_err(|e| e.to_string())?;
        plain.truncate(n);
    } else {
        let decoder = zstd::stream::read::Decoder::with_buffer(stored).map_err(|e| format!("zstd: {e}"))?;
        let n = decoder.take(MAX_RECORD_BYTES + 1).read_to_end(plain).map_err(|e| format!("zstd: {e}"))?;
        if n as u64 > MAX_RECORD_BYTES {
            return Err(format!("zstd: record is larger than {MAX_RECORD_BYTES} bytes"));
        }
    }
    Ok(())
}
