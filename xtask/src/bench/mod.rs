//! Whole-process benches: Firesteel and, when there is one, a `prometheus` under the same load in the same run.

mod pages;
mod process;
mod scrape;

use anyhow::{Result, bail};

pub(crate) fn run(args: &[&str]) -> Result<()> {
    match args {
        ["scrape", rest @ ..] => scrape::run(rest),
        _ => bail!("bench: say what: scrape [--series N] [--interval SECONDS] [--seconds N] [--gzip] [--save]"),
    }
}
