//! Reading one segment from front to back.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{Vfs, VfsFile};

use super::compression::{Decompressor, SNAPPY_FLAG, ZSTD_FLAG};
use super::frame::{FIRST, FULL, HEADER_BYTES, LAST, MIDDLE, PAGE_END, TYPE_MASK};
use super::{Corruption, PAGE_BYTES, Segment, WalError};

/// How much is read at a time: whole pages.
const READ_BYTES: usize = 32 * PAGE_BYTES;

/// What an unused end of a page looks like.
pub(super) static ZEROS: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// A record and its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The record as it was logged, type byte first.
    pub bytes: &'a [u8],
    /// The segment's number.
    pub segment: u64,
    /// Where its first fragment begins in the segment.
    pub offset: u64,
}

/// Yields the records of one segment. Memory: a megabyte, and the largest record.
#[derive(Debug)]
pub struct SegmentReader {
    segment: Segment,
    file: Arc<dyn VfsFile>,
    file_len: u64,
    pages: Vec<u8>,
    pages_at: u64,
    at: u64,
    stored: Vec<u8>,
    plain: Vec<u8>,
    decompressor: Decompressor,
    newest: bool,
    /// A page was left with room for a header.
    ended: bool,
    offset: u64,
    found: Found,
}

/// Where the current record's bytes are.
#[derive(Debug)]
enum Found {
    InPage(Range<usize>),
    Joined,
    Unpacked,
}

/// A fragment's header, checked.
struct Fragment {
    kind: u8,
    flags: u8,
    /// Place of the payload in `pages`.
    start: usize,
    len: usize,
}

impl SegmentReader {
    /// Opens a segment. `newest` is for the last segment of a log that was not closed: there a page that ends early with
    /// others behind it is a hole that a loss of power tore, and the log ends at it.
    pub fn open(vfs: &dyn Vfs, segment: Segment, newest: bool) -> Result<Self, WalError> {
        let file = vfs.open_read(&segment.path).map_err(WalError::io("open segment", &segment.path))?;
        let file_len = file.len().map_err(WalError::io("stat segment", &segment.path))?;
        Ok(Self {
            segment,
            file,
            file_len,
            pages: Vec::new(),
            pages_at: 0,
            at: 0,
            stored: Vec::new(),
            plain: Vec::new(),
            decompressor: Decompressor::default(),
            newest,
            ended: false,
            offset: 0,
            found: Found::Joined,
        })
    }

    /// Returns the segment's file.
    pub fn path(&self) -> &Path {
        &self.segment.path
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// Error `Corrupt`: what follows is no whole record. All records before it were returned.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, WalError> {
        Ok(if self.advance()? { Some(self.record()) } else { None })
    }

    /// Moves to the next record, which [`Self::record`] then shows; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, WalError> {
        self.stored.clear();
        let mut parts = 0;
        let mut offset = self.at;
        let last = loop {
            let Some(fragment) = self.fragment(offset, parts)? else {
                if parts > 0 {
                    return Err(self.corrupt(offset, "last record is torn"));
                }
                return Ok(false);
            };
            let end = self.pages_at + (fragment.start + fragment.len) as u64;
            if parts == 0 {
                offset = end - (HEADER_BYTES + fragment.len) as u64;
            }
            let expected = if parts == 0 { [FULL, FIRST] } else { [MIDDLE, LAST] };
            if !expected.contains(&fragment.kind) {
                return Err(self.corrupt(offset, unexpected(fragment.kind)));
            }
            self.at = end;
            if fragment.kind == FULL {
                break fragment;
            }
            let payload = self.pages.get(fragment.start..fragment.start + fragment.len).unwrap_or(&[]);
            self.stored.extend_from_slice(payload);
            parts += 1;
            if fragment.kind == LAST {
                break fragment;
            }
        };
        let in_page = last.start..last.start + last.len;
        self.offset = offset;
        if last.flags & (SNAPPY_FLAG | ZSTD_FLAG) == 0 {
            self.found = if last.kind == FULL { Found::InPage(in_page) } else { Found::Joined };
            return Ok(true);
        }
        let stored = if last.kind == FULL { self.pages.get(in_page).unwrap_or(&[]) } else { &self.stored };
        if let Err(why) = self.decompressor.unpack(last.flags, stored, &mut self.plain) {
            return Err(self.corrupt(offset, why));
        }
        self.found = Found::Unpacked;
        Ok(true)
    }

    /// Returns the record that the last `advance` moved to.
    pub(super) fn record(&self) -> Record<'_> {
        let bytes = match &self.found {
            Found::InPage(range) => self.pages.get(range.clone()).unwrap_or(&[]),
            Found::Joined => &self.stored,
            Found::Unpacked => &self.plain,
        };
        Record { bytes, segment: self.segment.index, offset: self.offset }
    }

    /// Returns how far the segment was read.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// Begins at a place between two records.
    pub(super) fn begin_at(&mut self, at: u64) {
        self.at = at;
    }

    /// Goes back to `at`, and takes the file to have `file_len` bytes by now; what was read of it is read again.
    pub(super) fn look_again(&mut self, at: u64, file_len: u64) {
        self.at = at;
        self.file_len = file_len;
        self.pages.clear();
    }

    /// Steps over zeros and returns the next fragment with its checksum verified; `None` at the end of the file.
    fn fragment(&mut self, record_at: u64, parts: usize) -> Result<Option<Fragment>, WalError> {
        let record_at = |reader: &Self| if parts > 0 { record_at } else { reader.at };
        loop {
            if self.at >= self.file_len {
                return Ok(None);
            }
            let in_page = (self.at % PAGE_BYTES as u64) as usize;
            let start = self.load()?;
            let page = self.pages.get(start..).unwrap_or(&[]);
            let page = page.get(..page.len().min(PAGE_BYTES - in_page)).unwrap_or(&[]);
            let Some(&head) = page.first() else {
                return Err(self.corrupt(record_at(self), "segment shrank while it was read"));
            };
            if head & TYPE_MASK == PAGE_END {
                if page.get(1..) != ZEROS.get(..page.len() - 1) {
                    return Err(self.corrupt(record_at(self), "unexpected non-zero byte in padded page"));
                }
                let room = PAGE_BYTES - in_page >= HEADER_BYTES;
                if room && parts > 0 {
                    // Upstream's reader goes on and would join the parts of two records.
                    return Err(self.corrupt(record_at(self), "page ends inside a record"));
                }
                self.ended |= room;
                self.at += page.len() as u64;
                continue;
            }
            if self.ended && self.newest {
                return Err(self.corrupt(self.at, "record after a page that ended early"));
            }
            let Some((&[_, l0, l1, c0, c1, c2, c3], rest)) = page.split_first_chunk::<HEADER_BYTES>() else {
                return Err(self.corrupt(record_at(self), "fragment header is torn"));
            };
            let len = usize::from(u16::from_be_bytes([l0, l1]));
            let Some(payload) = rest.get(..len) else {
                return Err(self.corrupt(record_at(self), format!("invalid record size {len}")));
            };
            let (found, expected) = (crc32c::crc32c(payload), u32::from_be_bytes([c0, c1, c2, c3]));
            if found != expected {
                let why = format!("unexpected checksum {found:x}, expected {expected:x}");
                return Err(self.corrupt(record_at(self), why));
            }
            return Ok(Some(Fragment { kind: head & TYPE_MASK, flags: head, start: start + HEADER_BYTES, len }));
        }
    }

    /// Sees to it that the current page is in memory as far as the file goes; returns the current place in `pages`.
    fn load(&mut self) -> Result<usize, WalError> {
        let loaded_to = self.pages_at + self.pages.len() as u64;
        if self.at < self.pages_at || self.at >= loaded_to {
            self.pages_at = self.at - self.at % PAGE_BYTES as u64;
            let want = READ_BYTES.min((self.file_len - self.pages_at) as usize);
            self.pages.resize(want, 0);
            let mut done = 0;
            while done < want {
                let Some(rest) = self.pages.get_mut(done..) else { break };
                let read = self.file.read_at(rest, self.pages_at + done as u64);
                match read.map_err(WalError::io("read segment", &self.segment.path))? {
                    0 => break,
                    n => done += n,
                }
            }
            self.pages.truncate(done);
        }
        Ok((self.at - self.pages_at) as usize)
    }

    fn corrupt(&self, offset: u64, why: impl Into<String>) -> WalError {
        let Segment { index, path } = &self.segment;
        WalError::Corrupt(Corruption { path: path.clone(), segment: *index, offset, why: why.into() })
    }
}

/// Upstream's words for a fragment in the wrong place.
pub(super) fn unexpected(kind: u8) -> String {
    match kind {
        FULL => "unexpected full record".to_owned(),
        FIRST => "unexpected first record, dropping buffer".to_owned(),
        MIDDLE => "unexpected middle record, dropping buffer".to_owned(),
        LAST => "unexpected last record, dropping buffer".to_owned(),
        _ => format!("unexpected record type {kind}"),
    }
}
