//! Alerts that wait for one Alertmanager: bounded, the oldest go first when there is no room.

use std::collections::VecDeque;

use firesteel_model::Alert;

/// A bounded queue.
#[derive(Debug)]
pub(crate) struct Queue {
    alerts: VecDeque<Alert>,
    capacity: usize,
}

/// What did not find room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Overflow {
    /// Of the new alerts, because they alone are more than the capacity.
    pub(crate) of_batch: usize,
    /// Of those that waited.
    pub(crate) of_queue: usize,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { alerts: VecDeque::new(), capacity }
    }

    /// Adds alerts at the end; makes room by dropping the oldest.
    pub(crate) fn add(&mut self, alerts: &[Alert]) -> Overflow {
        let of_batch = alerts.len().saturating_sub(self.capacity);
        let alerts = &alerts[of_batch..];
        let of_queue = (self.alerts.len() + alerts.len()).saturating_sub(self.capacity);
        self.alerts.drain(..of_queue);
        self.alerts.extend(alerts.iter().cloned());
        Overflow { of_batch, of_queue }
    }

    /// Takes the oldest, at most `max`.
    pub(crate) fn next_batch(&mut self, max: usize) -> Vec<Alert> {
        self.alerts.drain(..max.min(self.alerts.len())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.alerts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::alert;

    fn alerts(numbers: std::ops::Range<usize>) -> Vec<Alert> {
        numbers.map(|n| alert(&[("alertname", &n.to_string())])).collect()
    }

    fn numbers(alerts: &[Alert]) -> Vec<usize> {
        alerts.iter().filter_map(|alert| alert.labels.value("alertname").parse().ok()).collect()
    }

    #[test]
    fn the_oldest_make_room() {
        let mut queue = Queue::new(5);
        assert_eq!(queue.add(&alerts(0..3)), Overflow::default());
        assert_eq!(queue.add(&alerts(3..7)), Overflow { of_batch: 0, of_queue: 2 });
        assert_eq!(numbers(&queue.next_batch(2)), [2, 3]);
        // Of a batch that alone is too large its head is lost, and all that waited.
        assert_eq!(queue.add(&alerts(10..18)), Overflow { of_batch: 3, of_queue: 3 });
        assert_eq!(queue.len(), 5);
        assert_eq!(numbers(&queue.next_batch(256)), [13, 14, 15, 16, 17]);
        assert_eq!(numbers(&queue.next_batch(256)), [0_usize; 0]);
    }
}
