//! The nodes of a running query: what each operator held and, when somebody wants to know, what it cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use firesteel_promql_syntax::Span;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

use crate::annotations::Note;
use crate::budget::Account;
use crate::error::Dearest;
use crate::explain::{ExplainNode, ExplainPlan};

/// One operator of a running query; shared by whoever works for it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) account: Arc<Account>,
    /// What it does, in a word or two.
    operator: String,
    /// Where its expression stands.
    pub(crate) span: Span,
    /// The selector whose series it reads from storage.
    selector: Option<Span>,
    /// The labels of these series that are read; `None` = all.
    labels: Option<Arc<[String]>>,
    is_root: bool,
    /// Whether times are taken.
    pub(crate) timed: bool,
    children: Mutex<Vec<Arc<Node>>>,
    /// What is said through this node, while somebody listens.
    notes: Mutex<Option<Vec<Note>>>,
    // Counters: nothing is published through them, so relaxed ordering is enough.
    held: AtomicU64,
    peak: AtomicU64,
    series: AtomicU64,
    points: AtomicU64,
    samples: AtomicU64,
    samples_read: AtomicU64,
    wall_ns: AtomicU64,
    /// CPU of the thread that called, the nodes below included.
    thread_ns: AtomicU64,
    /// CPU of the threads that worked on parts of this node.
    parts_ns: AtomicU64,
}

/// What a node is, as the plan knows it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) operator: String,
    pub(crate) span: Span,
    /// The selector whose series it reads.
    pub(crate) selector: Option<Span>,
    /// The labels of these series that are read; `None` = all.
    pub(crate) labels: Option<Arc<[String]>>,
}

impl Node {
    /// Returns the node of a whole query.
    pub(crate) fn root(account: &Arc<Account>, timed: bool) -> Arc<Self> {
        Self::new(
            account,
            timed,
            true,
            About { operator: "query".to_owned(), span: Span::default(), selector: None, labels: None },
        )
    }

    fn new(account: &Arc<Account>, timed: bool, is_root: bool, about: About) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        Arc::new(Self {
            account: Arc::clone(account),
            operator: about.operator,
            span: about.span,
            selector: about.selector,
            labels: about.labels,
            is_root,
            timed,
            children: Mutex::default(),
            notes: Mutex::default(),
            held: zero(),
            peak: zero(),
            series: zero(),
            points: zero(),
            samples: zero(),
            samples_read: zero(),
            wall_ns: zero(),
            thread_ns: zero(),
            parts_ns: zero(),
        })
    }

    /// Returns whether this is the node of a whole query.
    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }

    /// Adds a node below this one.
    pub(crate) fn child(&self, about: About) -> Arc<Self> {
        let child = Self::new(&self.account, self.timed, false, about);
        self.children.lock().push(Arc::clone(&child));
        child
    }

    pub(crate) fn held(&self, bytes: u64) {
        let now = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// Notes bytes that were refused: they would have been held.
    pub(crate) fn wanted(&self, bytes: u64) {
        self.peak.fetch_max(self.held.load(Ordering::Relaxed).saturating_add(bytes), Ordering::Relaxed);
    }

    pub(crate) fn released(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, total: u64, read: u64) {
        self.samples.fetch_add(total, Ordering::Relaxed);
        self.samples_read.fetch_add(read, Ordering::Relaxed);
    }

    /// Returns the samples counted so far: looked at, and read.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.samples.load(Ordering::Relaxed), self.samples_read.load(Ordering::Relaxed))
    }

    /// Begins to collect what is said through this node.
    pub(crate) fn listen(&self) {
        *self.notes.lock() = Some(Vec::new());
    }

    /// Returns what was said since.
    pub(crate) fn heard(&self) -> Vec<Note> {
        self.notes.lock().take().unwrap_or_default()
    }

    /// Takes a note, if somebody listens; who does says it at a place of its own.
    pub(crate) fn hear(&self, note: &Note) -> bool {
        let mut notes = self.notes.lock();
        let Some(heard) = &mut *notes else { return false };
        // Overlaps are counted, all else is said once.
        if matches!(note, Note::StartOverlap { .. }) || !heard.contains(note) {
            heard.push(note.clone());
        }
        true
    }

    pub(crate) fn note_series(&self, n: usize) {
        self.series.store(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn note_points(&self, n: u64) {
        self.points.fetch_add(n, Ordering::Relaxed);
    }

    /// Runs what this node does, on the thread that wants its answer.
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        if !self.timed {
            return work();
        }
        let (wall, cpu) = (Instant::now(), thread_ns());
        let done = work();
        self.wall_ns.fetch_add(wall.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.thread_ns.fetch_add(thread_ns().saturating_sub(cpu), Ordering::Relaxed);
        done
    }

    /// Runs a part of what this node does, on any thread.
    pub(crate) fn time_part<T>(&self, work: impl FnOnce() -> T) -> T {
        if !self.timed {
            return work();
        }
        let cpu = thread_ns();
        let done = work();
        self.parts_ns.fetch_add(thread_ns().saturating_sub(cpu), Ordering::Relaxed);
        done
    }

    /// Returns the tree from here on as it is shown. `query` is the text that spans lie in.
    pub(crate) fn explain(&self, query: &str) -> ExplainNode {
        let children: Vec<Arc<Self>> = self.children.lock().clone();
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let sum = |of: fn(&Self) -> u64| children.iter().map(|child| of(child)).sum::<u64>();
        let wall = get(&self.wall_ns);
        let self_wall = wall.saturating_sub(sum(|child| child.wall_ns.load(Ordering::Relaxed)));
        let parts = get(&self.parts_ns);
        let thread = get(&self.thread_ns).saturating_sub(sum(|child| child.thread_ns.load(Ordering::Relaxed)));
        let children: Vec<ExplainNode> = children.iter().map(|child| child.explain(query)).collect();
        let self_cpu = Duration::from_nanos(if parts > 0 { parts } else { thread });
        ExplainNode {
            operator: self.operator.clone(),
            expression: query.get(self.span.start..self.span.end).unwrap_or("").to_owned(),
            span: self.span,
            labels: self.labels.clone(),
            series: get(&self.series),
            points: get(&self.points),
            samples: get(&self.samples),
            samples_read: get(&self.samples_read),
            peak_bytes: get(&self.peak),
            wall: Duration::from_nanos(wall),
            self_wall: Duration::from_nanos(self_wall),
            cpu: self_cpu + children.iter().map(|child| child.cpu).sum::<Duration>(),
            self_cpu,
            children,
        }
    }

    /// Returns the whole tree below a query's root.
    pub(crate) fn explain_query(&self, query: &str) -> ExplainPlan {
        ExplainPlan { peak_bytes: self.account.peak(), roots: self.explain(query).children }
    }

    /// Returns which selector the most bytes are held for: what stands above several counts for the one with the most
    /// series. Without selectors it is the node that held most itself.
    pub(crate) fn dearest(&self, query: &str) -> Option<Dearest> {
        let mut costs = Vec::new();
        let mut others = Vec::new();
        self.cost(&mut costs, &mut others);
        let most = |all: Vec<(Span, u64)>| all.into_iter().max_by_key(|(_, bytes)| *bytes);
        let (span, bytes) = most(costs).or_else(|| most(others))?;
        let text = query.get(span.start..span.end).filter(|text| !text.is_empty())?.to_owned();
        let (line, column) = span.line_column(query)?;
        Some(Dearest { text, span, line, column, bytes })
    }

    /// Adds up what is held for each selector; returns the place and the series of the largest one below.
    fn cost(&self, selectors: &mut Vec<(Span, u64)>, others: &mut Vec<(Span, u64)>) -> Option<(Span, u64)> {
        let mut largest = self.selector.map(|span| (span, self.series.load(Ordering::Relaxed)));
        for child in self.children.lock().iter() {
            let below = child.cost(selectors, others);
            if below.is_some_and(|(_, n)| largest.is_none_or(|(_, most)| n > most)) {
                largest = below;
            }
        }
        let peak = self.peak.load(Ordering::Relaxed);
        match largest {
            Some((span, _)) => match selectors.iter_mut().find(|(of, _)| *of == span) {
                Some((_, bytes)) => *bytes += peak,
                None => selectors.push((span, peak)),
            },
            None => others.push((self.span, peak)),
        }
        largest
    }
}

/// Returns the CPU time of this thread.
fn thread_ns() -> u64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    (t.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(t.tv_nsec as u64)
}
