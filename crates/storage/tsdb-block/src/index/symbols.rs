//! The symbol table: all texts of labels, sorted, referred to by number (version 1: by their place in the file).

use std::cmp::Ordering;

use firesteel_base::bytes::ByteCursor;

use super::IndexFile;
use crate::BlockError;

/// Every so many symbols have their place noted; the others are walked to.
const STRIDE: usize = 8;

/// Where symbols are. Numbers are those by which series refer to them.
#[derive(Debug)]
pub(crate) struct Symbols {
    /// Where the texts begin in the file.
    from: usize,
    to: usize,
    count: usize,
    /// Places of every `STRIDE`-th symbol, counted from `from`; in version 1 of all of them.
    places: Vec<u32>,
    by_place: bool,
}

impl Symbols {
    pub(super) fn read(file: &IndexFile, version: u8, offset: u64) -> Result<Self, BlockError> {
        let content = file.section(offset, "symbol table")?;
        let bytes = file.at(content.clone());
        let mut cursor = ByteCursor::new(bytes);
        let count = cursor.be32().map_err(|e| file.bad_field(content.start, e))? as usize;
        let by_place = version == 1;
        let stride = if by_place { 1 } else { STRIDE };
        // A symbol takes a byte at least, so a hostile count cannot ask for more memory than half the file.
        let mut places = Vec::with_capacity(count.min(bytes.len()).div_ceil(stride));
        for number in 0..count {
            if number % stride == 0 {
                places.push((cursor.position() - 4) as u32);
            }
            cursor.uvarint_bytes().map_err(|e| file.bad_field(content.start + cursor.position(), e))?;
        }
        Ok(Self { from: content.start + 4, to: content.end, count, places, by_place })
    }

    /// Returns what upstream calls the symbol table's size: eight bytes for every 32nd symbol.
    pub(crate) fn upstream_bytes(&self) -> u64 {
        self.count.div_ceil(32) as u64 * 8
    }

    /// Returns the text of a symbol.
    pub(crate) fn text<'a>(&self, file: &'a IndexFile, number: u32) -> Result<&'a str, BlockError> {
        let (at, bytes) = self.bytes(file, number)?;
        std::str::from_utf8(bytes).map_err(|_| file.bad(at, "symbol is not UTF-8"))
    }

    /// Returns the bytes of a symbol, and where they are.
    fn bytes<'a>(&self, file: &'a IndexFile, number: u32) -> Result<(usize, &'a [u8]), BlockError> {
        let unknown = || file.bad(self.from, format!("unknown symbol offset {number}"));
        let number = number as usize;
        if self.by_place {
            if !(self.from..self.to).contains(&number) {
                return Err(unknown());
            }
            return self.walk(file, number, 0);
        }
        if number >= self.count {
            return Err(unknown());
        }
        let place = *self.places.get(number / STRIDE).ok_or_else(unknown)?;
        self.walk(file, self.from + place as usize, number % STRIDE)
    }

    fn walk<'a>(&self, file: &'a IndexFile, at: usize, skip: usize) -> Result<(usize, &'a [u8]), BlockError> {
        let mut cursor = ByteCursor::new(file.at(at..self.to));
        for _ in 0..skip {
            cursor.uvarint_bytes().map_err(|e| file.bad_field(at, e))?;
        }
        let text = cursor.uvarint_bytes().map_err(|e| file.bad_field(at, e))?;
        Ok((at, text))
    }

    /// Returns the number of a text, if it is a symbol.
    pub(crate) fn number(&self, file: &IndexFile, text: &str) -> Result<Option<u32>, BlockError> {
        let (mut low, mut high) = (0, self.places.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let (_, found) = self.walk(file, self.from + self.places[middle] as usize, 0)?;
            if found <= text.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(sample) = low.checked_sub(1) else { return Ok(None) };
        let place = self.from + self.places[sample] as usize;
        if self.by_place {
            let (_, found) = self.walk(file, place, 0)?;
            return Ok((found == text.as_bytes()).then_some(place as u32));
        }
        let mut cursor = ByteCursor::new(file.at(place..self.to));
        for number in sample * STRIDE..self.count.min((sample + 1) * STRIDE) {
            let found = cursor.uvarint_bytes().map_err(|e| file.bad_field(place, e))?;
            match found.cmp(text.as_bytes()) {
                Ordering::Equal => return Ok(Some(number as u32)),
                Ordering::Greater => return Ok(None),
                Ordering::Less => {}
            }
        }
        Ok(None)
    }

    /// Returns a walk over all texts in order.
    pub(crate) fn walker(&self) -> SymbolWalker {
        SymbolWalker { at: self.from, to: self.to, left: self.count }
    }

    /// Returns the position of a symbol in the order of all, from the number by which series refer to it.
    #[inline]
    pub(crate) fn position(&self, file: &IndexFile, number: u32) -> Result<u32, BlockError> {
        if !self.by_place {
            return if (number as usize) < self.count {
                Ok(number)
            } else {
                Err(file.bad(self.from, format!("unknown symbol offset {number}")))
            };
        }
        let place = (number as usize).checked_sub(self.from).and_then(|p| u32::try_from(p).ok());
        place
            .and_then(|p| self.places.binary_search(&p).ok())
            .map(|position| position as u32)
            .ok_or_else(|| file.bad(self.from, format!("unknown symbol offset {number}")))
    }
}

/// Goes through the symbols once; holds no reference, so that its owner can own the file as well.
#[derive(Clone, Debug)]
pub(crate) struct SymbolWalker {
    at: usize,
    to: usize,
    left: usize,
}

impl SymbolWalker {
    pub(crate) fn next<'a>(&mut self, file: &'a IndexFile) -> Result<Option<&'a [u8]>, BlockError> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut cursor = ByteCursor::new(file.at(self.at..self.to));
        let text = cursor.uvarint_bytes().map_err(|e| file.bad_field(self.at, e))?;
        self.at += cursor.position();
        self.left -= 1;
        Ok(Some(text))
    }
}
