//! The textfile collector over the corpus' cases, with upstream's output, and over cases of ours.

use std::fs;
use std::path::Path;

use firesteel_collectors::Settings;
use firesteel_testkit::corpus;

use crate::tree::{assert_page, node, page};

fn collect(root: &Path, directories: &[String]) -> String {
    let settings = directories
        .iter()
        .fold(Settings::default(), |settings, directory| settings.with("collector.textfile.directory", directory));
    let (page, failed) = page(root, &node(root, &["textfile"], settings));
    assert!(failed.is_empty(), "textfile never fails: {failed:?}");
    page
}

/// Shows a page as the corpus does: with upstream's paths, and every file written in the first second.
fn with_upstreams_paths(page: &str) -> String {
    let shown = page.lines().map(|line| {
        if line.starts_with("node_textfile_mtime_seconds{") {
            let (series, _) = line.split_once("} ").unwrap();
            return format!("{series}}} 1\n").replace("file=\"", "file=\"fixtures/textfile/");
        }
        match line.split_once("Metric read from ") {
            Some((head, files)) => {
                let files: Vec<String> = files.split(", ").map(|file| format!("fixtures/textfile/{file}")).collect();
                format!("{head}Metric read from {}\n", files.join(", "))
            }
            None => format!("{line}\n"),
        }
    });
    shown.collect()
}

#[test]
fn the_corpus_cases_give_upstreams_output() {
    let Some(corpus) = corpus("exposition/textfile-collector") else { return };
    let root = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for entry in fs::read_dir(&corpus).unwrap() {
        let case = entry.unwrap().file_name().to_string_lossy().into_owned();
        let here = root.path().join(&case);
        fs::create_dir(&here).unwrap();
        for file in fs::read_dir(corpus.join(&case)).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "prom") {
                fs::write(here.join(file.file_name().unwrap()), fs::read(&file).unwrap()).unwrap();
            }
        }
        cases.push(case);
    }
    assert!(cases.len() >= 11, "{cases:?}");
    for case in cases {
        let want = fs::read_to_string(corpus.join(&case).join("expected.out")).unwrap();
        let directory = if case == "glob_extra_dimension" {
            // The summary that it reads beside the histogram is not in the corpus; here it is of the lines that are expected,
            // without the labels that reading it fills in.
            let lines = want.lines().filter(|line| line.contains("prometheus_rule_evaluation_duration_seconds"));
            let text: String = lines.map(|line| format!("{}\n", line.replace("handler=\"\",", ""))).collect();
            fs::create_dir(root.path().join("summary_extra_dimension")).unwrap();
            fs::write(root.path().join("summary_extra_dimension/metrics.prom"), text).unwrap();
            fs::remove_dir(root.path().join(&case)).unwrap();
            "*_extra_dimension"
        } else {
            &case
        };
        let got = collect(root.path(), &[root.path().join(directory).to_string_lossy().into_owned()]);
        assert_page(&with_upstreams_paths(&got), &want);
    }
}

#[test]
fn directories_are_globs_and_what_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("x/a/one.prom", "one 1\n");
    write("x/b/two.prom", "two 2\n");
    write("x/b/deeper/three.prom", "three 3\n");
    write("y/four.prom", "four 4\n");
    write("y/folder.prom/five.prom", "five 5\n");
    write("y/six.prom.tmp", "six 6\n");
    let path = |path: &str| dir.path().join(path).to_string_lossy().into_owned();
    let names = |page: &str| {
        let shown = ["one 1", "two 2", "three 3", "four 4", "five 5", "six 6"].into_iter();
        shown.filter(|line| page.lines().any(|other| other == *line)).collect::<Vec<_>>().join(", ")
    };
    let cases: [(&[&str], &str, bool); 6] = [
        (&["x/*"], "one 1, two 2", false),
        (&["x/[b-z]", "x/a"], "one 1, two 2", false),
        (&["*/b"], "two 2", false),
        // A directory that is called as a file of metrics cannot be read.
        (&["y"], "four 4", true),
        (&["nowhere", "x/a"], "one 1", true),
        (&[], "", false),
    ];
    for (directories, want, fails) in cases {
        let directories: Vec<String> = directories.iter().map(|directory| path(directory)).collect();
        let got = collect(dir.path(), &directories);
        assert_eq!(names(&got), want, "{directories:?}");
        let error = format!("node_textfile_scrape_error {}", u8::from(fails));
        assert!(got.lines().any(|line| line == error), "{directories:?}: {got}");
    }
}

#[test]
fn a_file_with_a_pipes_or_histograms_oddities() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.path().join("pipe.prom"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    );
    fifo.unwrap();
    fs::write(dir.path().join("a.prom"), "# TYPE g gaugehistogram\ng_bucket{le=\"1\"} 1\n").unwrap();
    fs::write(dir.path().join("b.prom"), "good 1\n").unwrap();
    let floats = "# TYPE f histogram\nf_bucket{le=\"2\"} 1.5\nf_bucket{le=\"1\"} 0.5\nf_sum 3\nf_count 1.5\n";
    fs::write(dir.path().join("c.prom"), floats).unwrap();
    let got = collect(dir.path(), &[dir.path().to_string_lossy().into_owned()]);
    assert!(got.contains("\ngood 1\n") && !got.contains("\ng_"), "{got}");
    let shown = "f_bucket{le=\"1\"} 0.5\nf_bucket{le=\"2\"} 1.5\nf_bucket{le=\"+Inf\"} 1.5\nf_sum 3\nf_count 1.5\n";
    assert!(got.contains(shown), "{got}");
    assert!(got.ends_with("node_textfile_scrape_error 1\n"), "{got}");
}
