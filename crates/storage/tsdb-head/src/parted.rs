//! A hash table in parts that grow and shrink alone: no insertion, and no single hold of a lock, moves all entries.

use hashbrown::HashTable;

/// Parts of a table. With 100,000 entries one that grows moves 3,000, some tens of microseconds.
pub(crate) const PARTS: usize = 32;

/// Which part: bits that neither choose a part's bucket nor are its tag.
const PART_SHIFT: u32 = 52;

/// See [`HashTable`], whose calls these are.
#[derive(Debug)]
pub(crate) struct Parted<T> {
    parts: [HashTable<T>; PARTS],
}

impl<T> Default for Parted<T> {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| HashTable::new()) }
    }
}

impl<T> Parted<T> {
    #[inline]
    fn part(&self, hash: u64) -> &HashTable<T> {
        &self.parts[(hash >> PART_SHIFT) as usize % PARTS]
    }

    #[inline]
    fn part_mut(&mut self, hash: u64) -> &mut HashTable<T> {
        &mut self.parts[(hash >> PART_SHIFT) as usize % PARTS]
    }

    #[inline]
    pub(crate) fn find(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&T> {
        self.part(hash).find(hash, eq)
    }

    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.part_mut(hash).find_mut(hash, eq)
    }

    /// Adds an entry that is not there.
    #[inline]
    pub(crate) fn insert_unique(&mut self, hash: u64, entry: T, hasher: impl Fn(&T) -> u64) {
        self.part_mut(hash).insert_unique(hash, entry, hasher);
    }

    /// Removes an entry, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) {
        if let Ok(entry) = self.part_mut(hash).find_entry(hash, eq) {
            entry.remove();
        }
    }

    /// Makes room for so many entries more, if their hashes are spread as hashes are.
    pub(crate) fn reserve(&mut self, entries: usize, hasher: impl Fn(&T) -> u64) {
        for part in &mut self.parts {
            part.reserve(entries / PARTS, &hasher);
        }
    }

    /// Gives back what one part has too much, if that is most of it.
    pub(crate) fn shrink(&mut self, part: usize, hasher: impl Fn(&T) -> u64) {
        let part = &mut self.parts[part % PARTS];
        if part.capacity() > 4 * part.len() {
            part.shrink_to(part.len() + part.len() / 4, hasher);
        }
    }

    /// Returns the bytes allocated.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.parts.iter().map(HashTable::allocation_size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: &u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn entries_are_found_and_no_part_has_many() {
        let mut table = Parted::default();
        for n in 0..50_000u64 {
            table.insert_unique(hash(&n), n, hash);
        }
        let most = table.parts.iter().map(HashTable::len).max().unwrap_or(0);
        assert!(most < 50_000 / PARTS * 2, "{most}");
        for n in 0..50_000u64 {
            assert_eq!(table.find(hash(&n), |&other| other == n), Some(&n));
        }
        assert_eq!(table.find(hash(&50_000), |&other| other == 50_000), None);
        let full = table.heap_bytes();
        (1000..50_000u64).for_each(|n| table.remove(hash(&n), |&other| other == n));
        (0..PARTS).for_each(|part| table.shrink(part, hash));
        assert!(table.heap_bytes() < full / 20, "{} of {full}", table.heap_bytes());
        for n in 0..1000u64 {
            let found = table.find_mut(hash(&n), |&other| other == n);
            assert_eq!(found.copied(), Some(n));
        }
    }
}
