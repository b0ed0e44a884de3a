//! HELP, TYPE and UNIT of a target's families, as the API shows them; kept for ten scrapes after they were last seen.

use std::borrow::Cow;
use std::hash::BuildHasher;

use firesteel_base::FastBuildHasher;
use firesteel_model::{Metadata, MetricType};
use hashbrown::HashTable;

/// How many scrapes a family outlives its last line.
const KEPT_SCRAPES: u64 = 10;

/// Metadata of one target, by family. Shared with the API behind a lock.
#[derive(Debug, Default)]
pub struct MetadataStore {
    families: Vec<Family>,
    /// The numbers of families, found by their names.
    by_name: HashTable<u32>,
    hasher: FastBuildHasher,
    free: Vec<u32>,
    /// The family of the line before: HELP and TYPE come together.
    last: Option<u32>,
    scrape: u64,
}

#[derive(Debug, Default)]
struct Family {
    name: Box<str>,
    about: Metadata,
    seen: u64,
    changed: u64,
}

impl MetadataStore {
    /// Returns the families with their metadata.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Metadata)> {
        self.families.iter().filter(|f| !f.name.is_empty()).map(|f| (&*f.name, &f.about))
    }

    /// Returns the metadata of one family.
    pub fn get(&self, name: &str) -> Option<&Metadata> {
        self.family(self.find(name)?).map(|(_, about)| about)
    }

    /// Returns how many families there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns the bytes of all texts, as `prometheus_target_metadata_cache_bytes` counts them.
    pub fn bytes(&self) -> usize {
        self.iter().map(|(_, m)| m.help.len() + m.unit.len() + m.metric_type.as_str().len()).sum()
    }

    /// Notes that a known line was seen again.
    #[inline]
    pub(crate) fn touch(&mut self, family: u32) {
        if let Some(family) = self.families.get_mut(family as usize) {
            family.seen = self.scrape;
        }
    }

    /// Sets one of a family's texts and returns the family's number.
    pub(crate) fn set(&mut self, name: &[u8], change: Change<'_>) -> u32 {
        let name = match std::str::from_utf8(name) {
            Ok(name) => Cow::Borrowed(name),
            Err(_) => String::from_utf8_lossy(name),
        };
        let at = match self.last.filter(|last| self.is_named(*last, &name)).or_else(|| self.find(&name)) {
            Some(at) => at,
            None => self.add(&name),
        };
        self.last = Some(at);
        let scrape = self.scrape;
        if let Some(family) = self.families.get_mut(at as usize) {
            family.seen = scrape;
            let changed = match change {
                Change::Type(t) => std::mem::replace(&mut family.about.metric_type, t) != t,
                Change::Help(text) => replace(&mut family.about.help, text),
                Change::Unit(text) => replace(&mut family.about.unit, text),
            };
            if changed {
                family.changed = scrape;
            }
        }
        at
    }

    /// Returns name and metadata of a family.
    pub(crate) fn family(&self, at: u32) -> Option<(&str, &Metadata)> {
        self.families.get(at as usize).map(|f| (&*f.name, &f.about))
    }

    /// Returns whether the family's metadata changed in the present scrape.
    pub(crate) fn has_changed(&self, at: u32) -> bool {
        self.families.get(at as usize).is_some_and(|f| f.changed == self.scrape)
    }

    /// Ends a scrape; after one that was taken, families long unseen are forgotten.
    pub(crate) fn scrape_done(&mut self, taken: bool) {
        self.last = None;
        if taken {
            for (at, family) in self.families.iter_mut().enumerate() {
                if !family.name.is_empty() && self.scrape - family.seen > KEPT_SCRAPES {
                    let hash = self.hasher.hash_one(&*family.name);
                    if let Ok(entry) = self.by_name.find_entry(hash, |known| *known == at as u32) {
                        entry.remove();
                    }
                    *family = Family::default();
                    self.free.push(at as u32);
                }
            }
        }
        self.scrape += 1;
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        self.families.get(at as usize).is_some_and(|family| &*family.name == name)
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.by_name.find(self.hasher.hash_one(name), |at| self.is_named(*at, name)).copied()
    }

    fn add(&mut self, name: &str) -> u32 {
        let family = Family { name: name.into(), ..Family::default() };
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.families.push(Family::default());
                self.families.len() as u32 - 1
            }
        };
        if let Some(slot) = self.families.get_mut(at as usize) {
            *slot = family;
        }
        let (families, hasher) = (&self.families, &self.hasher);
        let hash_of = |at: &u32| hasher.hash_one(families.get(*at as usize).map_or("", |family| &*family.name));
        self.by_name.insert_unique(hasher.hash_one(name), at, hash_of);
        at
    }
}

/// One line's worth of metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    Type(MetricType),
    Help(&'a str),
    Unit(&'a str),
}

fn replace(old: &mut String, new: &str) -> bool {
    let differs = old != new;
    if differs {
        new.clone_into(old);
    }
    differs
}
