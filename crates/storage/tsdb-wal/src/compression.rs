//! Whole records are compressed, and only where that makes them smaller.

use zstd::stream::raw::{InBuffer, Operation, OutBuffer};

/// How records are compressed (`--storage.tsdb.wal-compression-type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    None,
    #[default]
    Snappy,
    Zstd,
}

impl Compression {
    /// Returns upstream's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
        }
    }
}

/// Set in the type byte of every fragment of a compressed record.
pub(super) const SNAPPY_FLAG: u8 = 1 << 3;
pub(super) const ZSTD_FLAG: u8 = 1 << 4;

/// A record that claims to be larger than this is not unpacked.
const MAX_RECORD_BYTES: usize = 256 * 1024 * 1024;
/// The least room for what a zstd frame yields; it doubles from there.
const UNPACK_STEP_BYTES: usize = 64 * 1024;
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

/// Unpacks records one after the other; keeps its tables.
#[derive(Default)]
pub(super) struct Decompressor {
    snappy: snap::raw::Decoder,
    zstd: Option<zstd::stream::raw::Decoder<'static>>,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// Unpacks `stored` into `plain`, which is cleared. Memory grows with what really comes out of `stored`, not with its
    /// claims, and ends at a bound. Nothing stored is an empty record, as upstream reads it.
    pub(super) fn unpack(&mut self, flags: u8, stored: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        plain.clear();
        if stored.is_empty() {
            Ok(())
        } else if flags & SNAPPY_FLAG != 0 {
            self.snappy(stored, plain)
        } else {
            self.zstd(stored, plain)
        }
    }

    fn snappy(&mut self, stored: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        let len = snap::raw::decompress_len(stored).map_err(|e| e.to_string())?;
        if len > stored.len().saturating_mul(MAX_SNAPPY_RATIO) {
            return Err(format!("snappy: {} bytes cannot hold {len}", stored.len()));
        }
        plain.resize(len, 0);
        let n = self.snappy.decompress(stored, plain).map_err(|e| e.to_string())?;
        plain.truncate(n);
        Ok(())
    }

    /// Any number of frames, as upstream's decoder takes them.
    fn zstd(&mut self, stored: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        let wrong = |e: std::io::Error| format!("zstd: {e}");
        let decoder = match &mut self.zstd {
            Some(decoder) => {
                decoder.reinit().map_err(wrong)?;
                decoder
            }
            none => none.insert(zstd::stream::raw::Decoder::new().map_err(wrong)?),
        };
        let mut input = InBuffer::around(stored);
        loop {
            let done = plain.len();
            if done > MAX_RECORD_BYTES {
                return Err(format!("zstd: record is larger than {MAX_RECORD_BYTES} bytes"));
            }
            plain.reserve_exact(done.max(UNPACK_STEP_BYTES).min(MAX_RECORD_BYTES + 1 - done));
            let room = plain.capacity();
            let read = input.pos();
            let hint = decoder.run(&mut input, &mut OutBuffer::around_pos(plain, done)).map_err(wrong)?;
            let all_read = input.pos() == stored.len();
            if all_read && hint == 0 {
                return Ok(());
            }
            let full = plain.len() == room;
            if (all_read && !full) || (input.pos() == read && plain.len() == done) {
                return Err("zstd: incomplete frame".to_owned());
            }
        }
    }
}
