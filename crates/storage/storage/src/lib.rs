//! The hinge between those who append and those who query, and the chunk encodings.
