//! Bytes: a block of Prometheus 3.14 is read, and written anew is the same.

use std::collections::BTreeMap;
use std::path::Path;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_model::{Labels, Matcher};
use firesteel_tsdb_block::{Block, BlockMeta, BlockSpec, WriteOptions, compact, write_block};

use super::data::{Data, range, select};

const BLOCK: &str = include_str!("../../testdata/block.txt");
const OVERLAP: &str = include_str!("../../testdata/overlap.txt");

/// Returns the kept files by name.
fn golden(text: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        match line.strip_prefix('\t') {
            None => line.clone_into(&mut name),
            Some(hex) => {
                let digits: Vec<u8> = hex.bytes().map(|b| (b as char).to_digit(16).expect("hex") as u8).collect();
                files.entry(name.clone()).or_default().extend(digits.chunks(2).map(|d| d[0] << 4 | d[1]));
            }
        }
    }
    files
}

fn placed(files: &BTreeMap<String, Vec<u8>>) -> FaultVfs {
    let vfs = FaultVfs::new();
    for (name, bytes) in files {
        let path = Path::new("/golden").join(name);
        vfs.create_dir_all(path.parent().expect("below the root")).expect("a directory");
        let file = vfs.create(&path).expect("a file");
        file.write_all_at(bytes, 0).expect("a write");
    }
    vfs
}

fn expected() -> Data {
    let mut data = Data::new();
    let t = |k: i64| (1_700_000_000 + k * 15) * 1000;
    for code in ["200", "500"] {
        let labels = Labels::from_pairs([("__name__", "requests_total"), ("code", code), ("path", "/a \"b\"")]);
        let more = if code == "500" { 7 } else { 0 };
        data.insert(labels, (0..6).map(|k| (t(k), (k * k * 3 + more) as f64)).collect());
    }
    for (room, less) in [("hall", 0.0), ("küche", 3.0)] {
        let labels = Labels::from_pairs([("__name__", "temperature"), ("room", room)]);
        data.insert(labels, (0..150).map(|k| (t(k), 20.0 + (k % 7) as f64 * 0.25 - less)).collect());
    }
    data
}

#[test]
fn a_block_of_prometheus_is_read() {
    let vfs = placed(&golden(BLOCK));
    let block = Block::open(&vfs, Path::new("/golden")).expect("a block");
    assert_eq!(select(&block, range(i64::MIN, i64::MAX), &[]), expected());
    let hall = [Matcher::equal("room", "hall")];
    assert_eq!(
        select(&block, range(1_700_000_000_000, 1_700_000_030_000), &hall).values().next().map(BTreeMap::len),
        Some(3)
    );
    assert_eq!(block.size_bytes(), 1296);
}

#[test]
fn version_3_is_read_and_others_are_refused() {
    let mut files = golden(BLOCK);
    for (version, read) in [(3, true), (0, false), (4, false)] {
        files.get_mut("index").expect("an index")[4] = version;
        let block = Block::open(&placed(&files), Path::new("/golden"));
        match block {
            Ok(block) if read => {
                assert_eq!(block.index_version(), version);
                assert_eq!(select(&block, range(i64::MIN, i64::MAX), &[]), expected());
            }
            Err(e) if !read => assert!(e.to_string().contains(&format!("unknown index file version {version}")), "{e}"),
            other => panic!("{version}: {other:?}"),
        }
    }
}

#[test]
fn written_anew_it_is_the_same() {
    let files = golden(BLOCK);
    let vfs = placed(&files);
    let block = Block::open(&vfs, Path::new("/golden")).expect("a block");
    let parent = Path::new("/data");
    vfs.create_dir_all(parent).expect("a directory");
    let meta = block.meta();
    let spec = BlockSpec::of_head(meta.ulid, meta.min_time, meta.max_time);
    let mut source = block.source().expect("a source");
    write_block(&vfs, parent, &spec, &mut source, &mut WriteOptions::default()).expect("a write").expect("samples");
    for (name, bytes) in &files {
        let written = (&vfs as &dyn Vfs).read(&parent.join(meta.ulid.to_string()).join(name)).expect("a read");
        assert!(&written == bytes, "{name}: {} and {} bytes", written.len(), bytes.len());
    }
}

#[test]
fn keys_of_others_and_old_spellings_survive() {
    let ulid = "01M7YFXX61WKGA3QZ1ZCS80CSP";
    let text = format!(
        r#"{{"version":1,"ulid":"{ulid}","minTime":-5,"maxTime":7,"compaction":{{"level":3,"sources":null,"hints":["x"],
        "parents":[{{"ulid":"{ulid}","minTime":1,"maxTime":2}}],"failed":true}},"thanos":{{"labels":{{"a":"b"}}}}}}"#
    );
    let meta = BlockMeta::parse(text.as_bytes(), Path::new("meta.json")).expect("a meta");
    assert_eq!((meta.min_time, meta.max_time, meta.compaction.level, meta.compaction.failed), (-5, 7, 3, true));
    let again = BlockMeta::parse(&meta.to_json(), Path::new("meta.json")).expect("a meta");
    assert_eq!(again, meta);
    assert_eq!(again.extra["thanos"]["labels"]["a"], "b");
    for (text, part) in
        [("{", "EOF"), ("[]", "invalid"), (&text.replace("\"version\":1", "\"version\":3"), "version 3")]
    {
        let fault = BlockMeta::parse(text.as_bytes(), Path::new("meta.json")).expect_err("no meta").to_string();
        assert!(fault.contains(part) && fault.contains("meta.json"), "{fault}");
    }
}

#[test]
fn overlapping_blocks_merge_to_the_same_bytes() {
    let files = golden(OVERLAP);
    let vfs = placed(&files);
    let root = Path::new("/golden");
    let open = |name: &str| Block::open(&vfs, &root.join(name)).expect("a block");
    let merged = open("merged").meta();
    let parents = ["a", "b", "c"].map(open);
    compact(&vfs, root, &parents, merged.ulid, &mut WriteOptions::default()).expect("a merge").expect("samples");
    for name in ["meta.json", "index", "chunks/000001", "tombstones"] {
        let ours = (&vfs as &dyn Vfs).read(&root.join(merged.ulid.to_string()).join(name)).expect("a read");
        assert!(ours == files[&format!("merged/{name}")], "{name}");
    }
}
