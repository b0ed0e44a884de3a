//! The index of a block: symbols, series, postings. Versions 1, 2 and 3 are read; 2 is written. Format:
//! `docs/format/index.md`.
//!
//! Nothing is copied out of the file but samples of offsets: a name, a value or a list of series is found by a search in
//! the samples and a short walk in the file.

mod file;
mod postings_table;
mod reader;
mod series_entry;
mod symbols;
mod toc;

pub(crate) use file::IndexFile;
pub(crate) use reader::{Index, LabelReader};
pub(crate) use series_entry::ChunkMeta;
pub(crate) use symbols::SymbolWalker;
pub(crate) use toc::Toc;

/// The file's name within a block.
pub(crate) const INDEX_FILE: &str = "index";
pub(crate) const MAGIC: u32 = 0xBAAA_D700;
/// The version that is written.
pub(crate) const VERSION_2: u8 = 2;
pub(crate) const HEADER_BYTES: usize = 5;
/// Series begin at multiples of this, so that their numbers fit four bytes.
pub(crate) const SERIES_ALIGN: usize = 16;
