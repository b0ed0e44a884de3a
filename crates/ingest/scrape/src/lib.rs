//! Discovery, scrape pools, loops, targets and the scrape cache.
