//! `tsdb analyze` beside what Prometheus 3.14's printed for the same samples; its order among equals is by chance, so the kept
//! text has those sorted by name.

use std::fs;
use std::path::Path;

use crate::promtool;

/// Puts the block that the reference analysed below `dir`: two counters of six samples, two gauges of 150.
pub(crate) fn place_block(dir: &Path) {
    let block = dir.join("01M7YFXX61WKGA3QZ1ZCS80CSP");
    let mut name = "";
    let mut hex = String::new();
    let kept = include_str!("../../../../crates/storage/tsdb-block/testdata/block.txt");
    for line in kept.lines().filter(|l| !l.starts_with('#')).chain(["end"]) {
        if let Some(more) = line.strip_prefix('\t') {
            hex.push_str(more);
            continue;
        }
        if !name.is_empty() {
            let path = block.join(name);
            fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex");
            fs::write(path, hex.as_bytes().chunks(2).map(byte).collect::<Vec<u8>>()).expect("a file");
        }
        name = line;
        hex.clear();
    }
}

#[test]
fn analyze_prints_what_the_reference_printed() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    place_block(&data);
    let data = data.to_str().expect("UTF-8");
    let ran = promtool(&["tsdb", "analyze", "--extended", data]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let (first, rest) = ran.out.split_once('\n').expect("lines");
    assert!(first.starts_with("Block ID: "), "{first}");
    assert_eq!(rest, include_str!("analyze.txt"));

    let matched = promtool(&["tsdb", "analyze", "--limit=1", "--match={code=\"200\"}", data]);
    let wanted = "Total Series: 4\nMatcher: {code=\"200\"}\nLabel names: 3\nMatched series: 1\n\
                  Postings (unique label pairs): 3\nPostings entries (total label pairs): 3\n\n\
                  Label pairs most involved in churning:\n0 __name__=requests_total\n\nLabel names most";
    assert!(matched.out.contains(wanted), "{}", matched.out);
    assert!(matched.out.ends_with("\nHighest cardinality metric names:\n1 requests_total\n"), "{}", matched.out);

    let faults = [
        (vec!["tsdb", "analyze", "/nowhere"], "opening the db dir: stat /nowhere: no such file or directory\n"),
        (vec!["tsdb", "analyze", data, "x"], "invalid block ID x\n"),
        (vec!["tsdb", "analyze", dir.path().to_str().expect("UTF-8")], "no blocks found\n"),
    ];
    for (words, error) in faults {
        let ran = promtool(&words);
        assert_eq!((ran.code, ran.err.as_str()), (1, error), "{words:?}");
    }
}
