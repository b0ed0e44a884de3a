//! `check healthy` and `check ready`.

use std::time::Duration;

use firesteel_cli::Matches;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    http_call::{Call, Server},
};

pub(crate) fn run(matches: &Matches, path: &str, console: &mut Console<'_>) -> u8 {
    let url = matches.text("url");
    let answer = Server::of(url, matches).and_then(|server| server.call(&Call::get(path), Duration::from_secs(10)));
    match answer {
        Ok(answer) if answer.status == 200 => {
            console.complain(format_args!("  SUCCESS:  {}", String::from_utf8_lossy(&answer.body)));
            SUCCESS
        }
        Ok(answer) => {
            console.complain(format_args!("check failed: URL={url}, status={}", answer.status));
            FAILURE
        }
        Err(message) => {
            console.complain(message);
            FAILURE
        }
    }
}
