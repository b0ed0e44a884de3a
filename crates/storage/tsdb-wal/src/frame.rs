//! Cutting a stored record into fragments that fit their pages.

use super::PAGE_BYTES;

/// Type and flags, two bytes of length, four of CRC32 (Castagnoli) over the payload, big-endian.
pub(super) const HEADER_BYTES: usize = 7;
pub(super) const TYPE_MASK: u8 = 7;
/// The rest of the page holds zeros.
pub(super) const PAGE_END: u8 = 0;
pub(super) const FULL: u8 = 1;
pub(super) const FIRST: u8 = 2;
pub(super) const MIDDLE: u8 = 3;
pub(super) const LAST: u8 = 4;

/// Appends the fragments of one record to `out`, whose end is to stand at `offset` of the segment; returns their number.
///
/// Leaves no page with fewer bytes than a header at its end: those are zeros, and the next page begins.
pub(super) fn append_record(out: &mut Vec<u8>, offset: u64, stored: &[u8], flag: u8) -> u64 {
    let mut left = PAGE_BYTES - (offset % PAGE_BYTES as u64) as usize;
    debug_assert!(left >= HEADER_BYTES, "the page before was closed");
    let mut rest = stored;
    let mut parts = 0;
    // One pass at least: a record may be empty.
    while parts == 0 || !rest.is_empty() {
        let (part, after) = rest.split_at(rest.len().min(left - HEADER_BYTES));
        let kind = match (parts == 0, after.is_empty()) {
            (true, true) => FULL,
            (true, false) => FIRST,
            (false, false) => MIDDLE,
            (false, true) => LAST,
        };
        out.push(kind | flag);
        out.extend_from_slice(&(part.len() as u16).to_be_bytes());
        out.extend_from_slice(&crc32c::crc32c(part).to_be_bytes());
        out.extend_from_slice(part);
        left -= HEADER_BYTES + part.len();
        if left < HEADER_BYTES {
            out.resize(out.len() + left, 0);
            left = PAGE_BYTES;
        }
        rest = after;
        parts += 1;
    }
    parts
}

/// Returns whether a record of `stored_len` bytes fits a segment that has `offset` bytes.
pub(super) fn fits(offset: u64, stored_len: usize, segment_bytes: u64) -> bool {
    let page = PAGE_BYTES as u64;
    let in_page = page - offset % page - HEADER_BYTES as u64;
    let Some(more_pages) = (segment_bytes / page).checked_sub(offset / page + 1) else { return false };
    stored_len as u64 <= in_page + more_pages * (page - HEADER_BYTES as u64)
}

/// Rounds up to the end of a page.
pub(super) fn page_end(offset: u64) -> u64 {
    offset.next_multiple_of(PAGE_BYTES as u64)
}
