//! The memory of an answer's pieces, which comes back when a piece is with the socket: fresh pages are dear.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// A connection has so many pieces under way at most; more are not kept.
const KEPT: usize = 8;

/// Pieces that are free again.
#[derive(Clone, Default)]
pub(crate) struct Pieces {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A piece that is being sent.
struct Sent {
    bytes: Vec<u8>,
    home: Pieces,
}

impl Pieces {
    /// Returns an empty piece with room.
    pub(crate) fn take(&self, room: usize) -> Vec<u8> {
        self.free.lock().pop().unwrap_or_else(|| Vec::with_capacity(room))
    }

    /// Returns the bytes of a piece to be sent; it is free when they are dropped.
    pub(crate) fn send(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Sent { bytes, home: self.clone() })
    }
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut free = self.home.free.lock();
        if free.len() < KEPT {
            bytes.clear();
            free.push(bytes);
        }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("free", &self.free.lock().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_comes_back_when_it_is_sent() {
        let pieces = Pieces::default();
        let mut piece = pieces.take(100);
        piece.extend_from_slice(b"text");
        let place = piece.as_ptr();
        let sent = pieces.send(piece);
        assert_eq!(&sent[..], b"text");
        let half = sent.slice(2..);
        drop(sent);
        assert!(pieces.free.lock().is_empty());
        drop(half);
        let again = pieces.take(100);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        let many: Vec<Bytes> = (0..2 * KEPT).map(|_| pieces.send(vec![1])).collect();
        drop(many);
        assert_eq!(pieces.free.lock().len(), KEPT);
    }
}
