//! A binary heap that takes equal items in the order in which Go's `container/heap` takes them.
//!
//! Which of two samples of the same time survives a merge of overlapping chunks depends on that order; upstream's choice
//! is kept, so that merged blocks are its blocks byte for byte.

#[derive(Clone, Debug)]
pub(crate) struct GoHeap<T> {
    items: Vec<T>,
}

impl<T> Default for GoHeap<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

impl<T> GoHeap<T> {
    pub(crate) fn clear(&mut self) {
        self.items.clear();
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.items.first()
    }

    pub(crate) fn push(&mut self, item: T, less: impl Fn(&T, &T) -> bool) {
        self.items.push(item);
        let mut at = self.items.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !less(&self.items[at], &self.items[parent]) {
                break;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    pub(crate) fn pop(&mut self, less: impl Fn(&T, &T) -> bool) -> Option<T> {
        let last = self.items.len().checked_sub(1)?;
        self.items.swap(0, last);
        let mut at = 0;
        loop {
            let left = 2 * at + 1;
            if left >= last {
                break;
            }
            let right = left + 1;
            let child = if right < last && less(&self.items[right], &self.items[left]) { right } else { left };
            if !less(&self.items[child], &self.items[at]) {
                break;
            }
            self.items.swap(at, child);
            at = child;
        }
        self.items.pop()
    }
}
