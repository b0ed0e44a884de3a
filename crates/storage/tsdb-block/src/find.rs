//! From matchers to series.
//!
//! A matcher that does not match the empty value requires one of the pairs that satisfy it; one that does excludes the
//! pairs that do not. Lists that are found by a look-up narrow the candidates first. Matchers that would have to try every
//! value of a label come last, and when few candidates are left, these are asked for their value instead.

use std::sync::Arc;

use firesteel_model::{MatchType, Matcher};

use crate::BlockError;
use crate::ids::{IdList, Union};
use crate::index::Index;
use crate::matcher_cache::MatcherCache;

/// Asking a candidate for its labels costs about as much as trying so many values.
const VALUES_PER_CANDIDATE: usize = 4;

/// The pairs of a matcher that count: those that satisfy it when it requires, those that fail it when it excludes.
enum Pairs<'m> {
    /// These values.
    Listed(Vec<&'m str>),
    /// All values of the label.
    All,
    /// Values that must be tried one by one.
    Tried,
    /// None at all.
    Nothing,
}

impl<'m> Pairs<'m> {
    fn of(matcher: &'m Matcher) -> Self {
        let regex = matcher.regex();
        let everything = match regex {
            Some(regex) => regex.matches_everything(),
            None => false,
        };
        let set = || regex.and_then(|r| r.set_matches()).map(|set| set.iter().map(String::as_str).collect());
        if matcher.matches_empty() {
            return match matcher.match_type() {
                // `=""` fails for every value.
                MatchType::Equal => Self::All,
                MatchType::NotEqual => Self::Listed(vec![matcher.value()]),
                MatchType::Regexp if everything => Self::Nothing,
                MatchType::Regexp if matcher.value().is_empty() => Self::All,
                MatchType::Regexp => Self::Tried,
                MatchType::NotRegexp if matcher.value() == ".+" => Self::All,
                MatchType::NotRegexp => set().map_or(Self::Tried, Self::Listed),
            };
        }
        match matcher.match_type() {
            MatchType::Equal => Self::Listed(vec![matcher.value()]),
            // What does not match the empty value and is no equality: `!=""`.
            MatchType::NotEqual => Self::All,
            MatchType::Regexp if matcher.value() == ".+" => Self::All,
            MatchType::Regexp => set().map_or(Self::Tried, Self::Listed),
            MatchType::NotRegexp if everything => Self::Nothing,
            MatchType::NotRegexp if matcher.value().is_empty() => Self::All,
            MatchType::NotRegexp => Self::Tried,
        }
    }
}

/// Returns the numbers of the series for which all matchers hold, sorted.
pub(crate) fn find(index: &Index, cache: &MatcherCache, matchers: &[Matcher]) -> Result<Vec<u32>, BlockError> {
    let mut required: Vec<Vec<IdList<'_>>> = Vec::new();
    let mut excluded: Vec<IdList<'_>> = Vec::new();
    let mut later: Vec<&Matcher> = Vec::new();
    for matcher in matchers {
        let excludes = matcher.matches_empty();
        match Pairs::of(matcher) {
            Pairs::Listed(values) => {
                let mut lists = Vec::with_capacity(values.len());
                for value in values.into_iter().filter(|v| !v.is_empty() || matcher.name().is_empty()) {
                    lists.push(index.postings(matcher.name(), value)?);
                }
                lists.retain(|list| !list.is_empty());
                if excludes {
                    excluded.append(&mut lists);
                } else if lists.is_empty() {
                    return Ok(Vec::new());
                } else {
                    required.push(lists);
                }
            }
            Pairs::Nothing if excludes => {}
            Pairs::Nothing => return Ok(Vec::new()),
            Pairs::All | Pairs::Tried => later.push(matcher),
        }
    }
    required.sort_by_key(|lists| lists.iter().map(IdList::len).sum::<usize>());
    later.sort_by_key(|m| (m.matches_empty(), index.table.value_count(&index.file, m.name())));

    let mut candidates = None;
    for lists in required {
        narrow(&mut candidates, lists);
    }
    for matcher in later {
        let excludes = matcher.matches_empty();
        let values = index.table.value_count(&index.file, matcher.name());
        if values == 0 {
            if excludes {
                continue;
            }
            return Ok(Vec::new());
        }
        if candidates.is_none() && excludes {
            candidates = Some(all(index)?);
        }
        if let Some(ids) = &mut candidates
            && ids.len() * VALUES_PER_CANDIDATE < values
        {
            keep_matching(index, matcher, ids)?;
            continue;
        }
        let ids = tried(index, cache, matcher)?;
        match &mut candidates {
            Some(candidates) if excludes => IdList::Memory(&ids).filter::<false>(candidates),
            Some(candidates) => IdList::Memory(&ids).filter::<true>(candidates),
            None => candidates = Some(ids.to_vec()),
        }
    }
    let mut ids = match candidates {
        Some(ids) => ids,
        None => all(index)?,
    };
    for list in excluded {
        list.filter::<false>(&mut ids);
    }
    Ok(ids)
}

fn all(index: &Index) -> Result<Vec<u32>, BlockError> {
    let list = index.postings("", "")?;
    let mut ids = Vec::with_capacity(list.len());
    list.append_to(&mut ids);
    Ok(ids)
}

/// Keeps the candidates that are in one of the lists.
fn narrow(candidates: &mut Option<Vec<u32>>, lists: Vec<IdList<'_>>) {
    if let (Some(ids), [list]) = (candidates.as_mut(), lists.as_slice()) {
        list.filter::<true>(ids);
        return;
    }
    let mut union = Union::default();
    for list in lists {
        union.add(list);
    }
    let ids = union.finish();
    match candidates {
        Some(candidates) => IdList::Memory(&ids).filter::<true>(candidates),
        None => *candidates = Some(ids),
    }
}

/// Returns the series with a value that satisfies the matcher, or, when it matches the empty value, with one that fails it.
fn tried(index: &Index, cache: &MatcherCache, matcher: &Matcher) -> Result<Arc<[u32]>, BlockError> {
    if let Some(ids) = cache.get(matcher) {
        return Ok(ids);
    }
    let wanted = !matcher.matches_empty();
    // What is asked of the expression itself can be found by its beginning.
    let prefix = match (matcher.match_type(), matcher.regex()) {
        (MatchType::Regexp, Some(regex)) if wanted => regex.prefix(),
        (MatchType::NotRegexp, Some(regex)) if !wanted => regex.prefix(),
        _ => "",
    };
    let mut union = Union::default();
    for entry in index.table.values_from(&index.file, matcher.name(), prefix)? {
        let (value, postings) = entry?;
        if !value.starts_with(prefix.as_bytes()) {
            break;
        }
        // A value that is not UTF-8 is like no text.
        let fits = std::str::from_utf8(value).is_ok_and(|v| matcher.matches(v));
        if fits == wanted && !value.is_empty() {
            union.add(index.list(postings)?);
        }
    }
    let ids: Arc<[u32]> = union.finish().into();
    cache.put(matcher, &ids);
    Ok(ids)
}

/// Asks each candidate for its value.
fn keep_matching(index: &Index, matcher: &Matcher, ids: &mut Vec<u32>) -> Result<(), BlockError> {
    let Some(name) = index.symbols.number(&index.file, matcher.name())? else {
        if !matcher.matches_empty() {
            ids.clear();
        }
        return Ok(());
    };
    let absent = matcher.matches_empty();
    let mut fault = None;
    let mut last: Option<(u32, bool)> = None;
    ids.retain(|&id| {
        let mut ask = || -> Result<bool, BlockError> {
            let mut value = None;
            index.series(id)?.labels(|(n, v)| {
                if n == name {
                    value = Some(v);
                }
            })?;
            let Some(value) = value else { return Ok(absent) };
            match last {
                Some((known, fits)) if known == value => Ok(fits),
                _ => {
                    let fits = matcher.matches(index.symbols.text(&index.file, value)?);
                    last = Some((value, fits));
                    Ok(fits)
                }
            }
        };
        ask().unwrap_or_else(|e| {
            fault.get_or_insert(e);
            false
        })
    });
    fault.map_or(Ok(()), Err)
}
