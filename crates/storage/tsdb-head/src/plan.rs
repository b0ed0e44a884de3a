//! Matchers against interned pairs: which pairs a series must have, and which it must not.
//!
//! A matcher that does not match the empty value requires one of the pairs that satisfy it; one that does excludes the
//! pairs that do not. The requirement with the fewest series gives the candidates, the rest look at each candidate's own
//! pairs: ten numbers next to each other, cheaper than walking long postings.

use firesteel_base::FastHashSet;
use firesteel_model::{MatchType, Matcher};

use super::pairs::{PairId, Pairs};
use super::series::Slot;
use super::shard::Shard;

/// Pairs that satisfy, or fail, one matcher.
#[derive(Debug)]
enum PairSet {
    /// A handful: compared one by one.
    Few(Vec<PairId>),
    Many(FastHashSet<PairId>),
}

const FEW: usize = 8;

impl PairSet {
    fn new(pairs: Vec<PairId>) -> Self {
        if pairs.len() <= FEW { Self::Few(pairs) } else { Self::Many(pairs.into_iter().collect()) }
    }

    #[inline]
    fn meets(&self, ids: &[u32]) -> bool {
        match self {
            Self::Few(few) => few.iter().any(|want| ids.contains(&want.0)),
            Self::Many(many) => ids.iter().any(|&id| many.contains(&PairId(id))),
        }
    }
}

/// What to look for in each shard. Good as long as [`Pairs::sweeps`] stays.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sweeps: u64,
    /// The pairs whose postings give the candidates; `None`: all series are candidates.
    seed: Option<Vec<PairId>>,
    require: Vec<PairSet>,
    exclude: Vec<PairSet>,
    /// Some requirement cannot be met.
    empty: bool,
}

impl Plan {
    pub(super) fn new(pairs: &Pairs, matchers: &[Matcher]) -> Self {
        let mut plan =
            Self { sweeps: pairs.sweeps(), seed: None, require: Vec::new(), exclude: Vec::new(), empty: false };
        let mut required: Vec<(usize, Vec<PairId>)> = Vec::new();
        for matcher in matchers {
            if matcher.matches_empty() {
                let fails = pairs_where(pairs, matcher, false);
                if !fails.is_empty() {
                    plan.exclude.push(PairSet::new(fails));
                }
                continue;
            }
            let fits = pairs_where(pairs, matcher, true);
            plan.empty |= fits.is_empty();
            required.push((fits.iter().map(|&id| pairs.count(id)).sum(), fits));
        }
        required.sort_by_key(|(series, _)| *series);
        let mut required = required.into_iter().map(|(_, fits)| fits);
        plan.seed = required.next();
        plan.require = required.map(PairSet::new).collect();
        plan
    }

    /// Adds the live series of a shard that fit, in order of slot.
    pub(super) fn run(&self, shard: &Shard, out: &mut Vec<Slot>) {
        if self.empty {
            return;
        }
        let from = out.len();
        let take = |slot: Slot, out: &mut Vec<Slot>| {
            if !shard.is_live(slot) {
                return;
            }
            if self.require.is_empty() && self.exclude.is_empty() {
                out.push(slot);
                return;
            }
            let ids = shard.ids(slot);
            if self.require.iter().all(|set| set.meets(ids)) && !self.exclude.iter().any(|set| set.meets(ids)) {
                out.push(slot);
            }
        };
        match &self.seed {
            None => shard.slots().for_each(|slot| take(slot, out)),
            Some(seed) => {
                for &pair in seed {
                    shard.postings.each(pair, |slot| take(slot, out));
                }
                if seed.len() > 1 {
                    // A series has one pair of a name, so lists are disjoint and only need sorting.
                    out[from..].sort_unstable();
                }
            }
        }
    }
}

/// Returns the pairs of the matcher's name whose value matches, or does not.
fn pairs_where(pairs: &Pairs, matcher: &Matcher, matches: bool) -> Vec<PairId> {
    if matcher.match_type() == MatchType::Equal && matches {
        return pairs.find(matcher.name(), matcher.value()).into_iter().collect();
    }
    if matcher.match_type() == MatchType::NotEqual && !matches {
        return pairs.find(matcher.name(), matcher.value()).into_iter().collect();
    }
    let Some(name) = pairs.name(matcher.name()) else { return Vec::new() };
    pairs.pairs_of(name).filter(|&id| matcher.matches(pairs.text(id).1) == matches).collect()
}
