//! `debug pprof`, `debug metrics`, `debug all`: what a server says about itself, packed into `debug.tar.gz`.
//!
//! Profiles are those of Go's runtime. A Prometheus serves them; Firesteel is no Go program and has none, which `debug
//! pprof` says and `debug all` passes over.

use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use firesteel_cli::Matches;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    http_call::{Call, Server},
};

const ARCHIVE: &str = "debug.tar.gz";
/// Profiles are taken for half a minute.
const TIMEOUT: Duration = Duration::from_mins(2);
/// No profile is larger when unpacked.
const PROFILE_BYTES_MAX: u64 = 1 << 30;

const PROFILES: [(&str, &str); 7] = [
    ("/debug/pprof/profile?seconds=30", "cpu.pb"),
    ("/debug/pprof/block", "block.pb"),
    ("/debug/pprof/goroutine", "goroutine.pb"),
    ("/debug/pprof/heap", "heap.pb"),
    ("/debug/pprof/mutex", "mutex.pb"),
    ("/debug/pprof/threadcreate", "threadcreate.pb"),
    ("/debug/pprof/trace?seconds=30", "trace.pb"),
];
const METRICS: [(&str, &str); 1] = [("/metrics", "metrics.txt")];

/// What to fetch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Profiles,
    Metrics,
    All,
}

pub(crate) fn run(what: What, matches: &Matches, console: &mut Console<'_>) -> u8 {
    match collect(what, matches, console) {
        Ok(()) => {
            console.say(format_args!("Compiling debug information complete, all files written in \"{ARCHIVE}\"."));
            SUCCESS
        }
        Err(message) => {
            console.complain(format_args!("error completing debug command: {message}"));
            FAILURE
        }
    }
}

fn collect(what: What, matches: &Matches, console: &mut Console<'_>) -> Result<(), String> {
    let address = matches.arg("server");
    let server = Server::plain(address)?;
    let mut tar = Vec::new();
    let profiles = if what == What::Metrics { &[][..] } else { &PROFILES };
    for (path, name) in profiles {
        console.say(format_args!("collecting: {address}{path}"));
        let answer = server.call(&Call::get(path), TIMEOUT).map_err(request_failed)?;
        if answer.status == 404 {
            let none = format!("{address} has no profiles: it answers 404, as Firesteel does, which is no Go program");
            if what == What::Profiles {
                return Err(none);
            }
            console.complain(none);
            break;
        }
        add(&mut tar, name, &profile(name, &answer.body)?);
    }
    let metrics = if what == What::Profiles { &[][..] } else { &METRICS };
    for (path, name) in metrics {
        console.say(format_args!("collecting: {address}{path}"));
        let answer = server.call(&Call::get(path), TIMEOUT).map_err(request_failed)?;
        add(&mut tar, name, &answer.body);
    }
    write(tar).map_err(|error| format!("error creating archive \"{ARCHIVE}\": {error}"))
}

fn request_failed(message: String) -> String {
    format!("error executing HTTP request: {message}")
}

/// Profiles come compressed and are kept as they are inside; a trace is kept as it comes.
fn profile(name: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    if name == "trace.pb" {
        return Ok(body.to_vec());
    }
    let mut out = Vec::new();
    let read = GzDecoder::new(body).take(PROFILE_BYTES_MAX).read_to_end(&mut out);
    match read {
        Ok(_) => Ok(out),
        Err(_) => Err("error post-processing HTTP response body: unrecognized profile format".to_owned()),
    }
}

/// Adds a file in the ustar format.
fn add(tar: &mut Vec<u8>, name: &str, body: &[u8]) {
    let mut head = [0_u8; 512];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000666\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", body.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend_from_slice(&head);
    tar.extend_from_slice(body);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn write(mut tar: Vec<u8>) -> std::io::Result<()> {
    tar.extend_from_slice(&[0; 1024]);
    let mut out = GzEncoder::new(fs::File::create(ARCHIVE)?, Compression::default());
    out.write_all(&tar)?;
    out.finish()?.sync_all()
}
