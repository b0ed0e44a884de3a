//! Rotten blocks: an error with file and offset, or an answer, but never a panic.

use std::path::Path;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_model::{Labels, MatchType, Matcher};
use firesteel_storage::{Queryable, Selection};
use firesteel_tsdb_block::{
    Block, BlockError, BlockSpec, LabelledSource, SeriesSource, SourceSeries, Ulid, WriteOptions, write_block,
};

use super::data::{Data, chunk, range, write};

fn small() -> (FaultVfs, std::path::PathBuf) {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new("/data")).expect("a directory");
    let labels = |i: usize| Labels::from_pairs([("__name__", "m".to_owned()), ("i", format!("{i}"))]);
    let data: Data = (0..40).map(|i| (labels(i), (0..10).map(|t| (t * 1000, i as f64)).collect())).collect();
    let meta = write(&vfs, Path::new("/data"), 1, &data).expect("samples");
    let dir = Path::new("/data").join(meta.ulid.to_string());
    let block = Block::open(&vfs, &dir).expect("a block");
    block.delete(&vfs, range(0, 3000), &[Matcher::equal("i", "3")]).expect("a deletion");
    (vfs, dir)
}

/// Opens and reads all there is; returns the first error's text.
fn read_all(vfs: &FaultVfs, dir: &Path) -> Result<(), String> {
    let block = Block::open(vfs, dir).map_err(|e| e.to_string())?;
    let querier = block.querier(range(i64::MIN, i64::MAX)).expect("a querier");
    let matcher = |kind, value| Matcher::new(kind, "i", value).expect("a pattern");
    let all: [&[Matcher]; 3] = [&[], &[matcher(MatchType::Regexp, "1.*")], &[matcher(MatchType::NotEqual, "5")]];
    for matchers in all {
        let what = Selection { matchers, ..Selection::default() };
        let selected = querier.select(&what).map_err(|e| e.to_string())?;
        let mut chunks = Vec::new();
        for i in 0..selected.series().len() {
            chunks.clear();
            selected.chunks(i, &mut chunks).map_err(|e| e.to_string())?;
        }
        querier.label_values("i", &what).map_err(|e| e.to_string())?;
        querier.label_names(&what).map_err(|e| e.to_string())?;
    }
    let mut source = block.source().map_err(|e| e.to_string())?;
    let (mut text, mut series) = (Vec::new(), SourceSeries::default());
    while source.next_symbol(&mut text).map_err(|e| e.to_string())? {}
    while source.next_series(&mut series).map_err(|e| e.to_string())? {}
    Ok(())
}

#[test]
fn every_changed_byte_and_every_cut() {
    let (vfs, dir) = small();
    read_all(&vfs, &dir).expect("a whole block");
    for name in ["index", "chunks/000001", "tombstones", "meta.json"] {
        let path = dir.join(name);
        let whole = (&vfs as &dyn Vfs).read(&path).expect("a read");
        let mut errors = 0;
        let mut check = |bytes: Vec<u8>| {
            vfs.corrupt(&path, |file| *file = bytes).expect("a file");
            if let Err(e) = read_all(&vfs, &dir) {
                assert!(e.contains(name) || e.contains("meta.json"), "{name}: {e} does not say where");
                errors += 1;
            }
        };
        // Every byte of a small file, some of a larger one.
        let step = 1 + whole.len() / 1500;
        for at in (0..whole.len()).step_by(step) {
            for byte in [whole[at] ^ 1, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                check(bytes);
            }
            check(whole[..at].to_vec());
        }
        assert!(errors > whole.len() / step, "{name}: only {errors} errors");
        vfs.corrupt(&path, |file| file.clone_from(&whole)).expect("a file");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (name, fatal) in [("index", true), ("meta.json", true), ("chunks/000001", true), ("tombstones", false)] {
        let (vfs, dir) = small();
        vfs.remove_file(&dir.join(name)).expect("remove");
        let read = read_all(&vfs, &dir);
        assert_eq!(read.is_err(), fatal, "{name}: {read:?}");
    }
    let (vfs, dir) = small();
    vfs.corrupt(&dir.join("tombstones"), Vec::clear).expect("a file");
    assert!(read_all(&vfs, &dir).is_err(), "a file of no bytes is not a file of no tombstones");
}

#[test]
fn sources_that_break_their_word_are_refused() {
    struct Broken {
        symbols: std::vec::IntoIter<&'static str>,
        series: std::vec::IntoIter<SourceSeries>,
    }
    impl SeriesSource for Broken {
        fn next_symbol(&mut self, text: &mut Vec<u8>) -> Result<bool, BlockError> {
            let next = self.symbols.next();
            *text = next.unwrap_or("").as_bytes().to_vec();
            Ok(next.is_some())
        }
        fn next_series(&mut self, series: &mut SourceSeries) -> Result<bool, BlockError> {
            let next = self.series.next();
            *series = next.clone().unwrap_or_default();
            Ok(next.is_some())
        }
    }
    let series = |labels: &[(u32, u32)]| SourceSeries {
        labels: labels.to_vec(),
        chunks: vec![chunk(&[(1, 1.0), (2, 1.0)])],
        deleted: Vec::new(),
    };
    let (first, second) = (series(&[(0, 0)]), series(&[(0, 1)]));
    let cases = [
        ("symbols fall", vec!["b", "a"], vec![first.clone()]),
        ("a symbol comes twice", vec!["a", "a"], vec![first.clone()]),
        ("an unknown symbol", vec!["a"], vec![second.clone()]),
        ("no labels", vec!["a", "b"], vec![series(&[])]),
        ("series fall", vec!["a", "b"], vec![second.clone(), first.clone()]),
        ("a series comes twice", vec!["a", "b"], vec![second.clone(), second]),
    ];
    for (name, symbols, all) in cases {
        let vfs = FaultVfs::new();
        vfs.create_dir_all(Path::new("/data")).expect("a directory");
        let spec = BlockSpec::of_head(Ulid::from_parts(1, 1), 0, 10);
        let mut source = Broken { symbols: symbols.into_iter(), series: all.into_iter() };
        let written = write_block(&vfs, Path::new("/data"), &spec, &mut source, &mut WriteOptions::default());
        assert!(matches!(written, Err(BlockError::Source(_))), "{name}: {written:?}");
        assert!(vfs.list(Path::new("/data")).expect("list").is_empty(), "{name}");
    }
    // A source in memory sorts what it is given.
    let labels = |text: &str| Labels::from_pairs([("a", text)]);
    let mut source =
        LabelledSource::new(vec![(labels("2"), vec![chunk(&[(1, 1.0)])]), (labels("1"), vec![chunk(&[(1, 1.0)])])]);
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new("/data")).expect("a directory");
    let spec = BlockSpec::of_head(Ulid::from_parts(1, 1), 0, 10);
    let mut options = WriteOptions::default();
    let meta = write_block(&vfs, Path::new("/data"), &spec, &mut source, &mut options);
    assert_eq!(meta.expect("a write").expect("samples").stats.num_series, 2);
}
