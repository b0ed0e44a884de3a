//! The series of matchers that took a walk over many values, kept for the next query.

use std::collections::VecDeque;
use std::sync::Arc;

use firesteel_model::Matcher;
use parking_lot::Mutex;

const MATCHERS_MAX: usize = 64;
/// Of one block; a list that would not fit beside three others is not kept.
const IDS_MAX: usize = 1 << 20;

/// A bounded cache; the oldest entries go first.
#[derive(Debug, Default)]
pub(crate) struct MatcherCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<(Matcher, Arc<[u32]>)>,
    ids: usize,
}

impl MatcherCache {
    pub(crate) fn get(&self, matcher: &Matcher) -> Option<Arc<[u32]>> {
        let kept = self.kept.lock();
        kept.entries.iter().find(|(m, _)| m == matcher).map(|(_, ids)| Arc::clone(ids))
    }

    pub(crate) fn put(&self, matcher: &Matcher, ids: &Arc<[u32]>) {
        if ids.len() > IDS_MAX / 4 {
            return;
        }
        let mut kept = self.kept.lock();
        if kept.entries.iter().any(|(m, _)| m == matcher) {
            return;
        }
        kept.ids += ids.len();
        kept.entries.push_back((matcher.clone(), Arc::clone(ids)));
        while kept.entries.len() > MATCHERS_MAX || kept.ids > IDS_MAX {
            let Some((_, gone)) = kept.entries.pop_front() else { break };
            kept.ids -= gone.len();
        }
    }
}
