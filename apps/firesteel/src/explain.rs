//! `firesteel explain FSnnnn`: the page of a code; without one, the list of all.

use std::process::ExitCode;

use firesteel_cli::Halt;
use firesteel_explain::{page, pages};

/// Prints pages. Ends with 1 when a code is not known.
pub(crate) fn main(words: Vec<String>) -> ExitCode {
    answer(&words).emit()
}

fn answer(words: &[String]) -> Halt {
    if words.iter().any(|word| word == "-h" || word == "--help") {
        let stdout = "usage: firesteel explain [FSnnnn ...]\n".to_owned();
        return Halt { stdout, stderr: String::new(), code: 0 };
    }
    if words.is_empty() {
        let lines = pages().iter().map(|page| format!("{}  {}\n", page.code, page.title)).collect();
        return Halt { stdout: lines, stderr: String::new(), code: 0 };
    }
    let mut halt = Halt { stdout: String::new(), stderr: String::new(), code: 0 };
    for word in words {
        match page(word) {
            Some(page) => halt.stdout += &format!("{}: {}\n\n{}\n", page.code, page.title, page.text),
            None => {
                halt.stderr += &format!("firesteel: no code {word:?}; `firesteel explain` lists them all\n");
                halt.code = 1;
            }
        }
    }
    halt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], code: u8, out: &str, err: &str) {
        let halt = answer(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(halt.code, code, "{words:?}");
        assert!(halt.stdout.starts_with(out) && halt.stderr.starts_with(err), "{halt:?}");
    }

    #[test]
    fn codes_are_listed_and_explained() {
        check(&[], 0, "FS0001  a TAB is used to indent\nFS0002  ", "");
        check(&["FS0102"], 0, "FS0102: a key that has no meaning there\n\nEach block", "");
        check(&["fs0001", "fs9999"], 1, "FS0001: ", "firesteel: no code \"fs9999\";");
        check(&["--help"], 0, "usage: firesteel explain", "");
    }
}
