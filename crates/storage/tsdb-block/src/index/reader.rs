//! An open index.

use std::ops::Range;
use std::path::Path;

use firesteel_base::vfs::Vfs;
use firesteel_model::{Labels, push_packed};
use firesteel_storage::LabelsWanted;

use super::postings_table::PostingsTable;
use super::series_entry::SeriesEntry;
use super::symbols::Symbols;
use super::{IndexFile, SERIES_ALIGN, Toc};
use crate::BlockError;
use crate::ids::IdList;

/// Finds symbols, pairs, postings and series. Checksums of symbols and of the postings table are verified when it is
/// opened, those of lists and series whenever they are read.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) file: IndexFile,
    pub(crate) toc: Toc,
    pub(crate) symbols: Symbols,
    pub(crate) table: PostingsTable,
    version: u8,
}

impl Index {
    pub(crate) fn open(vfs: &dyn Vfs, path: &Path) -> Result<Self, BlockError> {
        Self::new(IndexFile::open(vfs, path)?)
    }

    pub(crate) fn new(file: IndexFile) -> Result<Self, BlockError> {
        let (version, toc) = Toc::read(&file)?;
        let symbols = Symbols::read(&file, version, toc.symbols)?;
        let table = PostingsTable::read(&file, toc.postings_table)?;
        Ok(Self { file, toc, symbols, table, version })
    }

    pub(crate) fn version(&self) -> u8 {
        self.version
    }

    /// Returns the offset of a series from its number in postings.
    fn offset(&self, id: u32) -> usize {
        if self.version == 1 { id as usize } else { id as usize * SERIES_ALIGN }
    }

    pub(crate) fn series(&self, id: u32) -> Result<SeriesEntry<'_>, BlockError> {
        SeriesEntry::read(&self.file, self.offset(id))
    }

    /// Returns where the entry of a series ends.
    pub(crate) fn series_end(&self, id: u32) -> Result<usize, BlockError> {
        SeriesEntry::end(&self.file, self.offset(id))
    }

    /// Returns where the list of all series lies in the file, its checksum verified.
    pub(crate) fn all_series(&self) -> Result<Range<usize>, BlockError> {
        let Some(offset) = self.table.find(&self.file, "", "")? else { return Ok(0..0) };
        let count = self.list(offset)?.len();
        // Behind a length and a count of four bytes each, which `list` has seen.
        let from = offset as usize + 8;
        Ok(from..from + count * 4)
    }

    /// Returns the series that have a pair; none when the pair is unknown. The empty pair stands for all series.
    pub(crate) fn postings(&self, name: &str, value: &str) -> Result<IdList<'_>, BlockError> {
        match self.table.find(&self.file, name, value)? {
            Some(offset) => self.list(offset),
            None => Ok(IdList::EMPTY),
        }
    }

    /// Returns the list at an offset that the table gave.
    pub(crate) fn list(&self, offset: u64) -> Result<IdList<'_>, BlockError> {
        let content = self.file.section(offset, "postings")?;
        let bytes = self.file.at(content.clone());
        let (count, ids) = bytes.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let count = u32::from_be_bytes(*count) as usize;
        let (ids, rest) = ids.as_chunks::<4>();
        if ids.len() != count || !rest.is_empty() || bytes.len() < 4 {
            let what = format!(
                "unexpected postings length, should be {} bytes for {count} postings, got {} bytes",
                count * 4,
                bytes.len().saturating_sub(4)
            );
            return Err(self.file.bad(content.start, what));
        }
        Ok(IdList::Disk(ids))
    }
}

/// Builds label sets; remembers the texts of the series before, most of which come again.
#[derive(Debug, Default)]
pub(crate) struct LabelReader<'a> {
    /// The numbers of the names that are wanted; `None` = all are.
    wanted: Option<Vec<u32>>,
    /// The wanted labels of the series before, as numbers and as a set.
    last: Option<(Vec<(u32, u32)>, Labels)>,
    known: Vec<Known<'a>>,
    symbols: Vec<(u32, u32)>,
    packed: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Known<'a> {
    name: (u32, &'a str),
    value: (u32, &'a str),
}

impl<'a> LabelReader<'a> {
    /// Returns a reader of these labels.
    pub(crate) fn of(index: &Index, wanted: LabelsWanted<'_>) -> Result<Self, BlockError> {
        let wanted = match wanted {
            LabelsWanted::All => None,
            LabelsWanted::Only(names) => {
                let mut numbers = Vec::with_capacity(names.len());
                for name in names {
                    numbers.extend(index.symbols.number(&index.file, name)?);
                }
                Some(numbers)
            }
        };
        Ok(Self { wanted, ..Self::default() })
    }

    /// Reads the labels off an entry.
    pub(crate) fn read(&mut self, index: &'a Index, entry: &mut SeriesEntry<'_>) -> Result<Labels, BlockError> {
        let Self { wanted, last, known, symbols, packed } = self;
        symbols.clear();
        match wanted {
            None => entry.labels(|pair| symbols.push(pair))?,
            Some(wanted) => {
                entry.labels(|pair| {
                    if wanted.contains(&pair.0) {
                        symbols.push(pair);
                    }
                })?;
                if let Some((_, labels)) = last.as_ref().filter(|(known, _)| known == symbols) {
                    return Ok(labels.clone());
                }
            }
        }
        packed.clear();
        for (i, &(name, value)) in symbols.iter().enumerate() {
            let before = known.get(i).copied();
            let name = match before {
                Some(k) if k.name.0 == name => k.name,
                _ => (name, index.symbols.text(&index.file, name)?),
            };
            let value = match before {
                Some(k) if k.value.0 == value => k.value,
                _ => (value, index.symbols.text(&index.file, value)?),
            };
            match known.get_mut(i) {
                Some(k) => *k = Known { name, value },
                None => known.push(Known { name, value }),
            }
            push_packed(packed, name.1);
            push_packed(packed, value.1);
        }
        let labels = Labels::from_packed(packed);
        if wanted.is_some() {
            *last = Some((symbols.clone(), labels.clone()));
        }
        Ok(labels)
    }
}
