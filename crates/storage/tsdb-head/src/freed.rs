//! Telling the program's allocator that much was freed at once.
//!
//! An allocator keeps what was freed a moment ago at hand, and looks again when somebody allocates: after a truncation with
//! nobody at work that is never. Each thread has a part of it, so those that work with much tell it themselves. The allocator
//! is the whole program's and so is what is told it.

use std::sync::OnceLock;

static GIVE_BACK: OnceLock<fn()> = OnceLock::new();

/// Sets what gives free memory back to the system, to be called by threads that freed much. The first one counts.
pub fn set_give_back(give_back: fn()) {
    // A second one would be of the same program.
    let _ = GIVE_BACK.set(give_back);
}

/// Gives free memory back, if the program knows how: what this thread had, and what threads left that ended.
pub fn give_back() {
    if let Some(give_back) = GIVE_BACK.get() {
        give_back();
    }
}
