//! The newest exemplars of all series, in a ring of bounded size.
//!
//! The ring is ordered by arrival: a new exemplar takes the place of the one that came first. Within a series exemplars
//! are linked in order of time. Series are known by their labels, so that exemplars outlive a series' stay in the head.
//! What is taken and what is refused is upstream's (`tsdb/exemplar.go`, 3.14).

use std::cmp::Ordering;

use firesteel_base::{FastHashMap, TimeRange, TimestampMs};
use firesteel_model::{Labels, Matcher, SeriesRef};
use firesteel_storage::{AppendError, Exemplar, SeriesExemplars};

/// Names and values of an exemplar's labels together have at most this many characters.
const LABEL_CHARS_MAX: usize = 128;
const NONE: u32 = u32::MAX;

/// One place of the ring.
#[derive(Debug)]
struct Held {
    exemplar: Exemplar,
    /// The series' entry in `series`; `NONE` marks an empty place.
    of: u32,
    older: u32,
    newer: u32,
}

#[derive(Debug)]
struct OfSeries {
    labels: Labels,
    /// The reference it was last known by.
    known_as: SeriesRef,
    oldest: u32,
    newest: u32,
}

/// What the ring counts.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ExemplarStats {
    pub appended: u64,
    pub out_of_order: u64,
    pub in_storage: usize,
    pub series: usize,
    /// Time of the exemplar that came first; 0 when there is none.
    pub oldest_t: TimestampMs,
    pub max: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ExemplarRing {
    max: usize,
    out_of_order_window_ms: i64,
    ring: Vec<Held>,
    next: usize,
    series: Vec<OfSeries>,
    free: Vec<u32>,
    by_labels: FastHashMap<Labels, u32>,
    by_ref: FastHashMap<SeriesRef, u32>,
    appended: u64,
    out_of_order: u64,
}

/// What becomes of an exemplar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Take,
    /// The newest one again: neither taken nor refused.
    Same,
    Refuse(AppendError),
}

impl ExemplarRing {
    pub(crate) fn new(max: usize, out_of_order_window_ms: i64) -> Self {
        Self {
            max: max.min(NONE as usize - 1),
            out_of_order_window_ms: out_of_order_window_ms.max(0),
            ..Self::default()
        }
    }

    pub(crate) fn set_out_of_order_window(&mut self, ms: i64) {
        self.out_of_order_window_ms = ms.max(0);
    }

    /// Returns whether exemplars are kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.max > 0
    }

    /// Returns the series' entry by its reference alone, when it was met before.
    fn entry_of(&self, series: SeriesRef) -> Option<u32> {
        let at = *self.by_ref.get(&series)?;
        (self.series[at as usize].known_as == series).then_some(at)
    }

    /// Judges an exemplar. A series that has none yet takes any whose labels are short enough.
    pub(crate) fn judge(&self, e: &Exemplar, labels: impl FnOnce() -> Option<Labels>) -> Verdict {
        let mut chars = 0;
        for (name, value) in &e.labels {
            chars += name.chars().count() + value.chars().count();
            if chars > LABEL_CHARS_MAX {
                return Verdict::Refuse(AppendError::ExemplarLabelLength);
            }
        }
        let at = match self.entry_of(e.series) {
            Some(at) => Some(at),
            None if self.by_labels.is_empty() => None,
            None => labels().and_then(|labels| self.by_labels.get(&labels).copied()),
        };
        at.map_or(Verdict::Take, |at| self.judge_after(e, at))
    }

    fn judge_after(&self, e: &Exemplar, at: u32) -> Verdict {
        let newest = &self.ring[self.series[at as usize].newest as usize].exemplar;
        let same_time = e.t == newest.t || !(e.timestamped || newest.timestamped);
        if same_time && e.v == newest.v && e.labels == newest.labels {
            return Verdict::Same;
        }
        let too_old = match e.t.cmp(&newest.t) {
            Ordering::Less => e.t.0 <= newest.t.0.saturating_sub(self.out_of_order_window_ms),
            Ordering::Greater => false,
            Ordering::Equal => e.v < newest.v || (e.v == newest.v && e.labels.hash64() < newest.labels.hash64()),
        };
        if too_old { Verdict::Refuse(AppendError::OutOfOrderExemplar) } else { Verdict::Take }
    }

    /// Adds an exemplar of the series with these labels; what [`Self::judge`] would not take is dropped, and counted when
    /// it is out of order.
    pub(crate) fn add(&mut self, e: Exemplar, labels: impl FnOnce() -> Option<Labels>) {
        if self.max == 0 {
            return;
        }
        let known = match self.entry_of(e.series) {
            Some(at) => Some(at),
            None => {
                let Some(labels) = labels() else { return };
                match self.by_labels.get(&labels).copied() {
                    Some(at) => {
                        self.by_ref.remove(&self.series[at as usize].known_as);
                        self.series[at as usize].known_as = e.series;
                        self.by_ref.insert(e.series, at);
                        Some(at)
                    }
                    None => {
                        // Nothing is refused from here on: the entry will be used.
                        let at = self.new_series(labels, e.series);
                        self.put(e, at);
                        return;
                    }
                }
            }
        };
        let Some(at) = known else { return };
        match self.judge_after(&e, at) {
            Verdict::Take => {}
            Verdict::Same => return,
            Verdict::Refuse(_) => {
                self.out_of_order += 1;
                return;
            }
        }
        let entry = &self.series[at as usize];
        let (oldest, newest) = (&self.ring[entry.oldest as usize], &self.ring[entry.newest as usize]);
        if oldest.exemplar.t <= e.t
            && e.t < newest.exemplar.t
            && self.last_not_after(at, e.t).is_some_and(|i| self.ring[i as usize].exemplar.t == e.t)
        {
            // Upstream takes it for a duplicate without looking at values (native histograms have several at one time).
            return;
        }
        self.put(e, at);
    }

    fn new_series(&mut self, labels: Labels, known_as: SeriesRef) -> u32 {
        let entry = OfSeries { labels: labels.clone(), known_as, oldest: NONE, newest: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.series[at as usize] = entry;
                at
            }
            None => {
                self.series.push(entry);
                self.series.len() as u32 - 1
            }
        };
        self.by_labels.insert(labels, at);
        self.by_ref.insert(known_as, at);
        at
    }

    /// Puts an exemplar into the next place of the ring and links it within its series.
    fn put(&mut self, e: Exemplar, at: u32) {
        if self.next < self.ring.len() {
            self.remove(self.next, at);
        }
        let place = self.next as u32;
        let t = e.t;
        let older = self.last_not_after(at, t).unwrap_or(NONE);
        let newer = match older {
            NONE => self.series[at as usize].oldest,
            older => self.ring[older as usize].newer,
        };
        let held = Held { exemplar: e, of: at, older, newer };
        if self.next < self.ring.len() {
            self.ring[self.next] = held;
        } else {
            self.ring.push(held);
        }
        match older {
            NONE => self.series[at as usize].oldest = place,
            older => self.ring[older as usize].newer = place,
        }
        match newer {
            NONE => self.series[at as usize].newest = place,
            newer => self.ring[newer as usize].older = place,
        }
        self.next = (self.next + 1) % self.max;
        self.appended += 1;
    }

    /// Returns the newest exemplar of a series that is not newer than `t`: new ones are mostly the newest.
    fn last_not_after(&self, at: u32, t: TimestampMs) -> Option<u32> {
        let mut i = self.series[at as usize].newest;
        while i != NONE {
            let held = &self.ring[i as usize];
            if held.exemplar.t <= t {
                return Some(i);
            }
            i = held.older;
        }
        None
    }

    /// Empties a place; its series goes with its last exemplar unless it is `keep`.
    fn remove(&mut self, place: usize, keep: u32) {
        let Held { of, older, newer, .. } = self.ring[place];
        if of == NONE {
            return;
        }
        self.ring[place].of = NONE;
        match older {
            NONE => self.series[of as usize].oldest = newer,
            older => self.ring[older as usize].newer = newer,
        }
        match newer {
            NONE => self.series[of as usize].newest = older,
            newer => self.ring[newer as usize].older = older,
        }
        let entry = &self.series[of as usize];
        if entry.oldest == NONE && of != keep {
            self.by_labels.remove(&entry.labels);
            if self.by_ref.get(&entry.known_as) == Some(&of) {
                self.by_ref.remove(&entry.known_as);
            }
            self.series[of as usize].labels = Labels::empty();
            self.free.push(of);
        }
    }

    /// Changes how many are kept; the ones that came last stay. Returns how many moved.
    pub(crate) fn resize(&mut self, max: usize) -> usize {
        let max = max.min(NONE as usize - 1);
        if max == self.max {
            return 0;
        }
        let mut held: Vec<(Exemplar, Labels)> = Vec::with_capacity(self.ring.len().min(max));
        let in_order = (self.next..self.ring.len()).chain(0..self.next.min(self.ring.len()));
        for place in in_order.collect::<Vec<_>>() {
            let entry = &self.ring[place];
            if entry.of != NONE {
                held.push((entry.exemplar.clone(), self.series[entry.of as usize].labels.clone()));
            }
        }
        let skip = held.len().saturating_sub(max);
        let (appended, out_of_order) = (self.appended, self.out_of_order);
        *self = Self::new(max, self.out_of_order_window_ms);
        let moved = held.len() - skip;
        for (e, labels) in held.into_iter().skip(skip) {
            let at = match self.by_labels.get(&labels) {
                Some(&at) => at,
                None => self.new_series(labels, e.series),
            };
            self.put(e, at);
        }
        (self.appended, self.out_of_order) = (appended, out_of_order);
        moved
    }

    /// See [`firesteel_storage::ExemplarQueryable`].
    pub(crate) fn select(&self, range: TimeRange, matchers: &[&[Matcher]]) -> Vec<SeriesExemplars> {
        let mut found = Vec::new();
        for (labels, &at) in &self.by_labels {
            let entry = &self.series[at as usize];
            let oldest_t = self.ring[entry.oldest as usize].exemplar.t;
            if oldest_t > range.max
                || self.ring[entry.newest as usize].exemplar.t < range.min
                || !matchers.iter().any(|set| set.iter().all(|m| m.matches(labels.value(m.name()))))
            {
                continue;
            }
            let mut exemplars = Vec::new();
            let mut i = entry.oldest;
            while i != NONE {
                let held = &self.ring[i as usize];
                if held.exemplar.t > range.max {
                    break;
                }
                if held.exemplar.t >= range.min {
                    exemplars.push(held.exemplar.clone());
                }
                i = held.newer;
            }
            if !exemplars.is_empty() {
                found.push(SeriesExemplars { labels: labels.clone(), exemplars });
            }
        }
        found.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    /// Calls `each` with all exemplars and their series' labels, in order of arrival.
    pub(crate) fn each(&self, mut each: impl FnMut(&Labels, &Exemplar)) {
        for place in (self.next..self.ring.len()).chain(0..self.next.min(self.ring.len())) {
            let held = &self.ring[place];
            if held.of != NONE {
                each(&self.series[held.of as usize].labels, &held.exemplar);
            }
        }
    }

    pub(crate) fn stats(&self) -> ExemplarStats {
        let arrived = self.ring.get(self.next..).into_iter().flatten().chain(&self.ring);
        let oldest = arrived.into_iter().find(|held| held.of != NONE);
        ExemplarStats {
            appended: self.appended,
            out_of_order: self.out_of_order,
            in_storage: self.ring.len(),
            series: self.by_labels.len(),
            oldest_t: oldest.map(|held| held.exemplar.t).unwrap_or_default(),
            max: self.max,
        }
    }

    /// Returns the bytes allocated, about.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Held>()
            + self.series.capacity() * size_of::<OfSeries>()
            + self.by_labels.capacity() * 32
            + self.by_ref.capacity() * 16
    }
}

#[cfg(test)]
mod tests;
