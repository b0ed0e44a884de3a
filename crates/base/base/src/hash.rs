//! The one hasher for keys that live in memory only. Hashes that upstream shows or stores are xxh64 instead.

/// Seeded per process, so hostile label sets cannot be prepared against it.
pub type FastBuildHasher = foldhash::fast::RandomState;
pub type FastHashMap<K, V> = hashbrown::HashMap<K, V, FastBuildHasher>;
pub type FastHashSet<K> = hashbrown::HashSet<K, FastBuildHasher>;
