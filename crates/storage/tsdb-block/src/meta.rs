//! `meta.json`: what a block holds and what it was made of. Format: `docs/format/meta.md`.

use std::path::Path;

use firesteel_base::vfs::Vfs;
use firesteel_base::{TimeRange, TimestampMs};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use ulid::Ulid;

use crate::BlockError;

/// The file's name within a block.
pub const META_FILE: &str = "meta.json";
const VERSION: u32 = 1;

/// All of a block's `meta.json`, in upstream's order (`tsdb/block.go`, `BlockMeta`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockMeta {
    pub ulid: Ulid,
    /// No sample is older, in milliseconds.
    pub min_time: i64,
    /// All samples are older than this, in milliseconds.
    pub max_time: i64,
    #[serde(default)]
    pub stats: BlockStats,
    #[serde(default)]
    pub compaction: Compaction,
    #[serde(default)]
    pub version: u32,
    /// Keys of other programs, such as `thanos`; written back as they were.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Counts of a block's content. Zeros are not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockStats {
    #[serde(skip_serializing_if = "is_zero")]
    pub num_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_float_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_histogram_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_series: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_chunks: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_tombstones: u64,
}

/// Which compactions a block went through.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// 1 for what the head wrote; one more than the highest parent's after each compaction.
    pub level: u32,
    /// The blocks of level 1 that went into this one, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub sources: Vec<Ulid>,
    /// Compaction left nothing of it: to be deleted at the next reload.
    #[serde(skip_serializing_if = "is_false")]
    pub deletable: bool,
    /// The blocks that this one was made of directly.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub parents: Vec<BlockDesc>,
    /// A compaction of this block failed; it is not planned again.
    #[serde(skip_serializing_if = "is_false")]
    pub failed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub hints: Vec<String>,
}

/// A parent in a few words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockDesc {
    pub ulid: Ulid,
    #[serde(default)]
    pub min_time: i64,
    #[serde(default)]
    pub max_time: i64,
}

/// What a block was made of, if not of the head's ordered samples.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hint {
    OutOfOrder,
    SelectedSeries,
    StaleSeries,
}

impl Hint {
    /// Returns the text that stands in `meta.json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutOfOrder => "from-out-of-order",
            Self::SelectedSeries => "from-selected-series",
            Self::StaleSeries => "from-stale-series",
        }
    }
}

impl Compaction {
    /// Returns whether the hint is there.
    pub fn has(&self, hint: Hint) -> bool {
        self.hints.iter().any(|h| h == hint.as_str())
    }

    /// Adds a hint once; hints stay sorted.
    pub fn set(&mut self, hint: Hint) {
        if !self.has(hint) {
            self.hints.push(hint.as_str().to_owned());
            self.hints.sort_unstable();
        }
    }
}

impl BlockMeta {
    /// Returns the description that a block made of this one keeps.
    pub fn desc(&self) -> BlockDesc {
        BlockDesc { ulid: self.ulid, min_time: self.min_time, max_time: self.max_time }
    }

    /// Returns the times at which there may be samples, ends included.
    pub fn range(&self) -> TimeRange {
        TimeRange { min: TimestampMs(self.min_time), max: TimestampMs(self.max_time.saturating_sub(1)) }
    }

    /// Parses the file's bytes, `path` being only for errors.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, BlockError> {
        let meta = Self::parse_any_version(bytes, path)?;
        if meta.version != VERSION {
            let what = format!("unexpected meta file version {}", meta.version);
            return Err(BlockError::Meta { path: path.to_owned(), what });
        }
        Ok(meta)
    }

    pub(crate) fn parse_any_version(bytes: &[u8], path: &Path) -> Result<Self, BlockError> {
        serde_json::from_slice(bytes).map_err(|e| BlockError::Meta { path: path.to_owned(), what: e.to_string() })
    }

    /// Reads a block's `meta.json`; returns its length as well.
    pub fn read(vfs: &dyn Vfs, dir: &Path) -> Result<(Self, u64), BlockError> {
        let path = dir.join(META_FILE);
        let bytes = vfs.read(&path).map_err(BlockError::io("read", &path))?;
        Ok((Self::parse(&bytes, &path)?, bytes.len() as u64))
    }

    /// Returns the file's bytes as upstream writes them: tabs, version last but for keys of others.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, format);
        let meta = Self { version: VERSION, ..self.clone() };
        meta.serialize(&mut serializer).expect("plain fields and a map with text keys go into memory");
        out
    }

    /// Puts the file in the place of the one before, in one step; returns its length.
    pub fn write(&self, vfs: &dyn Vfs, dir: &Path) -> Result<u64, BlockError> {
        let path = dir.join(META_FILE);
        let bytes = self.to_json();
        vfs.replace(&path, &bytes).map_err(BlockError::io("write", &path))?;
        Ok(bytes.len() as u64)
    }
}

/// Go writes an absent list as `null` where it has no `omitempty`.
fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(b: &bool) -> bool {
    !*b
}
