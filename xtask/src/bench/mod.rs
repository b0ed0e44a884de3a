//! Whole-process benches: Firesteel and, when there is one, a `prometheus` under the same load in the same run.

mod back;
mod contender;
mod node;
mod pages;
mod parser;
mod process;
mod promql;
mod pushes;
mod pushgateway;
mod remote_write;
mod restart;
mod rules;
mod scrape;
mod storage;

use anyhow::{Result, bail};

pub(crate) fn run(args: &[&str]) -> Result<()> {
    match args {
        ["scrape", rest @ ..] => scrape::run(rest),
        ["parser", rest @ ..] => parser::run(rest),
        ["remote-write", rest @ ..] => remote_write::run(rest),
        ["pushgateway", rest @ ..] => pushgateway::run(rest),
        ["restart", rest @ ..] => restart::run(rest),
        ["rules", rest @ ..] => rules::run(rest),
        ["storage", rest @ ..] => storage::run(rest),
        ["promql", rest @ ..] => promql::run(rest),
        ["node", rest @ ..] => node::run(rest),
        _ => bail!(
            "bench: say what: scrape [--series N] [--page N] [--interval SECONDS] [--seconds N] [--gzip] [--alone] [--save], parser [--rounds N] [--save], remote-write \
             [--series N] [--rounds N] [--save], pushgateway [--rate N] [--seconds N] [--alone] [--save], restart [--series N] [--samples N] [--only SERVER] [--again] [--save], \
             rules [--rules N] [--groups N] [--interval SECONDS] [--seconds N] [--alone] [--save], \
             storage [--parts held,churn,blocks,compaction] [--series N] [--curve N,N] \
             [--curve-samples N] [--curve-peer-to N] [--alone] [--save], promql [--queries] [--filter NAME,NAME] [--cores 1,2] \
             [--cpu-seconds N] [--alone] [--keep] [--save], or node [--scrapes N] [--rounds N] [--alone] [--save]"
        ),
    }
}
