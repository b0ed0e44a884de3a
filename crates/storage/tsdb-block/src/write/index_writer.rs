//! Writes an index of version 2, as upstream 3.14 does: symbols, series, postings, offset table, table of contents.
//!
//! In memory are the distinct label pairs with their counts, never the labels of series; postings are made afterwards from
//! the series section itself, as many at a time as a bound allows.

use std::path::PathBuf;

use firesteel_base::bytes::{put_uvarint, put_uvarint_bytes, put_varint};
use firesteel_base::vfs::Vfs;

use super::output::Output;
use super::pairs::Pairs;
use super::postings::{NUMBERS_PER_WALK, PostingsMaker};
use crate::index::{ChunkMeta, MAGIC, SERIES_ALIGN, Toc, VERSION_2};
use crate::{BlockError, LabelSymbols};

/// Every so many symbols have their place noted, to find their texts again.
pub(super) const SYMBOL_STRIDE: usize = 32;

#[derive(Debug)]
pub(super) struct IndexWriter {
    out: Output,
    toc: Toc,
    symbols: SymbolsState,
    pairs: Pairs,
    last_labels: Vec<LabelSymbols>,
    last_reference: u64,
    series: u32,
    head: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Debug, Default)]
struct SymbolsState {
    count: u32,
    sum: u32,
    last: Vec<u8>,
    /// Places of every `SYMBOL_STRIDE`-th symbol in the file.
    places: Vec<u64>,
    done: bool,
}

impl IndexWriter {
    pub(super) fn create(vfs: &dyn Vfs, path: PathBuf) -> Result<Self, BlockError> {
        let mut out = Output::create(vfs, path)?;
        out.write(&MAGIC.to_be_bytes())?;
        out.write(&[VERSION_2])?;
        let toc = Toc { symbols: out.position(), ..Toc::default() };
        // Length and count come when they are known.
        out.write(&[0; 8])?;
        Ok(Self {
            out,
            toc,
            symbols: SymbolsState::default(),
            pairs: Pairs::default(),
            last_labels: Vec::new(),
            last_reference: 0,
            series: 0,
            head: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Adds a symbol; they must ascend.
    pub(super) fn add_symbol(&mut self, text: &[u8]) -> Result<(), BlockError> {
        let symbols = &mut self.symbols;
        if symbols.count > 0 && text <= symbols.last.as_slice() {
            let text = String::from_utf8_lossy(text);
            return Err(BlockError::Source(format!("symbol {text:?} out-of-order")));
        }
        symbols.last.clear();
        symbols.last.extend_from_slice(text);
        if (symbols.count as usize).is_multiple_of(SYMBOL_STRIDE) {
            symbols.places.push(self.out.position());
        }
        symbols.count = symbols.count.checked_add(1).ok_or(too_large("symbol table"))?;
        self.head.clear();
        put_uvarint_bytes(&mut self.head, text);
        symbols.sum = crc32c::crc32c_append(symbols.sum, &self.head);
        self.out.write(&self.head)
    }

    fn finish_symbols(&mut self) -> Result<(), BlockError> {
        let symbols = &mut self.symbols;
        symbols.done = true;
        let texts = self.out.position() - self.toc.symbols - 8;
        let len = u32::try_from(texts + 4).map_err(|_| too_large("symbol table"))?;
        let count = symbols.count.to_be_bytes();
        let sum = crc32c::crc32c_combine(crc32c::crc32c(&count), symbols.sum, texts as usize);
        let mut head = [0; 8];
        head[..4].copy_from_slice(&len.to_be_bytes());
        head[4..].copy_from_slice(&count);
        self.out.fill_in(self.toc.symbols, &head)?;
        self.out.write(&sum.to_be_bytes())?;
        self.toc.series = self.out.position();
        Ok(())
    }

    /// Adds a series; they must ascend, as must its chunks, which are at least one.
    pub(super) fn add_series(&mut self, labels: &[LabelSymbols], chunks: &[ChunkMeta]) -> Result<(), BlockError> {
        if !self.symbols.done {
            self.finish_symbols()?;
        }
        self.check(labels, chunks)?;
        self.out.pad(SERIES_ALIGN)?;
        if u32::try_from(self.out.position() / SERIES_ALIGN as u64).is_err() {
            return Err(BlockError::TooLarge { what: "index", limit: 64 << 30 });
        }
        let body = &mut self.body;
        body.clear();
        put_uvarint(body, labels.len() as u64);
        for &(name, value) in labels {
            put_uvarint(body, u64::from(name));
            put_uvarint(body, u64::from(value));
        }
        put_uvarint(body, chunks.len() as u64);
        let mut before: Option<&ChunkMeta> = None;
        for chunk in chunks {
            match before {
                None => put_varint(body, chunk.min),
                Some(before) => put_uvarint(body, chunk.min.wrapping_sub(before.max) as u64),
            }
            put_uvarint(body, chunk.max.wrapping_sub(chunk.min) as u64);
            match before {
                None => put_uvarint(body, chunk.reference),
                Some(before) => put_varint(body, chunk.reference.wrapping_sub(before.reference) as i64),
            }
            before = Some(chunk);
        }
        self.head.clear();
        put_uvarint(&mut self.head, body.len() as u64);
        self.out.write(&self.head)?;
        self.out.write(body)?;
        self.out.write(&crc32c::crc32c(body).to_be_bytes())?;
        self.pairs.count(labels);
        self.series += 1;
        self.last_labels.clear();
        self.last_labels.extend_from_slice(labels);
        if let Some(last) = chunks.last() {
            self.last_reference = last.reference;
        }
        Ok(())
    }

    fn check(&self, labels: &[LabelSymbols], chunks: &[ChunkMeta]) -> Result<(), BlockError> {
        let fault = |what: String| Err(BlockError::Source(what));
        if labels.is_empty() || labels <= self.last_labels.as_slice() {
            return fault(format!("out-of-order series added with label symbols {labels:?}"));
        }
        if labels.iter().any(|&(name, value)| name >= self.symbols.count || value >= self.symbols.count) {
            return fault(format!("series with unknown symbol among {labels:?}"));
        }
        let mut last_max = None;
        let mut last_reference = self.last_reference;
        for chunk in chunks {
            if chunk.reference < last_reference {
                return fault(format!("unsorted chunk reference: {}, previous: {last_reference}", chunk.reference));
            }
            if let Some(last) = last_max.filter(|&last| chunk.min <= last) {
                return fault(format!("chunk minT {} is not higher than previous chunk maxT {last}", chunk.min));
            }
            if chunk.max < chunk.min {
                return fault(format!("chunk maxT {} is less than minT {}", chunk.max, chunk.min));
            }
            (last_max, last_reference) = (Some(chunk.max), chunk.reference);
        }
        Ok(())
    }

    /// Writes what follows the series and makes the file safe; returns its length.
    pub(super) fn finish(self) -> Result<u64, BlockError> {
        self.finish_by(NUMBERS_PER_WALK)
    }

    /// Does so with at most so many numbers of postings in memory, unless a single pair has more.
    fn finish_by(mut self, numbers_per_walk: usize) -> Result<u64, BlockError> {
        if !self.symbols.done {
            self.finish_symbols()?;
        }
        self.toc.label_indices = self.out.position();
        self.toc.postings = self.out.position();
        self.pairs.sort();
        let mut maker = PostingsMaker {
            written: self.out.written()?,
            path: self.out.path().to_owned(),
            series: self.toc.series as usize..self.toc.label_indices as usize,
            series_count: self.series,
            symbol_places: &self.symbols.places,
            symbols_end: self.toc.series as usize - 4,
            pairs: &mut self.pairs,
            numbers_per_walk,
        };
        self.out.pad(4)?;
        let start = self.out.position();
        maker.write_lists(&mut self.out)?;
        self.toc.postings_table = self.out.position();
        self.toc.label_indices_table = self.out.position();
        maker.write_table(&mut self.out, start)?;
        self.out.write(&self.toc.encode())?;
        self.out.finish()
    }
}

pub(super) fn too_large(what: &'static str) -> BlockError {
    BlockError::TooLarge { what, limit: u64::from(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use firesteel_base::vfs::FaultVfs;

    use super::*;

    /// Writes 700 series of three labels with at most so many numbers in memory.
    fn write(numbers_per_walk: usize) -> Vec<u8> {
        let vfs = FaultVfs::new();
        vfs.create_dir_all(Path::new("/b")).expect("a directory");
        let mut writer = IndexWriter::create(&vfs, "/b/index".into()).expect("a file");
        let mut texts: Vec<String> = (0..700).map(|i| format!("v{i:03}")).collect();
        texts.extend(["a", "b", "c"].map(str::to_owned));
        texts.sort_unstable();
        for text in &texts {
            writer.add_symbol(text.as_bytes()).expect("in order");
        }
        let number = |text: &str| texts.iter().position(|t| t == text).expect("a symbol") as u32;
        let value = |i: usize| number(&format!("v{i:03}"));
        let mut series: Vec<[LabelSymbols; 3]> = (0..700)
            .map(|i| [(number("a"), value(i * 37 % 10)), (number("b"), value(i)), (number("c"), value(i % 2))])
            .collect();
        series.sort_unstable();
        for (i, labels) in series.iter().enumerate() {
            writer.add_series(labels, &[ChunkMeta { min: 1, max: 2, reference: i as u64 * 100 }]).expect("in order");
        }
        let len = writer.finish_by(numbers_per_walk).expect("a file");
        let bytes = (&vfs as &dyn Vfs).read(Path::new("/b/index")).expect("a read");
        assert_eq!(bytes.len() as u64, len);
        bytes
    }

    #[test]
    fn postings_are_the_same_however_often_the_series_are_walked() {
        let once = write(NUMBERS_PER_WALK);
        for numbers in [0, 1, 71, 500, 2099, 2100] {
            assert!(write(numbers) == once, "{numbers}");
        }
    }
}
