//! Files of a block: opened, queried, walked.

use std::path::Path;
use std::sync::OnceLock;

use firesteel_base::TimeRange;
use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_model::{MatchType, Matcher};
use firesteel_storage::{Queryable, Selection};
use firesteel_tsdb_block::{Block, BlockMeta, SeriesSource, SourceSeries, Tombstones};

/// The files of a whole block, from the kept corpora; one of them is replaced by what is tried.
fn files() -> &'static [(&'static str, Vec<u8>)] {
    static FILES: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        vec![
            ("meta.json", include_bytes!("../corpus/block_meta/small").to_vec()),
            ("index", include_bytes!("../corpus/block_index/small").to_vec()),
            ("chunks/000001", include_bytes!("../corpus/block_chunks/small").to_vec()),
            ("tombstones", include_bytes!("../corpus/block_tombstones/some").to_vec()),
        ]
    })
}

/// The bytes are the index of a block.
pub fn block_index(data: &[u8]) {
    walk("index", data);
}

/// The bytes are a chunk segment of a block.
pub fn block_chunks(data: &[u8]) {
    walk("chunks/000001", data);
}

/// The bytes are the tombstones of a block.
pub fn block_tombstones(data: &[u8]) {
    if let Ok(stones) = Tombstones::parse(data, Path::new("tombstones")) {
        let again = Tombstones::parse(&stones.encode(), Path::new("tombstones"));
        assert_eq!(again.expect("what was encoded"), stones);
        walk("tombstones", data);
    }
}

/// The bytes are the `meta.json` of a block.
pub fn block_meta(data: &[u8]) {
    if let Ok(meta) = BlockMeta::parse(data, Path::new("meta.json")) {
        let again = BlockMeta::parse(&meta.to_json(), Path::new("meta.json"));
        assert_eq!(again.expect("what was encoded").ulid, meta.ulid);
        walk("meta.json", data);
    }
}

fn walk(name: &str, data: &[u8]) {
    let (vfs, dir) = (FaultVfs::new(), Path::new("/block"));
    vfs.create_dir_all(&dir.join("chunks")).expect("in memory");
    for (file, whole) in files() {
        let bytes = if *file == name { data } else { whole };
        vfs.create(&dir.join(file)).and_then(|f| f.write_all_at(bytes, 0)).expect("in memory");
    }
    let Ok(block) = Block::open(&vfs, dir) else { return };
    let querier = block.querier(TimeRange::ALL).expect("no file is opened");
    let matcher = |kind, name, value| Matcher::new(kind, name, value).expect("a pattern");
    let all: [&[Matcher]; 4] = [
        &[],
        &[matcher(MatchType::Equal, "code", "200")],
        &[matcher(MatchType::Regexp, "room", "h.*l"), matcher(MatchType::NotEqual, "code", "500")],
        &[matcher(MatchType::NotRegexp, "path", "x|y")],
    ];
    for matchers in all {
        let what = Selection { matchers, ..Selection::default() };
        let mut chunks = Vec::new();
        if let Ok(selected) = querier.select(&what) {
            for i in 0..selected.series().len().min(100) {
                chunks.clear();
                // An error is an answer.
                selected.chunks(i, &mut chunks).ok();
            }
        }
        querier.label_values("room", &what).ok();
        querier.label_names(&what).ok();
    }
    if let Ok(mut source) = block.source() {
        let (mut text, mut series) = (Vec::new(), SourceSeries::default());
        while source.next_symbol(&mut text).unwrap_or(false) {}
        while source.next_series(&mut series).unwrap_or(false) {}
    }
}
