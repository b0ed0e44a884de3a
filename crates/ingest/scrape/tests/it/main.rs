//! Scraping against an in-memory store that records what it is given.

mod ingest;
mod recorder;
mod scrape;
