//! The bytes of a head-chunk file: a header, then entries one after the other.

use firesteel_base::bytes::{ByteCursor, ByteError, put_uvarint};
use firesteel_model::SeriesRef;

const MAGIC: u32 = 0x0130_bc91;
const VERSION: u8 = 1;
/// Magic number, version, three zeros.
pub(crate) const HEADER_BYTES: usize = 8;
/// A file is ended before it grows beyond this.
pub const MAX_FILE_BYTES: u64 = 128 << 20;
/// Series, both times, encoding.
const FIXED_BYTES: usize = 8 + 2 * 8 + 1;
const CRC_BYTES: usize = 4;
/// What an entry takes beside its chunk at most; upstream's reader wants as much before it looks.
const META_BYTES_MAX: usize = FIXED_BYTES + 5 + CRC_BYTES;
/// Set in the encoding of a chunk of out-of-order samples.
const OUT_OF_ORDER: u8 = 0x80;

/// Where an entry begins: the file's number in the upper 32 bits, the offset in the lower ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct ChunkRef(pub u64);

impl ChunkRef {
    pub fn new(file: u32, offset: u32) -> Self {
        Self(u64::from(file) << 32 | u64::from(offset))
    }

    pub fn file(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub fn offset(self) -> u32 {
        self.0 as u32
    }
}

/// One chunk of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Where the entry begins in its file.
    pub offset: u32,
    pub series: SeriesRef,
    /// Times of the first and the last sample, ends included.
    pub min_t: i64,
    pub max_t: i64,
    /// The number of the encoding, without the mark of out-of-order chunks.
    pub encoding: u8,
    pub out_of_order: bool,
    /// The chunk, its sample count in front.
    pub data: &'a [u8],
    /// Where the chunk begins in its file.
    pub data_at: u32,
}

impl Entry<'_> {
    /// Returns the number of samples.
    pub fn samples(&self) -> u16 {
        self.data.first_chunk().map_or(0, |count| u16::from_be_bytes(*count))
    }
}

/// Why the rest of a file cannot be read, and where that begins.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why} at offset {offset}")]
pub struct EntryFault {
    pub offset: u64,
    pub why: &'static str,
}

/// Returns the first bytes of a file.
pub fn file_header() -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = MAGIC.to_be_bytes();
    [a, b, c, d, VERSION, 0, 0, 0]
}

/// Checks the first bytes of a file.
pub fn check_header(file: &[u8]) -> Result<(), EntryFault> {
    let fault = |offset, why| Err(EntryFault { offset, why });
    let Some((magic, rest)) = file.split_first_chunk::<4>() else { return fault(0, "invalid head chunk file header") };
    if u32::from_be_bytes(*magic) != MAGIC {
        return fault(0, "invalid magic number");
    }
    match rest.first() {
        Some(&VERSION) if file.len() >= HEADER_BYTES => Ok(()),
        Some(_) if file.len() >= HEADER_BYTES => fault(4, "invalid chunk format version"),
        _ => fault(4, "invalid head chunk file header"),
    }
}

/// Appends an entry, and returns how many bytes its chunk begins behind the entry's start.
pub fn push_entry(
    out: &mut Vec<u8>,
    series: SeriesRef,
    (min_t, max_t): (i64, i64),
    encoding: u8,
    out_of_order: bool,
    data: &[u8],
) -> u32 {
    let start = out.len();
    out.extend_from_slice(&series.0.to_be_bytes());
    out.extend_from_slice(&min_t.to_be_bytes());
    out.extend_from_slice(&max_t.to_be_bytes());
    out.push(encoding | if out_of_order { OUT_OF_ORDER } else { 0 });
    put_uvarint(out, data.len() as u64);
    let data_at = out.len() - start;
    out.extend_from_slice(data);
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_be_bytes());
    data_at as u32
}

/// Returns the length of an entry whose chunk has `data` bytes.
pub(crate) const fn entry_bytes(data: usize) -> usize {
    FIXED_BYTES + uvarint_bytes(data) + data + CRC_BYTES
}

const fn uvarint_bytes(n: usize) -> usize {
    (n as u64 | 1).ilog2() as usize / 7 + 1
}

/// Returns where the entry begins whose chunk of `len` bytes begins at `data_at`.
#[inline]
pub(crate) fn entry_start(data_at: u32, len: usize) -> u32 {
    data_at.saturating_sub((FIXED_BYTES + uvarint_bytes(len)) as u32)
}

/// Reads the entry at an offset, and verifies its checksum.
#[inline]
pub(crate) fn entry_at(file: &[u8], offset: u32) -> Result<Entry<'_>, EntryFault> {
    let fault = |why| EntryFault { offset: u64::from(offset), why };
    let all = file.get(offset as usize..).unwrap_or(&[]);
    let (entry, used) =
        parse(all, offset).map_err(|_| fault("head chunk file doesn't include enough bytes to read the chunk"))?;
    let Some((body, crc)) = all.get(..used).and_then(<[u8]>::split_last_chunk::<CRC_BYTES>) else {
        return Err(fault("head chunk file doesn't include enough bytes to read the chunk"));
    };
    if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
        return Err(fault("checksum mismatch"));
    }
    Ok(entry)
}

/// Reads the entry at an offset without reading its chunk.
pub(crate) fn entry_at_unverified(file: &[u8], offset: u32) -> Option<Entry<'_>> {
    Some(parse(file.get(offset as usize..)?, offset).ok()?.0)
}

/// Returns the entry at the start of `bytes` and its length, checksum included but not verified.
fn parse(bytes: &[u8], offset: u32) -> Result<(Entry<'_>, usize), ByteError> {
    let mut cursor = ByteCursor::new(bytes);
    let series = SeriesRef(cursor.be64()?);
    let (min_t, max_t) = (cursor.be64()? as i64, cursor.be64()? as i64);
    let encoding = cursor.u8()?;
    let data = cursor.uvarint_bytes()?;
    let data_at = offset + (cursor.position() - data.len()) as u32;
    cursor.be32()?;
    let (encoding, out_of_order) = (encoding & !OUT_OF_ORDER, encoding & OUT_OF_ORDER != 0);
    Ok((Entry { offset, series, min_t, max_t, encoding, out_of_order, data, data_at }, cursor.position()))
}

/// Yields the entries of a file, checksums verified, up to its end or the first fault.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    file: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Entries<'a> {
    /// Returns the entries of a whole file; its header must have been checked.
    pub fn new(file: &'a [u8]) -> Self {
        Self { file, at: HEADER_BYTES, done: false }
    }

    /// Returns where the next entry begins: behind the last whole one.
    pub fn position(&self) -> u64 {
        self.at as u64
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, EntryFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.file.get(self.at..).unwrap_or(&[]);
        if self.done || rest.is_empty() {
            return None;
        }
        self.done = true;
        // Files may be longer than what was written to them; a series' number is never 0.
        let end = &rest[..rest.len().min(META_BYTES_MAX)];
        if end.iter().take(24).all(|&b| b == 0) && (end.len() >= 24 || end.iter().all(|&b| b == 0)) {
            return None;
        }
        // Upstream's offsets have 32 bits; a file this large is nobody's.
        let Ok(offset) = u32::try_from(self.at) else {
            return Some(Err(EntryFault { offset: self.at as u64, why: "file too large" }));
        };
        let entry = entry_at(self.file, offset).and_then(|entry| {
            // Where an entry begins is later told from where its chunk begins.
            if entry_start(entry.data_at, entry.data.len()) == offset {
                Ok(entry)
            } else {
                Err(EntryFault { offset: u64::from(offset), why: "chunk length is not in its shortest form" })
            }
        });
        if let Ok(entry) = &entry {
            self.at += entry_bytes(entry.data.len());
            self.done = false;
        }
        Some(entry)
    }
}
