//! Consoles beside what Prometheus 3.14 made of the same files.

use std::path::Path;

use firesteel_testkit::Server;

#[test]
fn pages_are_those_of_the_reference() {
    let dir = tempfile::tempdir().expect("a directory");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/testdata");
    let shown = format!("{}/", folder.display());
    let flags = [
        "prometheus".to_owned(),
        "--web.external-url=http://out.example/sub/".to_owned(),
        "--web.route-prefix=/".to_owned(),
        format!("--web.console.templates={shown}consoles"),
        format!("--web.console.libraries={shown}console_libraries"),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let config = "global:\n  external_labels: {dc: \"eu<1>\"}\n";
    let server = Server::start(crate::firesteel(), &flags, dir.path(), config).expect("it starts");
    let golden = include_str!("testdata/consoles.golden.txt");
    let mut wrong = Vec::new();
    for case in golden.split("==== ").skip(1) {
        let (path, rest) = case.split_once('\n').expect("the path first");
        let (about, want) = rest.split_once('\n').expect("then code and type");
        let code = about.split(' ').next().expect("a code");
        let (got_code, got) = server.get(path).expect("it answers");
        // Files are named as the flags name their folders.
        let got = got.replace(&shown, "");
        if got_code.to_string() != code || got.trim_end_matches('\n') != want.trim_end_matches('\n') {
            wrong.push(format!("{path}\nwant {code}\n{want}\ngot {got_code}\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
