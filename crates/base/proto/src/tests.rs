//! Messages there and back, and bytes that are no messages.

mod hostile;
mod messages;
mod wrapping;
