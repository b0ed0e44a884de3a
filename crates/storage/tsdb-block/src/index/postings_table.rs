//! The table that says where the series of each label pair are listed, sorted by name and value.
//!
//! In memory are one entry a name and the place of every sixteenth value. Where the table is not sorted (version 1) the
//! places of all values are kept, in order.

use std::cmp::Ordering;

use firesteel_base::bytes::ByteCursor;

use super::IndexFile;
use crate::BlockError;

const STRIDE: usize = 16;

#[derive(Debug)]
pub(crate) struct PostingsTable {
    /// Where the entries begin and end in the file.
    from: usize,
    to: usize,
    /// Sorted by name.
    names: Vec<Name>,
    /// Places of values, counted from `from`, name after name.
    places: Vec<u32>,
    stride: usize,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    /// Where the text is.
    at: usize,
    len: usize,
    /// The first of its places.
    first: usize,
    values: usize,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    name: &'a [u8],
    value: &'a [u8],
    postings: u64,
}

impl<'a> Entry<'a> {
    fn read(cursor: &mut ByteCursor<'a>, file: &IndexFile, from: usize) -> Result<Self, BlockError> {
        let at = from + cursor.position();
        let bad = |e| file.bad_field(at, e);
        let keys = cursor.uvarint().map_err(bad)?;
        if keys != 2 {
            return Err(file.bad(at, format!("unexpected number of keys for postings offset table {keys}")));
        }
        let name = cursor.uvarint_bytes().map_err(bad)?;
        let value = cursor.uvarint_bytes().map_err(bad)?;
        Ok(Self { name, value, postings: cursor.uvarint().map_err(bad)? })
    }
}

impl PostingsTable {
    pub(super) fn read(file: &IndexFile, offset: u64) -> Result<Self, BlockError> {
        let content = file.section(offset, "postings offset table")?;
        let mut head = ByteCursor::new(file.at(content.clone()));
        let count = head.be32().map_err(|e| file.bad_field(content.start, e))?;
        let from = content.start + 4;
        let mut table = Self { from, to: content.end, names: Vec::new(), places: Vec::new(), stride: STRIDE };
        if !table.sample(file, count)? {
            table.sort(file, count)?;
        }
        table.names.shrink_to_fit();
        table.places.shrink_to_fit();
        Ok(table)
    }

    /// Notes every sixteenth place; returns false when the table is out of order.
    fn sample(&mut self, file: &IndexFile, count: u32) -> Result<bool, BlockError> {
        let bytes = file.at(self.from..self.to);
        let mut cursor = ByteCursor::new(bytes);
        let mut last: Option<Entry<'_>> = None;
        for _ in 0..count {
            if cursor.is_empty() {
                break;
            }
            let place = cursor.position();
            let entry = Entry::read(&mut cursor, file, self.from)?;
            let same_name = match last {
                Some(last) => match last.name.cmp(entry.name) {
                    Ordering::Less => false,
                    Ordering::Equal if last.value < entry.value => true,
                    _ => return Ok(false),
                },
                None => false,
            };
            if !same_name {
                self.push_name(bytes, entry.name);
            }
            if let Some(name) = self.names.last_mut() {
                if name.values % STRIDE == 0 {
                    self.places.push(place as u32);
                }
                name.values += 1;
            }
            last = Some(entry);
        }
        Ok(true)
    }

    /// Notes all places, in order.
    fn sort(&mut self, file: &IndexFile, count: u32) -> Result<(), BlockError> {
        self.names.clear();
        self.places.clear();
        self.stride = 1;
        let bytes = file.at(self.from..self.to);
        let mut cursor = ByteCursor::new(bytes);
        let mut entries = Vec::new();
        for _ in 0..count {
            if cursor.is_empty() {
                break;
            }
            let place = cursor.position() as u32;
            let entry = Entry::read(&mut cursor, file, self.from)?;
            entries.push((entry.name, entry.value, place));
        }
        entries.sort();
        let mut last: Option<&[u8]> = None;
        for (name, _, place) in entries {
            if last != Some(name) {
                self.push_name(bytes, name);
                last = Some(name);
            }
            self.places.push(place);
            if let Some(name) = self.names.last_mut() {
                name.values += 1;
            }
        }
        Ok(())
    }

    fn push_name(&mut self, bytes: &[u8], text: &[u8]) {
        // `text` lies within `bytes`.
        let at = self.from + (text.as_ptr() as usize - bytes.as_ptr() as usize);
        self.names.push(Name { at, len: text.len(), first: self.places.len(), values: 0 });
    }

    /// Returns all label names in order.
    pub(crate) fn names<'a>(&'a self, file: &'a IndexFile) -> impl Iterator<Item = &'a [u8]> {
        self.names.iter().map(|n| file.at(n.at..n.at + n.len)).filter(|n| !n.is_empty())
    }

    fn name(&self, file: &IndexFile, text: &str) -> Option<&Name> {
        let found = self.names.binary_search_by(|n| file.at(n.at..n.at + n.len).cmp(text.as_bytes()));
        found.ok().map(|at| &self.names[at])
    }

    /// Returns how many values a name has.
    pub(crate) fn value_count(&self, file: &IndexFile, name: &str) -> usize {
        self.name(file, name).map_or(0, |n| n.values)
    }

    /// Returns where the series of a pair are listed.
    pub(crate) fn find(&self, file: &IndexFile, name: &str, value: &str) -> Result<Option<u64>, BlockError> {
        match self.values_from(file, name, value)?.next() {
            Some(Ok((found, postings))) if found == value.as_bytes() => Ok(Some(postings)),
            Some(Err(e)) => Err(e),
            _ => Ok(None),
        }
    }

    /// Returns the values of a name in order, each with the place of its postings.
    pub(crate) fn values<'a>(&'a self, file: &'a IndexFile, name: &str) -> Values<'a> {
        self.name(file, name).map_or_else(|| Values::none(self, file), |n| Values::new(self, file, n, 0))
    }

    /// Returns the values of a name from `least` on.
    pub(crate) fn values_from<'a>(
        &'a self,
        file: &'a IndexFile,
        name: &str,
        least: &str,
    ) -> Result<Values<'a>, BlockError> {
        let Some(name) = self.name(file, name) else { return Ok(Values::none(self, file)) };
        let (mut low, mut high) = (0, name.values.div_ceil(self.stride));
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.entry(file, name.first + middle)?.value <= least.as_bytes() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut values = Values::new(self, file, name, low.saturating_sub(1));
        loop {
            let before = values.clone();
            match values.next() {
                Some(Ok((value, _))) if value < least.as_bytes() => {}
                Some(Err(e)) => return Err(e),
                _ => return Ok(before),
            }
        }
    }

    fn entry<'a>(&self, file: &'a IndexFile, place: usize) -> Result<Entry<'a>, BlockError> {
        let at = self.from + self.places.get(place).map_or(0, |&p| p as usize);
        Entry::read(&mut ByteCursor::new(file.at(at..self.to)), file, at)
    }
}

/// The values of one name.
#[derive(Clone, Debug)]
pub(crate) struct Values<'a> {
    table: &'a PostingsTable,
    file: &'a IndexFile,
    cursor: ByteCursor<'a>,
    /// Where the cursor began.
    at: usize,
    place: usize,
    in_stride: usize,
    left: usize,
}

impl<'a> Values<'a> {
    fn none(table: &'a PostingsTable, file: &'a IndexFile) -> Self {
        Self { table, file, cursor: ByteCursor::new(&[]), at: 0, place: 0, in_stride: 0, left: 0 }
    }

    fn new(table: &'a PostingsTable, file: &'a IndexFile, name: &Name, sample: usize) -> Self {
        let left = name.values.saturating_sub(sample * table.stride);
        Self { left, place: name.first + sample, ..Self::none(table, file) }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<(&'a [u8], u64), BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        if self.in_stride == 0 {
            let Some(&place) = self.table.places.get(self.place) else {
                self.left = 0;
                return None;
            };
            self.at = self.table.from + place as usize;
            self.cursor = ByteCursor::new(self.file.at(self.at..self.table.to));
            self.place += 1;
            self.in_stride = self.table.stride;
        }
        self.in_stride -= 1;
        match Entry::read(&mut self.cursor, self.file, self.at) {
            Ok(entry) => Some(Ok((entry.value, entry.postings))),
            Err(e) => {
                self.left = 0;
                Some(Err(e))
            }
        }
    }
}
