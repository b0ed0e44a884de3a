//! Memory: how many bytes a query may hold, and all queries of an engine together.
//!
//! Whoever is about to allocate charges first; a [`Charge`] gives its bytes back when it is dropped, on whatever way out.
//! Nobody waits for memory: a thread that waited could be the one that has to let go. When all queries together want more
//! than there is, the largest of them ends, so that small ones (rules, dashboards) go on; a quarter on top is kept for
//! what those take until it has ended.
//!
//! Queries are not alone: what the head and others take is seen by asking, once a second at most, what could still be had.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use firesteel_client::{Counter, Gauge};
use parking_lot::Mutex;

use crate::QueryError;
use crate::error::{OverBudget, Scope};
use crate::trace::Node;

/// Bounds on the bytes that queries hold; 0 = none.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryLimits {
    /// For one query.
    pub query_bytes: u64,
    /// For all of an engine's queries together.
    pub all_bytes: u64,
    /// Says how many bytes this process could still take, if it is known: all queries together get no more than that beside
    /// what they hold.
    pub spare: Option<fn() -> Option<u64>>,
}

/// How often it is asked what could still be had.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who takes so much at once has it asked.
const LARGE_BYTES: u64 = 1 << 20;
/// However little there is, small queries get this part of the limit.
const LEAST_PART: u64 = 64;

/// What all queries of an engine hold.
#[derive(Debug)]
pub(crate) struct Memory {
    limits: MemoryLimits,
    /// The limit in force for all queries together.
    all_bytes: AtomicU64,
    /// When it was asked what could still be had.
    looked: Mutex<Option<Instant>>,
    used: AtomicU64,
    /// The queries under way. Held for a look or a change only.
    accounts: Mutex<Vec<Arc<Account>>>,
    instruments: MemoryInstruments,
}

/// The metrics of an engine's memory.
#[derive(Debug)]
pub(crate) struct MemoryInstruments {
    pub(crate) used: Gauge,
    pub(crate) limit_query: Gauge,
    pub(crate) limit_all: Gauge,
    pub(crate) refused_query: Counter,
    pub(crate) refused_all: Counter,
}

/// What one query holds.
#[derive(Debug)]
pub(crate) struct Account {
    memory: Arc<Memory>,
    // Counters: nothing is published through them, so relaxed ordering is enough.
    used: AtomicU64,
    peak: AtomicU64,
    /// The query is to end: it is the largest, and there is no room for all.
    evicted: AtomicBool,
}

/// A query's place among the accounts; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct OpenAccount(pub(crate) Arc<Account>);

impl Memory {
    pub(crate) fn new(limits: MemoryLimits, instruments: MemoryInstruments) -> Arc<Self> {
        let memory = Self {
            limits,
            all_bytes: AtomicU64::new(limits.all_bytes),
            looked: Mutex::default(),
            used: AtomicU64::new(0),
            accounts: Mutex::default(),
            instruments,
        };
        memory.look();
        Arc::new(memory)
    }

    /// Adapts the limit to what could still be had, if that was not asked just now.
    fn look(&self) {
        // Who comes while another one asks goes by the old limit.
        let Some(mut looked) = self.looked.try_lock() else { return };
        if looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        *looked = Some(Instant::now());
        let spare = self.limits.spare.filter(|_| self.limits.all_bytes > 0).and_then(|ask| ask());
        if let Some(spare) = spare {
            let most = self.used.load(Ordering::Relaxed).saturating_add(spare);
            let least = self.limits.all_bytes / LEAST_PART;
            self.all_bytes.store(most.clamp(least, self.limits.all_bytes), Ordering::Relaxed);
        }
        let limits = self.limits();
        self.instruments.limit_query.set(limits.query_bytes as f64);
        self.instruments.limit_all.set(limits.all_bytes as f64);
    }

    /// Returns the limits in force.
    fn limits(&self) -> MemoryLimits {
        let all_bytes = self.all_bytes.load(Ordering::Relaxed);
        let query_bytes = match self.limits.query_bytes {
            own if all_bytes > 0 && own > 0 => own.min(all_bytes),
            own => own,
        };
        MemoryLimits { query_bytes, all_bytes, ..self.limits }
    }

    /// Opens the account of a query.
    pub(crate) fn open(self: &Arc<Self>) -> OpenAccount {
        self.look();
        let account = Arc::new(Account {
            memory: Arc::clone(self),
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            evicted: AtomicBool::new(false),
        });
        self.accounts.lock().push(Arc::clone(&account));
        OpenAccount(account)
    }

    /// Makes room by ending the largest query; false when that is the one that asks, or when even the reserve is gone.
    fn make_room(&self, asking: &Account, used: u64) -> bool {
        let accounts = self.accounts.lock();
        let Some(largest) = accounts.iter().max_by_key(|account| account.used()) else { return false };
        if std::ptr::eq(&raw const **largest, asking) || largest.used() <= asking.used() {
            return false;
        }
        largest.evicted.store(true, Ordering::Relaxed);
        {
            let all_bytes = self.limits().all_bytes;
            used <= all_bytes.saturating_add(all_bytes / 4)
        }
    }

    fn give_back(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.instruments.used.set(before.saturating_sub(bytes) as f64);
    }
}

impl Drop for OpenAccount {
    fn drop(&mut self) {
        let account = &self.0;
        account.memory.accounts.lock().retain(|other| !Arc::ptr_eq(other, account));
    }
}

impl Account {
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the most bytes held at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Returns how many bytes the query may still take, if there is a bound.
    pub(crate) fn room(&self) -> Option<u64> {
        let limits = self.memory.limits();
        let left = |limit: u64, used: u64| (limit > 0).then(|| limit.saturating_sub(used));
        let own = left(limits.query_bytes, self.used());
        let all = left(limits.all_bytes, self.memory.used.load(Ordering::Relaxed));
        own.into_iter().chain(all).min()
    }

    /// Errors when the query was chosen to end so that others have room.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.evicted.load(Ordering::Relaxed) { Err(self.refusal(Scope::All, 0)) } else { Ok(()) }
    }

    fn refusal(&self, scope: Scope, wanted: u64) -> QueryError {
        let instruments = &self.memory.instruments;
        let limits = self.memory.limits();
        let (counter, limit) = match scope {
            Scope::Query => (&instruments.refused_query, limits.query_bytes),
            Scope::All => (&instruments.refused_all, limits.all_bytes),
        };
        counter.inc();
        let held = self.used();
        QueryError::OverBudget(Box::new(OverBudget { scope, limit, held, wanted, dearest: None }))
    }

    fn take(&self, bytes: u64) -> Result<(), QueryError> {
        let memory = &self.memory;
        if bytes >= LARGE_BYTES {
            memory.look();
        }
        let limits = memory.limits();
        let own = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if limits.query_bytes > 0 && own > limits.query_bytes {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(self.refusal(Scope::Query, bytes));
        }
        let all = memory.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if limits.all_bytes > 0 && all > limits.all_bytes && !memory.make_room(self, all) {
            self.give_back(bytes);
            return Err(self.refusal(Scope::All, bytes));
        }
        memory.instruments.used.set(all as f64);
        self.peak.fetch_max(own, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.memory.give_back(bytes);
    }
}

/// Bytes that are held; they are given back when this is dropped.
#[derive(Default)]
pub(crate) struct Charge {
    node: Option<Arc<Node>>,
    bytes: u64,
}

impl Charge {
    /// Charges `bytes` to an operator.
    pub(crate) fn new(node: &Arc<Node>, bytes: u64) -> Result<Self, QueryError> {
        let mut charge = Self::default();
        charge.add(node, bytes)?;
        Ok(charge)
    }

    /// Charges more; the operator is the one that the first bytes were charged to.
    pub(crate) fn add(&mut self, node: &Arc<Node>, bytes: u64) -> Result<(), QueryError> {
        let node = self.node.get_or_insert_with(|| Arc::clone(node));
        if let Err(over) = node.account.take(bytes) {
            node.wanted(bytes);
            return Err(over);
        }
        node.held(bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// Charges so much more that `bytes` are held; never less than before.
    pub(crate) fn grow_to(&mut self, node: &Arc<Node>, bytes: u64) -> Result<(), QueryError> {
        if bytes > self.bytes { self.add(node, bytes - self.bytes) } else { Ok(()) }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(node) = &self.node {
            node.account.give_back(self.bytes);
            node.released(self.bytes);
        }
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({} bytes)", self.bytes)
    }
}

/// What an answer holds: it counts against the limits until the answer is dropped.
#[derive(Clone, Debug, Default)]
pub struct HeldMemory(#[expect(dead_code, reason = "held for its drop")] Option<Arc<Charge>>);

impl HeldMemory {
    pub(crate) fn new(charge: Charge) -> Self {
        Self(Some(Arc::new(charge)))
    }
}

#[cfg(test)]
mod tests {
    use firesteel_client::Registry;
    use firesteel_promql_syntax::Span;

    use super::*;

    fn memory_beside(query_bytes: u64, all_bytes: u64, spare: Option<fn() -> Option<u64>>) -> Arc<Memory> {
        let registry = Registry::new();
        let refused = registry.counter_vec("refused", "r", &["scope"]);
        let instruments = MemoryInstruments {
            used: registry.gauge("used", "u"),
            limit_query: registry.gauge("limit_query", "q"),
            limit_all: registry.gauge("limit_all", "a"),
            refused_query: refused.with(&["query"]),
            refused_all: refused.with(&["all"]),
        };
        Memory::new(MemoryLimits { query_bytes, all_bytes, spare }, instruments)
    }

    fn memory(query_bytes: u64, all_bytes: u64) -> Arc<Memory> {
        memory_beside(query_bytes, all_bytes, None)
    }

    fn scope(result: Result<Charge, QueryError>) -> Option<Scope> {
        match result {
            Ok(_) => None,
            Err(QueryError::OverBudget(over)) => Some(over.scope),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn bytes_return_when_the_charge_is_dropped() {
        let memory = memory(100, 0);
        let account = memory.open();
        let node = Node::root(&account.0, false);
        let held = Charge::new(&node, 60).expect("there is room");
        assert_eq!(scope(Charge::new(&node, 50)), Some(Scope::Query));
        drop(held);
        let mut held = Charge::new(&node, 50).expect("there is room again");
        held.grow_to(&node, 100).expect("just enough");
        assert!(held.add(&node, 1).is_err());
        drop(held);
        assert_eq!((account.0.used(), account.0.peak(), memory.used.load(Ordering::Relaxed)), (0, 100, 0));
        assert_eq!(node.span, Span::default());
    }

    #[test]
    fn what_others_take_is_not_for_queries() {
        static SPARE: AtomicU64 = AtomicU64::new(6000);
        let memory = memory_beside(6400, 6400, Some(|| Some(SPARE.load(Ordering::Relaxed))));
        assert_eq!(memory.limits().all_bytes, 6000);
        let account = memory.open();
        let node = Node::root(&account.0, false);
        let held = Charge::new(&node, 2000).expect("there is room");
        assert_eq!(account.0.room(), Some(4000));
        // Another look than the one of a moment ago.
        let again = || {
            *memory.looked.lock() = None;
            memory.look();
        };
        SPARE.store(500, Ordering::Relaxed);
        again();
        assert_eq!((memory.limits().all_bytes, memory.limits().query_bytes), (2500, 2500));
        assert_eq!(memory.instruments.limit_all.value().to_bits(), 2500f64.to_bits());
        assert_eq!(scope(Charge::new(&node, 501)), Some(Scope::Query));
        drop(held);
        SPARE.store(0, Ordering::Relaxed);
        again();
        assert_eq!(memory.limits().all_bytes, 100, "small queries go on");
        SPARE.store(1 << 40, Ordering::Relaxed);
        again();
        assert_eq!(memory.limits().all_bytes, 6400, "never more than was said");
    }

    #[test]
    fn the_largest_query_makes_room() {
        let memory = memory(0, 100);
        let (large, small) = (memory.open(), memory.open());
        let (large_node, small_node) = (Node::root(&large.0, false), Node::root(&small.0, false));
        let held = Charge::new(&large_node, 90).expect("there is room");
        assert_eq!(scope(Charge::new(&large_node, 20)), Some(Scope::All), "the largest gets no more");
        assert!(large.0.check().is_ok(), "nobody else wanted anything");
        let other = Charge::new(&small_node, 20).expect("out of the reserve");
        assert!(large.0.check().is_err() && small.0.check().is_ok());
        assert_eq!(scope(Charge::new(&small_node, 20)), Some(Scope::All), "the reserve has an end");
        drop((held, large));
        assert!(Charge::new(&small_node, 80).is_ok());
        drop((other, small));
        assert_eq!(memory.used.load(Ordering::Relaxed), 0);
    }
}
