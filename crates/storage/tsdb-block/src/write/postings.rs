//! Makes postings out of a series section that was just written, and the table of their places.

use std::ops::Range;
use std::path::PathBuf;

use firesteel_base::bytes::{ByteCursor, ByteError, put_uvarint, put_uvarint_bytes};
use firesteel_base::vfs::Mapped;

use super::index_writer::{SYMBOL_STRIDE, too_large};
use super::output::Output;
use super::pairs::Pairs;
use crate::index::SERIES_ALIGN;
use crate::{BlockError, LabelSymbols};

/// So many numbers are collected in one walk over the series: 16 MiB. A pair with more takes a walk of its own.
pub(super) const NUMBERS_PER_WALK: usize = 4 << 20;
/// Pages behind a walk are given back after so many bytes.
const RELEASE_BYTES: usize = 4 << 20;
/// A list in the file is a length, a count, its numbers, a checksum.
const LIST_EXTRA_BYTES: u64 = 12;

pub(super) struct PostingsMaker<'a> {
    pub(super) written: Mapped,
    pub(super) path: PathBuf,
    /// Where the series are.
    pub(super) series: Range<usize>,
    pub(super) series_count: u32,
    pub(super) symbol_places: &'a [u64],
    pub(super) symbols_end: usize,
    /// Sorted.
    pub(super) pairs: &'a mut Pairs,
    pub(super) numbers_per_walk: usize,
}

impl PostingsMaker<'_> {
    /// Writes all lists: that of all series, then one a pair in order.
    pub(super) fn write_lists(&mut self, out: &mut Output) -> Result<(), BlockError> {
        let mut all = Vec::with_capacity(self.series_count as usize);
        self.walk(false, |id, _, _, _| all.push(id))?;
        let mut scratch = Vec::new();
        write_list(out, &all, &mut scratch)?;
        let mut numbers = all;
        let mut from = 0;
        while from < self.pairs.all().len() {
            let (mut to, mut total) = (from, 0);
            let mut ends = Vec::new();
            while let Some(pair) = self.pairs.all().get(to) {
                let count = pair.count as usize;
                if to > from && total + count > self.numbers_per_walk {
                    break;
                }
                // Where the list begins now is where it ends once it is full.
                ends.push(total);
                total += count;
                to += 1;
            }
            numbers.clear();
            numbers.resize(total, 0);
            self.walk(true, |id, i, label, pairs| {
                let place = pairs.place(i, label).and_then(|place| (place as usize).checked_sub(from));
                if let Some(end) = place.and_then(|place| ends.get_mut(place)) {
                    if let Some(number) = numbers.get_mut(*end) {
                        *number = id;
                    }
                    *end += 1;
                }
            })?;
            let mut start = 0;
            for end in ends {
                write_list(out, numbers.get(start..end).unwrap_or(&[]), &mut scratch)?;
                start = end;
            }
            from = to;
        }
        Ok(())
    }

    /// Writes the offset table. Lists lie one behind the other from `start` on, so their places follow from the counts.
    pub(super) fn write_table(&self, out: &mut Output, start: u64) -> Result<(), BlockError> {
        let begin = out.position();
        let count = u32::try_from(self.pairs.all().len() + 1).map_err(|_| too_large("postings offset table"))?;
        out.write(&[0; 4])?;
        out.write(&count.to_be_bytes())?;
        let mut sum = crc32c::crc32c(&count.to_be_bytes());
        let mut place = start;
        let mut entry = Vec::new();
        let mut put = |out: &mut Output, name: &[u8], value: &[u8], count: u32| {
            entry.clear();
            put_uvarint(&mut entry, 2);
            put_uvarint_bytes(&mut entry, name);
            put_uvarint_bytes(&mut entry, value);
            put_uvarint(&mut entry, place);
            place += LIST_EXTRA_BYTES + u64::from(count) * 4;
            sum = crc32c::crc32c_append(sum, &entry);
            out.write(&entry)
        };
        put(out, b"", b"", self.series_count)?;
        let mut names = SymbolFinder::new(self);
        let mut values = SymbolFinder::new(self);
        for pair in self.pairs.all() {
            put(out, names.text(pair.label.0)?, values.text(pair.label.1)?, pair.count)?;
        }
        let len = u32::try_from(out.position() - begin - 4).map_err(|_| too_large("postings offset table"))?;
        out.fill_in(begin, &len.to_be_bytes())?;
        out.write(&sum.to_be_bytes())
    }

    /// Visits each series with its number, and if wanted each of its labels with its place; else once, with no label.
    fn walk(
        &mut self,
        labels: bool,
        mut visit: impl FnMut(u32, usize, LabelSymbols, &mut Pairs),
    ) -> Result<(), BlockError> {
        let Self { written, path, series, pairs, .. } = self;
        let bytes = written.get(..series.end).unwrap_or(&[]);
        let (mut at, mut released) = (series.start, series.start);
        while at < series.end {
            // Behind each series come zeros up to the next.
            at = at.next_multiple_of(SERIES_ALIGN);
            let bad = |e: ByteError| BlockError::corrupt(path, at as u64, e.to_string());
            let mut cursor = ByteCursor::new(bytes.get(at..).unwrap_or(&[]));
            let body = cursor.uvarint_bytes().map_err(bad)?;
            cursor.take(4).map_err(bad)?;
            let id = (at / SERIES_ALIGN) as u32;
            if labels {
                let mut body = ByteCursor::new(body);
                for i in 0..body.uvarint().map_err(bad)? as usize {
                    let name = body.uvarint().map_err(bad)? as u32;
                    let value = body.uvarint().map_err(bad)? as u32;
                    visit(id, i, (name, value), pairs);
                }
            } else {
                visit(id, 0, (0, 0), pairs);
            }
            at += cursor.position();
            if at - released >= RELEASE_BYTES {
                written.release(released..at);
                released = at;
            }
        }
        Ok(())
    }
}

fn write_list(out: &mut Output, ids: &[u32], scratch: &mut Vec<u8>) -> Result<(), BlockError> {
    let count = u32::try_from(ids.len()).map_err(|_| too_large("postings"))?;
    let len = u32::try_from(4 + ids.len() as u64 * 4).map_err(|_| too_large("postings"))?;
    out.write(&len.to_be_bytes())?;
    out.write(&count.to_be_bytes())?;
    let mut sum = crc32c::crc32c(&count.to_be_bytes());
    for ids in ids.chunks(4096) {
        scratch.clear();
        scratch.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
        sum = crc32c::crc32c_append(sum, scratch);
        out.write(scratch)?;
    }
    out.write(&sum.to_be_bytes())
}

/// Finds texts of symbols asked for in about ascending order.
struct SymbolFinder<'a> {
    maker: &'a PostingsMaker<'a>,
    number: u32,
    /// Behind the symbol `number`.
    next: usize,
    text: Range<usize>,
    known: bool,
}

impl<'a> SymbolFinder<'a> {
    fn new(maker: &'a PostingsMaker<'a>) -> Self {
        Self { maker, number: 0, next: 0, text: 0..0, known: false }
    }

    fn text(&mut self, wanted: u32) -> Result<&'a [u8], BlockError> {
        let maker = self.maker;
        let bytes = maker.written.get(..maker.symbols_end).unwrap_or(&[]);
        if !(self.known && self.number == wanted) {
            let stride = wanted as usize / SYMBOL_STRIDE;
            let mut left = wanted as usize % SYMBOL_STRIDE;
            let mut at = maker.symbol_places.get(stride).map_or(bytes.len(), |&place| place as usize);
            if self.known && self.number < wanted && self.number as usize / SYMBOL_STRIDE == stride {
                left = (wanted - self.number) as usize - 1;
                at = self.next;
            }
            let mut cursor = ByteCursor::new(bytes.get(at..).unwrap_or(&[]));
            let bad = |e: ByteError| BlockError::corrupt(&maker.path, at as u64, e.to_string());
            for _ in 0..left {
                cursor.uvarint_bytes().map_err(bad)?;
            }
            let len = cursor.uvarint_bytes().map_err(bad)?.len();
            self.next = at + cursor.position();
            self.text = self.next - len..self.next;
            (self.number, self.known) = (wanted, true);
        }
        Ok(bytes.get(self.text.clone()).unwrap_or(&[]))
    }
}
